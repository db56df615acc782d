# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""What runs and what waits for a decision, in Blender's own thread. Threads put events into a queue; a timer takes them
out, so that nothing waits."""

import os
import shutil
import tempfile
import time

import bpy

from ..scene import bring_in, meshes
from . import history, thumbnails, work

_TICK, _BUILD_TICK = 0.1, 0.02


class Session:
    """One at a time."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.work = None
        self.request = None
        self.phase = "idle"
        """idle, running, pending (a result waits for accept or reject)."""
        self.message = ""
        self.details = ""
        """What the engine wrote last, of a job that failed."""
        self.missing = False
        self.job = {}
        self.outcome = None
        self.building = None
        """Splats that are put into Blender's data, a little each tick."""
        self.health = {}
        self.began = 0.0
        self.shown = 0
        self.drawn = None
        self.folder = None
        self.tried = None
        """(object's name, the new mesh's name, the old mesh's name) while the result is previewed."""

    @property
    def running(self):
        return self.phase == "running"

    def stopping(self):
        """The event that is set when what runs is to stop, or None."""
        return self.work.stop if self.work is not None else None

    def share(self):
        """How much of the job is done, 0 to 1; None where that is not known."""
        if self.building is not None:
            return self.building.share
        progress = self.job.get("progress") or {}
        total = progress.get("total") or 0
        return progress["done"] / total if total else None

    def start(self, request, command, secrets=None):
        """Begin a job; what waited is let go. See `work.Work` for the rest."""
        self.drop()
        self.request, self.phase, self.message, self.missing = request, "running", "Starting the engine…", False
        self.job, self.outcome, self.began, self.details = {}, None, time.monotonic(), ""
        self.work = work.Work(request, command, thumbnails.sides, secrets)
        self.work.start()
        ensure_ticking()

    def cancel(self):
        """Stop at once. The thread notifies the engine; whatever else it says is not heard any more."""
        if self.work is not None:
            self.work.cancel()
            history.note(self.request, "cancelled")
        self._unbuild()
        self.work, self.phase, self.message = None, "idle", "Stopped."

    def _unbuild(self):
        if self.building is not None:
            self.building.drop()
        self.building = None

    def build(self):
        """A few milliseconds of what brings splats in; then the result waits."""
        if self.phase == "running" and self.building.step():
            self.phase, self.message = "pending", self.outcome.note or "Done."

    def drop(self):
        """Stop what runs, and forget a result that waits."""
        if self.work is not None:
            self.work.cancel()
        self.work = None
        self._unbuild()
        self.untry()
        self.phase, self.outcome = "idle", None
        thumbnails.forget()
        self.shown = 0

    def try_on(self):
        """Show the result on the object; `untry` takes it off. Both are for operators with an undo step."""
        self.untry()
        thing = bpy.data.objects.get(self.request.subject)
        if thing is None or thing.type != "MESH" or self.outcome is None or self.outcome.styled is None:
            return False
        old = thing.data
        mesh = bring_in.styled_mesh(thing, self.request, self.outcome, f"{thing.name} (preview)")
        if mesh is None:
            return False
        self.tried = (thing.name, mesh.name, old.name)
        thing.data = mesh
        return True

    def is_tried(self):
        """Whether the object wears the result now; undo may have taken it off."""
        if self.tried is None:
            return False
        thing = bpy.data.objects.get(self.tried[0])
        return thing is not None and thing.data is not None and thing.data.name == self.tried[1]

    def untry(self):
        """Give the object its own mesh back, and remove the preview."""
        if self.tried is None:
            return
        thing, mesh, old = (bpy.data.objects.get(self.tried[0]), *map(bpy.data.meshes.get, self.tried[1:]))
        self.tried = None
        if thing is not None and old is not None and mesh is not None and thing.data == mesh:
            thing.data = old
        if mesh is not None:
            meshes.remove(mesh)

    def own_folder(self):
        """A folder that goes with the session."""
        if self.folder is None or not os.path.isdir(self.folder):
            self.folder = tempfile.mkdtemp(prefix="editor3d-")
        return self.folder

    def file(self, name, data):
        """Keep bytes as a file of this session's own folder; its path."""
        path = os.path.join(self.own_folder(), name)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def close(self):
        """Stop everything and remove the folder."""
        working = self.work
        self.drop()
        if working is not None:
            working.join(timeout=1.0)  # Blender may be about to end: the engine must be notified first
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.reset()

    def take(self, name, value):
        """One event of the thread."""
        if name == "health":
            self.health, self.message = value, "Sending…"
        elif name == "status":
            self.job = value
            self.message = _told(value)
        elif name == "picture":
            self.shown += 1
            self._show("progress", value)
        else:
            self.work = None
            self.phase = "idle"
            self.missing = name == "missing"
            self.message = "Stopped." if name == "cancelled" else value
            self.details = str(self.job.get("log") or "") if name == "failed" else ""
            if name == "done":
                self._done(value)
            history.note(self.request, name)

    def _done(self, outcome):
        self.outcome, self.phase, self.message = outcome, "pending", outcome.note or "Done."
        if outcome.table is not None:
            from ..scene import splats  # with numpy, where there are splats

            self.building = splats.Building(outcome.table, f"{self.request.instruction}"[:60], outcome.layers)
            self.phase, self.message = "running", "Bringing in the splats…"
        for index, (_, before, after) in enumerate(outcome.pairs):
            self._show(f"before-{index}", before)
            self._show(f"after-{index}", after)
        if outcome.shown is not None:
            self._show("sheet", outcome.shown)
        if self.request.kind.endswith("preview"):
            self.message = "This is the 2D editor's preview."

    def _show(self, name, picture):
        if isinstance(picture, bytes):
            picture = self.file(f"{name}-{self.shown}.png", picture)
        thumbnails.show(name, picture)


_STEPS = {"refine": "Searching"}


def _told(job):
    progress = job["progress"]
    if job["state"] == "queued":
        return "Waiting for another job…"
    if not progress["total"]:
        return f"{job['step'].capitalize()}… {job['seconds']:.0f} s"
    parts = [f"{progress['done']} of {progress['total']} {progress['unit']}"]
    if job["kind"] == "refine":  # fewer where it finds nothing more to try
        parts = [f"{progress['done']} of at most {progress['total']} {progress['unit']}"]
    if progress["seconds_left"] is not None:
        parts.append(f"{progress['seconds_left']:.0f} s left")
    return f"{_STEPS.get(job['step'], job['step'].capitalize())}: {', '.join(parts)}"


session = Session()


@bpy.app.handlers.persistent
def _forget(*_):
    """Another file is opened: a result for this one fits nothing there. What runs is stopped."""
    session.drop()
    session.message = ""


def register():
    bpy.app.handlers.load_pre.append(_forget)


def unregister():
    session.close()
    bpy.app.handlers.load_pre.remove(_forget)
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)


def ensure_ticking():
    """Have events taken out from now on."""
    if not bpy.app.timers.is_registered(tick):
        bpy.app.timers.register(tick, first_interval=_TICK, persistent=True)


def tick():
    """Take out what came; ends with the job."""
    current = session.work
    if current is not None:
        while session.work is current and not current.events.empty():
            session.take(*current.events.get())
    building = session.running and session.building is not None
    if building:
        session.build()
    told = (session.phase, session.message, session.shown, session.share())
    if told != session.drawn:
        session.drawn = told
        redraw()
    if building:
        return _BUILD_TICK
    return _TICK if session.work is not None else None


def redraw():
    """Have the sidebars of all 3D views drawn anew, and not the views themselves."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()
