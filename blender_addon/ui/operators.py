# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the panel's buttons do."""

import bpy
from bpy.props import IntProperty

from ..job import history
from ..job.session import redraw, session
from ..results import bring_in
from . import preferences, requests


def _is_free(operator):
    """Whether a job can be started now; else the operator says why not."""
    if session.running:
        operator.poll_message_set("An edit runs: stop it first.")
    elif session.trial.is_on():
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
            asked = [requests.ask(context, preview=True)] if self.preview else requests.ask_all(context)
        except requests.CannotAsk as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        session.start(asked[0], preferences.command(), preferences.secrets(), then=asked[1:])
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
        if not session.running:
            cls.poll_message_set("No edit runs.")
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
        if not super().poll(context):
            return False
        if session.request.kind.endswith("preview"):
            cls.poll_message_set("This is a preview: run the edit first.")
            return False
        return True

    def execute(self, context):
        session.trial.end()
        said, wrong, offered = [], [], context.window_manager.editor3d.asset
        results = session.results()
        for request, outcome in results:
            try:
                name, told = bring_in.accept(context, request, outcome, session.building)
            except bring_in.CannotAccept as error:
                wrong.append(str(error))
                continue
            said.append(told)
            if name and offered:
                bring_in.offer(name, request.instruction)
        for text in wrong:
            self.report({"ERROR"}, text)
        if not said:
            return {"CANCELLED"}
        history.mark("accepted", len(results))
        session.building = None  # its data has an object now
        session.drop()
        session.message = " ".join([*said, *wrong])
        self.report({"INFO"}, session.message)
        redraw()
        return {"FINISHED"}


class EDITOR3D_OT_reject(_Decides, bpy.types.Operator):
    """Leave everything as it was"""

    bl_idname = "editor3d.reject"
    bl_label = "Reject"

    def execute(self, context):
        if not session.request.kind.endswith("preview"):
            history.mark("rejected", len(session.results()))
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
        if not super().poll(context):
            return False
        if session.outcome.styled is None:
            cls.poll_message_set("The result is no mesh: accept it to see it in the scene.")
            return False
        return True

    def execute(self, context):
        if session.trial.is_on():
            session.trial.end()
        elif not session.trial.begin(session.results()):
            self.report({"ERROR"}, f"There is no object {session.request.subject} any more.")
            return {"CANCELLED"}
        redraw()
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


CLASSES = (
    EDITOR3D_OT_run,
    EDITOR3D_OT_preview,
    EDITOR3D_OT_cancel,
    EDITOR3D_OT_accept,
    EDITOR3D_OT_reject,
    EDITOR3D_OT_compare,
    EDITOR3D_OT_rerun,
)

register, unregister = bpy.utils.register_classes_factory(CLASSES)
