# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of splats in Blender's own menus: into the scene, and out of it as they are now."""

import os

import bpy
from bpy.props import StringProperty

from ..formats import tables
from ..job.computing import Computing, computed
from .requests import selected_splats

_TICK = 0.02


class _Splats:
    """Goes on in steps of a few milliseconds: a user works on meanwhile, or ends it by ESC; a script gets it whole.
    Says in one sentence what stands in the way."""

    _timer = None

    def execute(self, context):
        steps = self.steps(context)
        while True:
            try:
                waiting = next(steps)
            except StopIteration as end:
                return self._told("INFO", end.value, "FINISHED")
            except _errors() as error:
                return self._told("ERROR", _sentence(error), "CANCELLED")
            if isinstance(waiting, Computing):
                waiting.join()

    def invoke(self, context, event):
        if not self.filepath:  # else a file was dropped
            context.window_manager.fileselect_add(self)
            return {"RUNNING_MODAL"}
        return self.begin(context)

    def begin(self, context):
        """Go on in steps from now on; the last one is the one to undo."""
        if context.window is None or bpy.app.background:
            return self.execute(context)
        self._steps = self.steps(context)
        self._timer = context.window_manager.event_timer_add(_TICK, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context, event):
        if event.type == "ESC" and event.value == "PRESS":
            self.cancel(context)
            return self._told("INFO", "Stopped.", "CANCELLED")
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        try:
            waiting = next(self._steps)
        except StopIteration as end:
            self._end(context)
            return self._told("INFO", end.value, "FINISHED")
        except _errors() as error:
            self._end(context)
            return self._told("ERROR", _sentence(error), "CANCELLED")
        share = "" if isinstance(waiting, Computing) else f" {100.0 * waiting:.0f} %"
        context.workspace.status_text_set(f"Editor3D: {self.bl_label}…{share} (Esc stops)")
        return {"PASS_THROUGH"}

    def cancel(self, context):
        if self._timer is not None:
            self._steps.close()
            self._end(context)

    def _end(self, context):
        context.window_manager.event_timer_remove(self._timer)
        self._timer = None
        context.workspace.status_text_set(None)

    def _told(self, kind, text, result):
        self.report({kind}, text)
        return {result}


def _errors():
    try:
        from ..formats.splats import SplatError
    except ImportError:
        return ImportError, OSError
    return ImportError, OSError, SplatError


def _sentence(error):
    if isinstance(error, ImportError):
        return tables.NO_NUMPY
    return f"The file cannot be used: {error.strerror or error}." if isinstance(error, OSError) else str(error)


def _built(building):
    """Steps of a `Building`; one that is not let to its end leaves nothing."""
    whole = False
    try:
        while not building.step():
            yield building.share
        whole = True
    finally:
        if not whole:
            building.drop()


def _read(things, world=True):
    """Steps of a `Reading`, which it returns."""
    from ..scene.splats.reading import Reading

    reading = Reading(things, world)
    while not reading.step():
        yield reading.share
    return reading


class EDITOR3D_OT_import_splats(_Splats, bpy.types.Operator):
    """Bring in a file of Gaussian splats, with all that it holds"""

    bl_idname = "editor3d.import_splats"
    bl_label = "Import splats"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(name="File", subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default="*.ply", options={"HIDDEN"})

    def steps(self, context):
        from ..formats import splats
        from ..scene.splats import building, layers

        path = os.path.abspath(bpy.path.abspath(self.filepath))

        def read():
            with open(path, "rb") as file:
                table = splats.read(file.read())
            return table, layers.layers_of(table)

        table, found = yield from computed(read)
        title = os.path.splitext(os.path.basename(path))[0][:60]
        made = building.Building(table, title, found)
        yield from _built(made)
        thing = building.add(context, made, title)
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

    def steps(self, context):
        from ..formats import splats

        path = os.path.abspath(bpy.path.abspath(self.filepath))
        path = path if path.lower().endswith(".ply") else f"{path}.ply"
        reading = yield from _read(selected_splats(context))

        def written():
            table = reading.table()
            with open(path + ".new", "wb") as file:
                splats.write(table, file)
            os.replace(path + ".new", path)
            return len(table)

        count = yield from computed(written)
        return f"{path}: {count} splats."


class EDITOR3D_OT_settle_splats(_Splats, bpy.types.Operator):
    """Turn and scale each splat along with what was joined, applied or moved in edit mode, which moves points alone"""

    bl_idname = "editor3d.settle_splats"
    bl_label = "Settle splats"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        return EDITOR3D_OT_export_splats.poll.__func__(cls, context)

    def invoke(self, context, event):
        return self.begin(context)

    def steps(self, context):
        from ..scene.splats import building, layers

        count = 0
        for name in [thing.name for thing in selected_splats(context)]:
            thing = bpy.data.objects.get(name)
            if thing is None:
                continue
            reading = yield from _read([thing], world=False)

            def computing(reading=reading):
                table = reading.table()
                return table, layers.layers_of(table)

            table, found = yield from computed(computing)
            made = building.Building(table, name, found)
            yield from _built(made)
            thing = bpy.data.objects.get(name)
            if thing is None:
                made.drop()
                continue
            count += building.replace(thing, made)
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
