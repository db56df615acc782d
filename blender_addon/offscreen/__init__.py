# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a second Blender does with a copy of the scene, while the first can be worked with: bakes and renders."""
