# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""The panel in the 3D view's sidebar."""

import textwrap
import time

import bpy

from ..job import engine, history, thumbnails
from ..job.session import session
from . import dataset_operator, preferences
from .requests import other_meshes, selected_splats, subject_mesh

_STATES = {
    "done": "INFO",
    "accepted": "CHECKMARK",
    "rejected": "X",
    "cancelled": "PAUSE",
    "failed": "ERROR",
    "missing": "ERROR",
}


class _InSidebar:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Editor3D"


class _BelowMain(_InSidebar):
    bl_parent_id = "EDITOR3D_PT_main"
    bl_options = {"DEFAULT_CLOSED"}


class EDITOR3D_PT_main(_InSidebar, bpy.types.Panel):
    bl_idname = "EDITOR3D_PT_main"
    bl_label = "Editor3D"

    def draw(self, context):
        layout = self.layout
        thumbnails.fit(context)
        chosen = context.window_manager.editor3d
        if session.missing or not engine.is_found(preferences.command()):
            _draw_missing(layout)
        column = layout.column()
        column.enabled = not session.running
        column.label(text="What should change?")
        column.prop(chosen, "instruction", text="", icon="GREASEPENCIL")
        column.prop(chosen, "what", text="")
        _draw_subject(column, context, chosen)
        _draw_choices(column, chosen)
        if session.running:
            _draw_running(layout, chosen)
            return
        row = layout.row(align=True)
        row.scale_y = 1.4
        row.operator("editor3d.run", icon="PLAY")
        row.operator("editor3d.preview", icon="HIDE_OFF")
        if session.phase == "pending":
            _draw_result(layout, chosen)
        elif session.message and not session.missing:
            whole = _draw_text(layout, session.message, context)
            if session.details or not whole:
                layout.operator("editor3d.details", icon="TEXT")


def _draw_missing(layout):
    box = layout.box()
    box.label(text="The engine is not found", icon="ERROR")
    installation = preferences.current
    if installation is not None:
        box.label(text=installation.message)
        if installation.state == "running":
            box.operator("editor3d.stop_install", icon="CANCEL")
            return
    box.operator("editor3d.open_preferences", text="Find or install it…", icon="PREFERENCES")


def _draw_subject(layout, context, chosen):
    if chosen.what == "MESH":
        thing = subject_mesh(context)
        if thing is None:
            layout.label(text="Select a mesh", icon="INFO")
        else:
            layout.label(text=thing.name, icon="OUTLINER_OB_MESH")
            others = len(other_meshes(context))
            if others > 0:
                layout.label(text=f"and {others} more", icon="OUTLINER_OB_MESH")
            layout.prop(chosen, "where", text="")
            if chosen.where == "INSIDE":
                layout.prop(chosen, "inside", text="")
    elif chosen.what == "SCENE":
        layout.prop(chosen, "scene_path", text="")
        if not chosen.scene_path:
            chosen_splats = selected_splats(context)
            text = ", ".join(thing.name for thing in chosen_splats) or "File, or selection"
            layout.label(text=text, icon="POINTCLOUD_DATA" if chosen_splats else "INFO")
        layout.prop(chosen, "scene_format", text="")
        if chosen.scene_path:  # a person is found in photographs
            _draw_picture(layout, chosen, "garment")
    else:
        layout.prop(chosen, "part", text="")
        if chosen.part == "MATERIAL":
            layout.prop(chosen, "confined")
        _draw_picture(layout, chosen, "target")


def _draw_picture(layout, chosen, name):
    """A picture: a file, or one that is in Blender."""
    layout.prop(chosen, name)
    if not getattr(chosen, name):
        layout.prop(chosen, f"{name}_image")


def _draw_choices(layout, chosen):
    box = layout.column(align=True)
    box.use_property_split = True
    box.use_property_decorate = False
    box.prop(chosen, "editor")
    if chosen.what != "REFINE":  # a search has no guidance
        box.prop(chosen, "strength")
    box.prop(chosen, "quality")
    if chosen.what == "MESH" and chosen.where == "AUTO":
        box.prop(chosen, "shape", slider=True)
        if chosen.shape > 0.0 and _is_rigged(bpy.context.active_object):
            layout.label(text="Rig or keys may go", icon="ERROR")
    box.prop(chosen, "seed")
    if chosen.what == "SCENE":
        layout.prop(chosen, "force")


