# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Blender scene as a posed image set in nerfstudio's format.

Knows nothing of the rest of the add-on, so that a Blender of its own can run it.
"""
