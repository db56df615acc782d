# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the engine is, how to get it, and what it may use."""

import os

import bpy
from bpy.props import BoolProperty, StringProperty

from ..job import engine, install
from ..job.session import redraw

ADDON = __package__.rpartition(".")[0]
"""What Blender calls the add-on: the package above this room."""
KEYS = (("service_key", "EDITOR3D_SERVICE_KEY"), ("vision_key", "EDITOR3D_VISION_KEY"))
"""Passwords of services, and the variables by which the engine is told them."""

current = None
"""The installation that runs, or ran last."""


class Editor3DPreferences(bpy.types.AddonPreferences):
    bl_idname = ADDON

    command: StringProperty(
        name="Engine",
        description="The program editor3d, or the folder that it is installed in; empty looks for it on PATH, and "
        "where it was installed from here",
        subtype="FILE_PATH",
    )
    folder: StringProperty(name="Folder", description="Where the engine is put", subtype="DIR_PATH")
    source: StringProperty(
        name="Wheel", description="The engine's wheel (.whl), or the folder of its project", subtype="FILE_PATH"
    )
    weaker_sandbox: BoolProperty(
        name="Refine in a weaker sandbox",
        description="Also where this system lacks a layer of what confines the programs that a search tries",
    )
    service_key: StringProperty(
        name="Editor's key",
        description="Password of a 2D editing service; kept in the preferences, never in a .blend",
        subtype="PASSWORD",
    )
    vision_key: StringProperty(
        name="Vision model's key",
        description="Password of a service that looks at renders; kept in the preferences, never in a .blend",
        subtype="PASSWORD",
    )

    def draw(self, context):
        layout = self.layout
        layout.prop(self, "command")
        found = engine.find_command(self.command or install.remembered())
        if found:
            layout.label(text=f"Found: {found}", icon="CHECKMARK")
        else:
            self._draw_install(layout)
        layout.prop(self, "service_key")
        layout.prop(self, "vision_key")
        layout.prop(self, "weaker_sandbox")

    def _draw_install(self, layout):
        box = layout.box()
        box.label(text=f"The engine is not installed. It takes {install.SIZE}.", icon="INFO")
        box.prop(self, "source")
        box.prop(self, "folder", text=f"Folder ({install.default_folder()})" if not self.folder else "Folder")
        if current is not None:
            box.label(text=current.message, icon="ERROR" if current.state == "failed" else "SORTTIME")
        running = current is not None and current.state == "running"
        box.operator("editor3d.stop_install" if running else "editor3d.install", icon="CANCEL" if running else "IMPORT")
        row = box.row()
        row.label(text="Or by hand, in a terminal:")
        row.operator("editor3d.copy_install_command", text="Copy the command", icon="COPYDOWN")


class EDITOR3D_OT_install(bpy.types.Operator):
    """Install the engine into an environment of its own"""

    bl_idname = "editor3d.install"
    bl_label = "Install the engine"

    @classmethod
    def poll(cls, context):
        if current is not None and current.state == "running":
            cls.poll_message_set("It is being installed.")
            return False
        if not _value("source", "").strip():
            cls.poll_message_set("Choose the engine's wheel first.")
            return False
        return True

    def execute(self, context):
        global current
        source = os.path.abspath(bpy.path.abspath(_value("source", "")))
        if not os.path.exists(source):
            self.report({"ERROR"}, f"There is no {source}: choose the engine's wheel.")
            return {"CANCELLED"}
        current = install.Install(_folder(), source)
        current.start()
        bpy.app.timers.register(_tick, first_interval=0.3)
        return {"FINISHED"}


class EDITOR3D_OT_stop_install(bpy.types.Operator):
    """Stop the installation, and remove what it wrote"""

    bl_idname = "editor3d.stop_install"
    bl_label = "Stop"

    @classmethod
    def poll(cls, context):
        runs = current is not None and current.state == "running"
        if not runs:
            cls.poll_message_set("No installation runs.")
        return runs

    def execute(self, context):
        if current is not None:
            current.cancel()
        return {"FINISHED"}


def _folder():
    chosen = _value("folder", "").strip()
    return os.path.abspath(bpy.path.abspath(chosen)) if chosen else install.default_folder()


def _tick():
    """Have the panel drawn while it runs."""
    redraw()
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "PREFERENCES":
                area.tag_redraw()
    return 0.3 if current is not None and current.state == "running" else None


def install_command():
    """The command line that does what the button does."""
    return install.command(_folder(), _value("source", ""))


def command():
    """Where the engine is: what the preferences say, else where it was installed from here, else "" for PATH."""
    return _value("command", "") or install.remembered()


def secrets():
    """Keys of services, by the variables that the engine reads."""
    return {variable: value for name, variable in KEYS if (value := _value(name, ""))}


def weaker_sandbox():
    """Whether programs may be tried where a layer of protection is missing."""
    return _value("weaker_sandbox", False)


def _value(name, default):
    addon = bpy.context.preferences.addons.get(ADDON)
    return getattr(addon.preferences, name) if addon is not None and addon.preferences is not None else default


CLASSES = (Editor3DPreferences, EDITOR3D_OT_install, EDITOR3D_OT_stop_install)

register, _unregister = bpy.utils.register_classes_factory(CLASSES)


def unregister():
    if current is not None:
        current.cancel()
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    _unregister()
