# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of splats in Blender's own menus: into the scene, and out of it as they are now."""

import os

import bpy
from bpy.props import StringProperty

from ..formats import tables
from .requests import selected_splats


class _Splats:
    """Says in one sentence what stands in the way."""

    def execute(self, context):
        try:
            from ..formats.splats import SplatError
        except ImportError:
            self.report({"ERROR"}, tables.NO_NUMPY)
            return {"CANCELLED"}
        try:
            self.report({"INFO"}, self.carry_out(context))
        except SplatError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        except OSError as error:
            self.report({"ERROR"}, f"The file cannot be used: {error.strerror or error}.")
            return {"CANCELLED"}
        return {"FINISHED"}

    def invoke(self, context, event):
        if self.filepath:  # a file that was dropped
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}


class EDITOR3D_OT_import_splats(_Splats, bpy.types.Operator):
    """Bring in a file of Gaussian splats, with all that it holds"""

    bl_idname = "editor3d.import_splats"
    bl_label = "Import splats"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(name="File", subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default="*.ply", options={"HIDDEN"})

    def carry_out(self, context):
        from ..formats import splats
        from ..scene import splats as scene_splats

        path = os.path.abspath(bpy.path.abspath(self.filepath))
        with open(path, "rb") as file:
            table = splats.read(file.read())
        title = os.path.splitext(os.path.basename(path))[0][:60]
        thing = scene_splats.add(context, scene_splats.Building(table, title), title)
        return f"{thing.name}: {len(table)} splats."


class EDITOR3D_OT_export_splats(_Splats, bpy.types.Operator):
    """Write the selected splats as a file, as they are now: moved, turned, scaled, copied, joined"""

    bl_idname = "editor3d.export_splats"
    bl_label = "Export splats"

    filepath: StringProperty(name="File", subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default="*.ply", options={"HIDDEN"})

    @classmethod
    def poll(cls, context):
        if selected_splats(context):
            return True
        cls.poll_message_set("Select an object of splats.")
        return False

    def carry_out(self, context):
        from ..formats import splats
        from ..scene import splats as scene_splats

        path = os.path.abspath(bpy.path.abspath(self.filepath))
        path = path if path.lower().endswith(".ply") else f"{path}.ply"
        table = scene_splats.table_of(selected_splats(context))()
        with open(path + ".new", "wb") as file:
            file.write(splats.write(table))
        os.replace(path + ".new", path)
        return f"{path}: {len(table)} splats."


class EDITOR3D_OT_settle_splats(_Splats, bpy.types.Operator):
    """Turn and scale each splat along with what was joined, applied or moved in edit mode, which moves points alone"""

    bl_idname = "editor3d.settle_splats"
    bl_label = "Settle splats"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, context):
        return EDITOR3D_OT_export_splats.poll.__func__(cls, context)

    def invoke(self, context, event):
        return self.execute(context)

    def carry_out(self, context):
        from ..scene import splats as scene_splats

        count = 0
        for thing in selected_splats(context):
            count += scene_splats.settle(thing)
        return f"{count} splats are settled."


def _draw_import(self, context):
    self.layout.operator("editor3d.import_splats", text="Gaussian splats (.ply), Editor3D")


def _draw_export(self, context):
    self.layout.operator("editor3d.export_splats", text="Gaussian splats (.ply), Editor3D")


def _draw_object(self, context):
    if selected_splats(context):
        self.layout.separator()
        self.layout.operator("editor3d.settle_splats")
        self.layout.operator("editor3d.export_splats", text="Export splats…")


CLASSES = [EDITOR3D_OT_import_splats, EDITOR3D_OT_export_splats, EDITOR3D_OT_settle_splats]
if bpy.app.version >= (4, 1, 0):

    class EDITOR3D_FH_splats(bpy.types.FileHandler):
        """A file of splats that is dropped onto a 3D view."""

        bl_idname = "EDITOR3D_FH_splats"
        bl_label = "Gaussian splats, Editor3D"
        bl_import_operator = "editor3d.import_splats"
        bl_file_extensions = ".ply"

        @classmethod
        def poll_drop(cls, context):
            return context.area is not None and context.area.type == "VIEW_3D"

    CLASSES.append(EDITOR3D_FH_splats)

_register, _unregister = bpy.utils.register_classes_factory(CLASSES)


def _menus():
    return (
        (bpy.types.TOPBAR_MT_file_import, _draw_import),
        (bpy.types.TOPBAR_MT_file_export, _draw_export),
        (bpy.types.VIEW3D_MT_object_context_menu, _draw_object),
    )


def register():
    _register()
    for menu, draw in _menus():
        menu.append(draw)


def unregister():
    for menu, draw in _menus():
        menu.remove(draw)
    _unregister()
