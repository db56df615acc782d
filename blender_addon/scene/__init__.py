# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""What changes in Blender's scene: meshes, clouds of points and the values of programs."""
