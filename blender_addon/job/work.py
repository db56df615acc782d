# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""One job, carried out in a thread: connect, send, wait, fetch. Blender's data is never touched here."""

import threading
import time
from contextlib import suppress
from queue import SimpleQueue

from ..formats import glb, matching, pixels, ply, tables
from . import engine
from .client import EngineError

_POLL = 0.25
_TRIES = 5
"""Polls in a row that may fail before the engine is given up."""
FINISHED = ("done", "failed", "cancelled")
PICTURES = 4


class JobRequest:
    """A job for the engine.

    kind: a kind of job of the service. subject: the name of the object, or the path, that it is about. inputs: name to
    (file name, bytes), a function without arguments that gives these (it is called in the thread), or a path.
    geometry: the `glb.Geometry` that was sent, for a mesh. entries: what the program assigns, for a refinement.
    replaces: names of objects that the result takes the place of. faces: 'b', one a polygon of the mesh: those that
    were sent; None for all. reach: how far its vertices may move. reading: the `scene.splats.reading.Reading` of what
    is sent, which is to be read first, or None. said: the instruction as it was written, for a mesh.
    """

    faces = None
    reach = 0.0
    reading = None
    said = ""

    def __init__(self, kind, instruction, subject, inputs, settings, geometry=None, entries=(), replaces=()):
        self.replaces = tuple(replaces)
        self.kind, self.instruction, self.subject = kind, instruction, subject
        self.inputs, self.settings, self.geometry, self.entries = inputs, settings, geometry, entries


class Outcome:
    """What a finished job left.

    files: name to size, of all results. pairs: (name, picture before, picture after), small: see `Work`. sheet: PNG or
    None; shown: the same, small. styled, uvs, moved: see `glb.read`, `matching`, for a mesh. cloud: see `ply.read`, or
    table: see `splats.read`, for a scene. program: text, of a refinement. layers: see
    `scene.splats.layers`. note: a sentence to tell, or "".
    """

    def __init__(self):
        self.files, self.pairs, self.sheet, self.shown = {}, [], None, None
        self.styled = self.uvs = self.moved = self.cloud = self.table = self.program = None
        self.note, self.layers = "", None


class Work(threading.Thread):
    """Runs one `JobRequest`. Events come as (name, value): health, status (the job), picture (small), done (an
    `Outcome`), cancelled, missing (text), failed (text).

    Small pictures are `pixels.Pixels`, or the bytes of a PNG file where the engine is of an earlier version.

    Args:
        command: see `engine.find_command`.
        sides: pixels that pictures are drawn with, by use (`thumbnails.sides`); may change meanwhile.
        secrets: see `engine.connect`.
    """

    def __init__(self, request, command, sides, secrets=None):
        super().__init__(name="editor3d", daemon=True)
        self._secrets = secrets
        self.request, self._command, self._sides = request, command, sides
        self.events = SimpleQueue()
        self.stop = threading.Event()

    def cancel(self):
        """Stop at once; the thread notifies the engine."""
        self.stop.set()

    def run(self):
        try:
            self._run()
        except engine.EngineMissing as error:
            self._tell("missing", str(error))
        except EngineError as error:
            self._tell("cancelled" if self.stop.is_set() else "failed", str(error))
        except (OSError, ValueError) as error:
            self._tell("failed", f"The result cannot be read: {error}.")

    def _tell(self, name, value=None):
        self.events.put((name, value))

    def _run(self):
        client, health = engine.connect(self._command, self.stop, self._secrets)
        self._tell("health", health)
        request = self.request
        if request.kind not in health.get("kinds", ()):
            raise EngineError(f"This engine knows no {request.kind}: update it.")
        inputs = {}
        for name, value in request.inputs.items():
            value = value() if callable(value) else value
            if self.stop.is_set():
                self._tell("cancelled")
                return
            inputs[name] = {"path": value} if isinstance(value, str) else client.upload(*value)
        body = {
            "kind": request.kind,
            "instruction": request.instruction,
            "inputs": inputs,
            "settings": request.settings,
        }
        job = client.post("/jobs", body)
        job = self._wait(client, job)
        if job["state"] == "cancelled":
            self._tell("cancelled")
        elif job["state"] == "failed":
            self._tell("failed", job["error"] or "The engine gave no reason.")
        else:
            self._tell("done", self._fetch(client, job))

    def _wait(self, client, job):
        name, revision, failures = job["id"], 0, 0
        while job["state"] not in FINISHED:
            self._tell("status", job)
            if job["picture_revision"] > revision:
                revision = job["picture_revision"]
                with suppress(EngineError):  # it may be written anew just then; the next one comes
                    self._tell("picture", _small(client.picture(name, self._sides["progress"])))
            if self.stop.wait(_POLL):
                client.post(f"/jobs/{name}/cancel", timeout=2.0)
                return {"state": "cancelled"}
            try:
                job, failures = client.get(f"/jobs/{name}"), 0
            except EngineError:
                failures += 1
                if failures >= _TRIES:
                    raise
                time.sleep(_POLL)
        return job

    def _fetch(self, client, job):
        out, name = Outcome(), job["id"]
        out.files = job["files"]
        after = [file for file in sorted(out.files) if file.startswith("after/")]
        for file in after[:PICTURES]:
            both = (file.replace("after/", "before/", 1), file)
            before, after = (_small(client.file(name, one, self._sides["pair"])) for one in both)
            out.pairs.append((file[len("after/") : -len(".png")], before, after))
        sheets = [file for file in sorted(out.files) if "/" not in file and file.endswith(".png")]
        if sheets:
            sheet = "before_after.png" if "before_after.png" in sheets else sheets[0]
            out.sheet, out.shown = client.file(name, sheet), _small(client.file(name, sheet, self._sides["sheet"]))
        kind = self.request.kind
        if kind == "mesh":
            out.styled = glb.read(client.file(name, "result.glb"))
            out.uvs = matching.corner_uvs(self.request.geometry, out.styled)
            if out.uvs is None:
                both = matching.moved_vertices(self.request.geometry, out.styled, self.request.reach)
                out.uvs, out.moved = both or (None, None)
        elif kind == "scene":
            take_scene(out, client.file(name, "result.ply"))
        elif kind == "refine":
            out.program = client.file(name, "best.py").decode("utf-8", "replace")
        return out


def take_scene(out, data):
    """Put a scene's .ply into an `Outcome`: as splats, where it holds some and NumPy is there, else as points or
    triangles."""
    out.table, out.note = tables.splats_in(data)
    if out.table is None:
        out.cloud = ply.read(data)
        return
    from ..scene.splats import layers  # with numpy, where there are splats

    out.layers = layers.layers_of(out.table)


def _small(data):
    return pixels.read(data) or data
