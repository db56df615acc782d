# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the panel's smaller buttons do: they look things up, and change nothing in the scene."""

import textwrap

import bpy

from ..job import history
from ..job.session import redraw, session
from . import preferences


class EDITOR3D_OT_open_picture(bpy.types.Operator):
    """Open the whole picture in the system's viewer"""

    bl_idname = "editor3d.open_picture"
    bl_label = "Open picture"

    @classmethod
    def poll(cls, context):
        there = session.outcome is not None and session.outcome.sheet is not None
        if not there:
            cls.poll_message_set("No picture waits: run an edit first.")
        return there

    def execute(self, context):
        bpy.ops.wm.path_open(filepath=session.file("sheet.png", session.outcome.sheet))
        return {"FINISHED"}


class EDITOR3D_OT_clear_history(bpy.types.Operator):
    """Clear the history"""

    bl_idname = "editor3d.clear_history"
    bl_label = "Clear history"

    def execute(self, context):
        history.clear()
        redraw()
        return {"FINISHED"}


class EDITOR3D_OT_copy_install_command(bpy.types.Operator):
    """Copy the command that installs the engine"""

    bl_idname = "editor3d.copy_install_command"
    bl_label = "Copy the command"

    def execute(self, context):
        context.window_manager.clipboard = preferences.install_command()
        return {"FINISHED"}


class EDITOR3D_OT_details(bpy.types.Operator):
    """Show the whole message, and what the engine wrote last"""

    bl_idname = "editor3d.details"
    bl_label = "Details"

    @classmethod
    def poll(cls, context):
        if not session.message:
            cls.poll_message_set("There is no message: run an edit first.")
        return bool(session.message)

    def execute(self, context):
        lines = textwrap.wrap(session.message, 100)
        lines += [line for line in session.details.splitlines() if line.strip()][-20:]

        def draw(menu, _):
            for line in lines:
                menu.layout.label(text=line[:160])

        context.window_manager.popup_menu(draw, title="Editor3D", icon="TEXT")
        return {"FINISHED"}


class EDITOR3D_OT_open_preferences(bpy.types.Operator):
    """Say where the engine is"""

    bl_idname = "editor3d.open_preferences"
    bl_label = "Preferences"

    def execute(self, context):
        bpy.ops.preferences.addon_show(module=preferences.ADDON)
        return {"FINISHED"}


CLASSES = (
    EDITOR3D_OT_open_picture,
    EDITOR3D_OT_clear_history,
    EDITOR3D_OT_copy_install_command,
    EDITOR3D_OT_details,
    EDITOR3D_OT_open_preferences,
)

register, unregister = bpy.utils.register_classes_factory(CLASSES)
