# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the engine is."""

import bpy
from bpy.props import BoolProperty, StringProperty

from ..job import engine

ADDON = __package__.rpartition(".")[0]
"""What Blender calls the add-on: the package above this room."""


class Editor3DPreferences(bpy.types.AddonPreferences):
    bl_idname = ADDON

    command: StringProperty(
        name="Engine",
        description="The program editor3d, or the folder that it is installed in; empty looks for it on PATH",
        subtype="FILE_PATH",
    )

    weaker_sandbox: BoolProperty(
        name="Refine in a weaker sandbox",
        description="Also where this system lacks a layer of what confines the programs that a search tries",
    )

    def draw(self, context):
        layout = self.layout
        layout.prop(self, "command")
        layout.prop(self, "weaker_sandbox")
        found = engine.find_command(self.command)
        if found:
            layout.label(text=f"Found: {found}", icon="CHECKMARK")
        else:
            layout.label(text="Not found. Install it, in the folder that holds the project:", icon="ERROR")
            row = layout.row()
            row.label(text=engine.INSTALL)
            row.operator("editor3d.copy_install_command", text="", icon="COPYDOWN")


def command():
    """What the preferences say of the engine's place."""
    return _value("command", "")


def weaker_sandbox():
    """Whether programs may be tried where a layer of protection is missing."""
    return _value("weaker_sandbox", False)


def _value(name, default):
    addon = bpy.context.preferences.addons.get(ADDON)
    return getattr(addon.preferences, name) if addon is not None and addon.preferences is not None else default


register, unregister = bpy.utils.register_classes_factory((Editor3DPreferences,))
