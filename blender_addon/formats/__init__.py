# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files as arrays: GLB, PLY and pixels. Neither Blender nor the engine is needed to read them."""
