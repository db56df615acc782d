# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Editor3D in Blender: a panel that changes meshes, materials and captured scenes by one sentence.

The work is done by the engine, a program of its own; this add-on finds it, starts it and speaks to it over the loopback
interface. It uses Blender's modules and the standard library, and runs from Blender 3.4 on.
"""

bl_info = {
    "name": "Editor3D",
    "author": "The editor3d developers",
    "version": (0, 1, 0),
    "blender": (3, 4, 0),
    "location": "3D View > Sidebar > Editor3D",
    "description": "Change meshes, materials and captured scenes by one sentence",
    "category": "3D View",
}

from .job import history, session, thumbnails  # noqa: E402
from .ui import dataset_operator, operators, panel, preferences, properties, side_operators, splat_operators  # noqa: E402

_PARTS = (
    thumbnails,
    session,
    properties,
    preferences,
    operators,
    side_operators,
    dataset_operator,
    splat_operators,
    panel,
)


def register():
    for part in _PARTS:
        part.register()
    history.load()


def unregister():
    for part in reversed(_PARTS):
        part.unregister()
