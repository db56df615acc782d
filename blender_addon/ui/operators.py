# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the panel's buttons do."""

import bpy
from bpy.props import IntProperty

from ..job import history
from ..job.session import redraw, session
from ..scene import bring_in
from . import preferences, requests


def _is_free(operator):
    """Whether a job can be started now; else the operator says why not."""
    if session.running:
        operator.poll_message_set("An edit runs: stop it first.")
    elif session.is_tried():
        operator.poll_message_set("The result is shown in the scene: accept or reject it first.")
    else:
        return True
    return False


class _Starts:
    """Starts a job, and then listens for ESC until it has ended."""

    preview = False

    @classmethod
    def poll(cls, context):
        return _is_free(cls)

    def invoke(self, context, event):
        result = self.execute(context)
        if result == {"FINISHED"} and context.window is not None:
            self._timer = context.window_manager.event_timer_add(0.2, window=context.window)
            context.window_manager.modal_handler_add(self)
            return {"RUNNING_MODAL"}
        return result

    def execute(self, context):
        try:
            request = requests.ask(context, preview=self.preview)
        except requests.CannotAsk as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        session.start(request, preferences.command(), preferences.secrets())
        return {"FINISHED"}

    def modal(self, context, event):
        if not session.running:
            return self._end(context, {"FINISHED"})
        if event.type == "ESC" and event.value == "PRESS":
            session.cancel()
            redraw()
            return self._end(context, {"CANCELLED"})
        if event.type == "TIMER":
            context.workspace.status_text_set(f"Editor3D: {session.message} (Esc stops)")
        return {"PASS_THROUGH"}

    def cancel(self, context):
        self._end(context, {"CANCELLED"})

    def _end(self, context, result):
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
            context.workspace.status_text_set(None)
        return result


class _Decides:
    """About a result that waits. Blender's undo keeps what it takes to be unchanged, and crashes where data was changed
    behind its back: whatever changes the scene is an operator with an undo step. Trying on and accepting share a group:
    one step together."""

    bl_options = {"REGISTER", "UNDO_GROUPED"}
    bl_undo_group = "Editor3D"

    @classmethod
    def poll(cls, context):
        if session.phase != "pending":
            cls.poll_message_set("No result waits: run an edit first.")
        return session.phase == "pending"


class EDITOR3D_OT_run(_Starts, bpy.types.Operator):
    """Make the change. ESC stops it at once"""

    bl_idname = "editor3d.run"
    bl_label = "Run"


class EDITOR3D_OT_preview(_Starts, bpy.types.Operator):
    """Preview the 2D edit of a few views, before any 3D work"""

    bl_idname = "editor3d.preview"
    bl_label = "Preview"
    preview = True


class EDITOR3D_OT_cancel(bpy.types.Operator):
    """Stop at once"""

    bl_idname = "editor3d.cancel"
    bl_label = "Stop"

    @classmethod
    def poll(cls, context):
        return session.running

    def execute(self, context):
        session.cancel()
        redraw()
        return {"FINISHED"}


class EDITOR3D_OT_accept(_Decides, bpy.types.Operator):
    """Take the result into the scene, as one step that can be undone"""

    bl_idname = "editor3d.accept"
    bl_label = "Accept"

    @classmethod
    def poll(cls, context):
        return super().poll(context) and not session.request.kind.endswith("preview")

    def execute(self, context):
        session.untry()
        try:
            told = bring_in.accept(context, session.request, session.outcome, session.building)
        except bring_in.CannotAccept as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        history.mark("accepted")
        session.building = None  # its data has an object now
        session.drop()
        session.message = told
        self.report({"INFO"}, told)
        redraw()
        return {"FINISHED"}


class EDITOR3D_OT_reject(_Decides, bpy.types.Operator):
    """Leave everything as it was"""

    bl_idname = "editor3d.reject"
    bl_label = "Reject"

    def execute(self, context):
        if not session.request.kind.endswith("preview"):
            history.mark("rejected")
        session.drop()
        session.message = "Everything is as it was."
        redraw()
        return {"FINISHED"}


class EDITOR3D_OT_compare(_Decides, bpy.types.Operator):
    """Show the object as it would be, or as it is"""

    bl_idname = "editor3d.compare"
    bl_label = "Before / After"

    @classmethod
    def poll(cls, context):
        return super().poll(context) and session.outcome.styled is not None

    def execute(self, context):
        if session.is_tried():
            session.untry()
        elif not session.try_on():
            self.report({"ERROR"}, f"There is no object {session.request.subject} any more.")
            return {"CANCELLED"}
        redraw()
        return {"FINISHED"}


class EDITOR3D_OT_open_picture(bpy.types.Operator):
    """Open the whole picture in the system's viewer"""

    bl_idname = "editor3d.open_picture"
    bl_label = "Open picture"

    @classmethod
    def poll(cls, context):
        return session.outcome is not None and session.outcome.sheet is not None

    def execute(self, context):
        bpy.ops.wm.path_open(filepath=session.file("sheet.png", session.outcome.sheet))
        return {"FINISHED"}


class EDITOR3D_OT_rerun(bpy.types.Operator):
    """Ask the same again, of what is selected now"""

    bl_idname = "editor3d.rerun"
    bl_label = "Run again"

    index: IntProperty(options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, context):
        return _is_free(cls)

    def invoke(self, context, event):
        return bpy.ops.editor3d.run("INVOKE_DEFAULT") if self._recall(context) else {"CANCELLED"}

    def execute(self, context):
        return bpy.ops.editor3d.run() if self._recall(context) else {"CANCELLED"}

    def _recall(self, context):
        if not 0 <= self.index < len(history.entries):
            self.report({"ERROR"}, "The history has no such entry.")
            return False
        requests.recall(context, history.entries[self.index])
        return True


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
    """Show what the engine wrote last"""

    bl_idname = "editor3d.details"
    bl_label = "Details"

    @classmethod
    def poll(cls, context):
        return bool(session.details)

    def execute(self, context):
        lines = [line for line in session.details.splitlines() if line.strip()][-20:]

        def draw(menu, _):
            for line in lines:
                menu.layout.label(text=line[:160])

        context.window_manager.popup_menu(draw, title="The engine's last lines", icon="TEXT")
        return {"FINISHED"}


class EDITOR3D_OT_open_preferences(bpy.types.Operator):
    """Say where the engine is"""

    bl_idname = "editor3d.open_preferences"
    bl_label = "Preferences"

    def execute(self, context):
        bpy.ops.preferences.addon_show(module=preferences.ADDON)
        return {"FINISHED"}


CLASSES = (
    EDITOR3D_OT_run,
    EDITOR3D_OT_preview,
    EDITOR3D_OT_cancel,
    EDITOR3D_OT_accept,
    EDITOR3D_OT_reject,
    EDITOR3D_OT_compare,
    EDITOR3D_OT_open_picture,
    EDITOR3D_OT_rerun,
    EDITOR3D_OT_clear_history,
    EDITOR3D_OT_copy_install_command,
    EDITOR3D_OT_details,
    EDITOR3D_OT_open_preferences,
)

register, unregister = bpy.utils.register_classes_factory(CLASSES)
