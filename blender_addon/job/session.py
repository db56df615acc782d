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

from ..results import trial
from . import history, status, thumbnails, work

_TICK, _PART_TICK = 0.1, 0.02


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
        self.waiting, self.finished = [], []
        """Of several requests that run one after the other: those that are still to run, and (request, outcome) of
        those that have."""
        self.reading = self.building = None
        """Splats that are taken out of Blender's data, and put into it, a little each tick."""
        self.health = {}
        self._engine = "", None
        self.began = 0.0
        self.shown = 0
        self.drawn = None
        self.folder = None
        self.trial = trial.Trial()

    @property
    def running(self):
        return self.phase == "running"

    def stopping(self):
        """The event that is set when what runs is to stop, or None."""
        return self.work.stop if self.work is not None else None

    def share(self):
        """How much of the job is done, 0 to 1; None where that is not known."""
        partly = self.reading or self.building
        if partly is not None:
            return partly.share
        progress = self.job.get("progress") or {}
        total = progress.get("total") or 0
        return progress["done"] / total if total else None

    def results(self):
        """(request, outcome) of each result that waits."""
        return [*self.finished, (self.request, self.outcome)] if self.outcome is not None else []

    def pairs(self):
        """How many views are shown before and after."""
        return sum(len(outcome.pairs) for _, outcome in self.results())

    def start(self, request, command, secrets=None, then=()):
        """Begin a job; what waited is let go. See `work.Work` for the rest.

        Args:
            then: requests that follow it; all results wait together.
        """
        self.drop()
        self.waiting = list(then)
        self._begin(request, command, secrets)

    def _begin(self, request, command, secrets):
        self._engine = command, secrets
        self.request, self.phase, self.message, self.missing = request, "running", "Starting the engine…", False
        self.job, self.outcome, self.began, self.details = {}, None, time.monotonic(), ""
        self.work = work.Work(request, command, thumbnails.sides, secrets)
        self.reading = request.reading
        if self.reading is None:
            self.work.start()
        else:
            self.message = "Reading the splats…"
        ensure_ticking()

    def cancel(self):
        """Stop at once. The thread notifies the engine; whatever else it says is not heard any more."""
        if self.work is not None:
            self.work.cancel()
            history.note(self.request, "cancelled")
        self._unbuild()
        self.work, self.reading, self.phase, self.message = None, None, "idle", "Stopped."
        self.waiting, self.finished = [], []

    def _unbuild(self):
        if self.building is not None:
            self.building.drop()
        self.building = None

    def read(self):
        """A few milliseconds of what takes splats out; then they are sent."""
        try:
            if self.reading.step():
                self.reading = None
                self.work.start()
        except ValueError as error:  # a SplatError, which is named only where there is numpy
            self.reading = None
            self.take("failed", str(error))

    def build(self):
        """A few milliseconds of what brings splats in; then the result waits."""
        if self.phase == "running" and self.building.step():
            self.phase, self.message = "pending", self.outcome.note or "Done."

    def drop(self):
        """Stop what runs, and forget a result that waits."""
        if self.work is not None:
            self.work.cancel()
        self.work = self.reading = None
        self._unbuild()
        self.trial.end()
        self.phase, self.outcome = "idle", None
        self.waiting, self.finished = [], []
        thumbnails.forget()
        self.shown = 0

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
        if working is not None and working.is_alive():
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
            count = len(self.finished) + 1 + len(self.waiting)
            which = f"{self.request.subject}, {len(self.finished) + 1} of {count}. " if count > 1 else ""
            self.message = which + status.sentence(value)
        elif name == "picture":
            self.shown += 1
            self._show("progress", value)
        else:
            self.work = None
            self.phase = "idle"
            self.missing = name == "missing"
            self.message = "Stopped." if name == "cancelled" else value
            self.details = str(self.job.get("log") or "") if name == "failed" else ""
            history.note(self.request, name)
            if name == "done":
                self._done(value)
            elif self.finished:  # the others wait all the same
                self.message = f"{self.request.subject}: {self.message}"
                self.request, self.outcome = self.finished.pop()
                self.waiting, self.phase = [], "pending"

    def _done(self, outcome):
        shown = sum(len(one.pairs) for _, one in self.finished)
        if self.waiting:
            self.finished.append((self.request, outcome))
            self._show_pairs(outcome, shown)
            self._begin(self.waiting.pop(0), *self._engine)
            return
        self.outcome, self.phase, self.message = outcome, "pending", outcome.note or "Done."
        if outcome.table is not None:
            from ..scene.splats.building import Building  # with numpy, where there are splats

            self.building = Building(outcome.table, f"{self.request.instruction}"[:60], outcome.layers)
            self.phase, self.message = "running", "Bringing in the splats…"
        self._show_pairs(outcome, shown)
        if outcome.shown is not None:
            self._show("sheet", outcome.shown)
        if self.request.kind.endswith("preview"):
            self.message = "This is the 2D editor's preview."

    def _show_pairs(self, outcome, first):
        for index, (_, before, after) in enumerate(outcome.pairs, first):
            self._show(f"before-{index}", before)
            self._show(f"after-{index}", after)

    def _show(self, name, picture):
        if isinstance(picture, bytes):
            picture = self.file(f"{name}-{self.shown}.png", picture)
        thumbnails.show(name, picture)


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
    partly = session.running and (session.reading is not None or session.building is not None)
    if partly and session.reading is not None:
        session.read()
    elif partly:
        session.build()
    told = (session.phase, session.message, session.shown, session.share())
    if told != session.drawn:
        session.drawn = told
        redraw()
    if partly:
        return _PART_TICK
    return _TICK if session.work is not None else None


def redraw():
    """Have the sidebars of all 3D views drawn anew, and not the views themselves."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()