def _is_rigged(thing):
    """Whether a mesh has what new triangles would lose."""
    if thing is None or thing.type != "MESH":
        return False
    return thing.data.shape_keys is not None or bool(thing.vertex_groups)


def _draw_running(layout, chosen):
    box = layout.box()
    share = session.share()
    if share is not None and hasattr(box, "progress"):  # Blender 4.0
        box.progress(text=session.message, factor=share, type="BAR")
    else:
        box.label(text=session.message, icon="SORTTIME")
        if share is not None:
            box.prop(chosen, "progress", text="", slider=True)
    note = (session.job.get("progress") or {}).get("note")
    if note:
        box.label(text=note[:60])
    icon = thumbnails.icon("progress")
    if icon:
        box.template_icon(icon_value=icon, scale=thumbnails.scales["progress"])
    row = box.row()
    row.scale_y = 1.4
    row.operator("editor3d.cancel", text="Stop (Esc)", icon="CANCEL")


def _draw_result(layout, chosen):
    box = layout.box()
    outcome, pairs = session.outcome, session.pairs()
    box.label(text=session.message, icon="CHECKMARK")
    if pairs:
        index = min(chosen.pair, pairs) - 1
        row = box.row()
        for name in ("before", "after"):
            column = row.column(align=True)
            column.label(text=name.capitalize())
            column.template_icon(icon_value=thumbnails.icon(f"{name}-{index}"), scale=thumbnails.scales["pair"])
        if pairs > 1:
            box.prop(chosen, "pair", text="View", slider=True)
    elif outcome.sheet is not None:
        box.template_icon(icon_value=thumbnails.icon("sheet"), scale=thumbnails.scales["sheet"])
    if outcome.sheet is not None:
        box.operator("editor3d.open_picture", icon="IMAGE_DATA")
    if session.request.kind.endswith("preview"):
        box.operator("editor3d.reject", text="Close", icon="X")
        return
    if outcome.styled is not None:
        tried = session.trial.is_on()
        text = "Show before" if tried else "Show after in the scene"
        box.operator("editor3d.compare", text=text, icon="ARROW_LEFTRIGHT", depress=tried)
    if session.request.kind != "refine":
        box.prop(chosen, "asset")
    row = box.row(align=True)
    row.scale_y = 1.4
    row.operator("editor3d.accept", icon="CHECKMARK")
    row.operator("editor3d.reject", icon="X")


def _draw_text(layout, text, context):
    """A sentence on two lines of the sidebar at most; whether that is all of it."""
    width = max(20, int(context.region.width / (7.0 * context.preferences.system.ui_scale)) - 4)
    column = layout.column(align=True)
    column.scale_y = 0.8
    lines = textwrap.wrap(text, width)
    for line in lines if len(lines) <= 2 else [lines[0], f"{lines[1]}…"]:
        column.label(text=line)
    return len(lines) <= 2


class EDITOR3D_PT_history(_BelowMain, bpy.types.Panel):
    bl_idname = "EDITOR3D_PT_history"
    bl_label = "History"

    def draw(self, context):
        layout = self.layout
        if not history.entries:
            layout.label(text="No jobs yet.")
            return
        for index, entry in enumerate(history.entries):
            row = layout.row(align=True)
            text = f"{entry['instruction']} ({entry['subject'].rpartition('/')[2]})"
            row.label(text=text, icon=_STATES.get(entry["state"], "DOT"))
            row.operator("editor3d.rerun", text="", icon="FILE_REFRESH").index = index
        layout.label(text=time.strftime("Newest: %d %b, %H:%M", time.localtime(history.entries[0].get("time", 0))))
        layout.operator("editor3d.clear_history", icon="TRASH")


class EDITOR3D_PT_dataset(_BelowMain, bpy.types.Panel):
    bl_idname = "EDITOR3D_PT_dataset"
    bl_label = "Data set"

    def draw(self, context):
        dataset_operator.draw(self.layout)


CLASSES = (EDITOR3D_PT_main, EDITOR3D_PT_history, EDITOR3D_PT_dataset)

register, unregister = bpy.utils.register_classes_factory(CLASSES)
