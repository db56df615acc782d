"""Renders candidates in warm, confined Blender processes."""

from __future__ import annotations

import hashlib
import math
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from queue import Queue
from types import TracebackType
from typing import Any

import numpy as np

from editor3d.errors import ConfigError, DataError
from editor3d.files.writing import replacing
from editor3d.programs.blenders.interpreter import Interpreter, engine_alone, memory_map, own_interpreter
from editor3d.programs.core.contracts import Rendered, RenderSettings
from editor3d.programs.language.vocabulary import Vocabulary
from editor3d.programs.rendering import processes
from editor3d.programs.rendering.handle import WorkerEnded, WorkerHandle, WorkerLate, message_of, names_of
from editor3d.programs.rendering.scene_notes import notes
from editor3d.programs.rendering.sizes import shaped
from editor3d.programs.sandbox import gate as program_gate

SCENE = "/scene/scene.blend"
"""The scene's name inside a worker's file tree."""
WRITE_SECONDS, PREPARE_SECONDS = 300.0, 300.0
"""The longest that it may take to write a scene, and to copy one."""
_WHOLE_TREE = {"read": ("/",), "whole_tree": True, "file_size": 16 << 30}
"""Of processes that open the user's own scene and run nothing: they read files, and have no network."""


class Workers:
    """Runs candidates on one scene; a `Renderer`. Every candidate starts from the same untouched scene.

    The scene is opened once in a confined process that copies it with all it refers to; workers see only that copy.
    A worker is ended after any candidate that was refused, failed, crashed or was late, so that nothing of it is left
    for the next one; and after `recycle_after` candidates. `render` may be called from several threads, of which
    `count` are served at once.

    Args:
        scene: the .blend file; only read.
        settings: how candidates are rendered.
        interpreter: the Blender that opens it; by default the one of this environment.
        count: processes; None takes one a core, as far as the memory goes.
        recycle_after: candidates that a process renders before a new one takes its place.
        allow_weaker_sandbox: run even where the system lacks layers of protection.
        memory: bytes of address space of each process; Blender itself takes about 2 GiB of it.
        gate: says why a program may not run, or None where it may. None in its place lets everything through to the
            boundary: for tests of the boundary only.
        without: layers of protection to leave out: for tests only.

    Raises:
        DataError: the scene is missing, no .blend file, or has no camera.
        ConfigError: a setting is out of range, Blender's module is missing, or layers of protection are missing and
            `allow_weaker_sandbox` is not set.
    """

    def __init__(
        self,
        scene: Path | str,
        settings: RenderSettings | None = None,
        *,
        interpreter: Interpreter | None = None,
        count: int | None = 1,
        recycle_after: int = 64,
        allow_weaker_sandbox: bool = False,
        memory: int = 8 << 30,
        gate: Callable[[str], str | None] | None = program_gate.check,
        without: Sequence[str] = (),
    ) -> None:
        self.settings = settings or RenderSettings()
        _check(self.settings, 1 if count is None else count, recycle_after, memory)
        self._gate, self._weaker, self._recycle_after = gate, allow_weaker_sandbox, recycle_after
        self.interpreter = interpreter or own_interpreter()
        self._like_these = {
            "interpreter": self.interpreter,
            "allow_weaker_sandbox": allow_weaker_sandbox,
            "memory": memory,
            "gate": gate,
        }
        self._started = 0
        self.count, self._threads = count or 1, processes.cores()
        self._policy: dict[str, Any] = {"memory": memory, "without": list(without)}
        self._folder = Path(tempfile.mkdtemp(prefix="editor3d-workers-")).resolve()
        self._engine = engine_alone(self._folder)
        self._maps = memory_map(self.interpreter, self._folder)
        self._read = (*self.interpreter.reads, str(self._engine))
        self._live: set[WorkerHandle] = set()
        self._finalizer = weakref.finalize(self, _clean_up, self._live, self._folder)
        self._idle: Queue[WorkerHandle] = Queue()
        try:
            self.notes: list[str] = []
            """What a user should know of the scene: what renders leave out, one sentence a thing."""
            self._scene = Path(scene).expanduser().absolute()
            self._scene_digest = _digest(self._scene)
            self._extra = self._prepare(self._scene)
            if count is None:
                self.count = processes.count_for(self._opened, processes.free_memory(), processes.cores())
            self._threads = max(1, processes.cores() // self.count)
            for _ in range(self.count):
                self._idle.put(self._start())
            first = self._idle.get()
            self._fingerprint = self._wait(first)
            self._active, self.missing = first.active, dict(first.missing)
            self._idle.put(first)
        except BaseException:
            self.close()
            raise

    def masks(self, source: str, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Where objects are in a program's picture: masks [H, W] bool by name, what others hide left out.

        Raises:
            ConfigError: the program does not run.
        """
        found = self.render(source, labels=names)
        if found.image is None:
            raise ConfigError(f"The objects of the scene could not be found in its picture: {found.message}")
        return {name: found.image[..., 0] == index + 1 for index, name in enumerate(names)}

    def render(
        self, source: str, deadline: float | None = None, *, percent: int = 100, labels: Sequence[str] = ()
    ) -> Rendered:
        """One candidate's picture; see `Renderer`.

        Args:
            percent: of the settings' width and height.
            labels: names of objects, at most 255; then the picture's values are 1 + the index of the name of what a
                pixel shows, and 0 elsewhere.
        """
        began = time.monotonic()
        refusal = self._gate(source) if self._gate is not None else None
        if refusal is not None:
            return Rendered("refused", None, time.monotonic() - began, refusal)
        if not self._finalizer.alive:
            raise ConfigError("These workers are closed: make new ones.")
        until = math.inf if deadline is None else began + deadline
        worker = self._idle.get()
        keep = False
        try:
            rendered, retries, misplaced = None, 0, False
            while rendered is None:
                if self._wait(worker) != self._fingerprint:
                    raise ConfigError("The scene is not the same each time that it is opened; it cannot be refined.")
                seconds = max(min(self.settings.deadline, until - time.monotonic()), 0.1)
                settings = replace(self.settings, deadline=seconds)
                rendered = worker.render(source, settings, self._fingerprint, percent, labels)
                if rendered is None and misplaced:
                    rendered = Rendered("crashed", None, time.monotonic() - began, "The scene could not be put back.")
                elif rendered is None:
                    worker, misplaced = self._replace(worker), True
                elif rendered.status == "crashed" and not retries and time.monotonic() < until:
                    # Blender itself dies of a fault of its own now and then: a program is blamed for the second time
                    worker, retries, rendered = self._replace(worker), 1, None
            keep = rendered.status == "ok" and worker.candidates < self._recycle_after
            # without a gate, what one would have refused is not let near the next candidate
            keep = keep and (self._gate is not None or program_gate.check(source) is None)
            return replace(rendered, retries=retries)
        finally:
            if self._finalizer.alive:
                self._idle.put(worker if keep else self._replace(worker))

    def render_anew(self, source: str) -> Rendered:
        """The picture of a program in a process of its own, in which no other ran before."""
        with Workers(self._scene, self.settings, **self._like_these) as other:
            return other.render(source)

    def render_scene(self, path: Path) -> Rendered:
        """The picture of another scene as it is, under the same settings."""
        with Workers(path, self.settings, **self._like_these) as other:
            return other.render("")

    def save_scene(self, source: str, path: Path) -> list[str]:
        """Save the scene with what a program changes, as a .blend file of its own.

        The program runs in a confined worker once more, and its changes are written as plain values of named
        properties. A second process, in which no program ran, opens the scene, applies these values and saves it.

        Args:
            source: a program that has been rendered.
            path: the file; nothing of it is written where this fails. Never the scene itself.

        Returns:
            The names of the datablocks whose changes plain values cannot express: they stay unchanged.

        Raises:
            Editor3DError: the program does not run to its end, the file cannot be written, or the scene's file is no
                longer what it was: what was searched for in one scene is not mixed into another.
        """
        refusal = self._gate(source) if self._gate is not None else None
        if refusal is not None:
            raise ConfigError(refusal)
        if path.resolve() == self._scene.resolve():
            raise ConfigError(f"Expected another file than the scene for the result, got {path}: choose another.")
        self._check_unchanged()
        copy = str(self._folder / "scene.blend")
        files = {SCENE: copy, **{path: path for path in self._extra}, **self._maps}
        worker = self._begin("differ", SCENE, {"read": self._read, "files": files})
        try:
            self._wait(worker)
            found = worker.differ(source, WRITE_SECONDS)
        except (WorkerEnded, WorkerLate) as error:
            raise ConfigError(
                f"The program's changes could not be written as plain values ({error or 'it took too long'})."
            ) from error
        finally:
            self._end(worker)
        writer = None
        try:
            writer = self._begin("write", str(self._scene), _WHOLE_TREE, weaker=True, changes=found["changes"])
            until = time.monotonic() + WRITE_SECONDS
            writer.hear(until)
            answer = writer.hear(until)
            if answer.get("state") != "written":
                raise ConfigError(f"The scene was not written: {message_of(answer)}")
            self._check_unchanged()  # while it was read
            with replacing(path) as temporary:
                shutil.move(writer.folder / "scene.blend", temporary)
        except (WorkerEnded, WorkerLate) as error:
            raise ConfigError(f"The scene could not be written ({error or 'it took too long'}).") from error
        finally:
            if writer is not None:
                self._end(writer)
        return list(dict.fromkeys([*found["left_out"], *names_of(answer)]))

    def _check_unchanged(self) -> None:
        if _digest(self._scene) != self._scene_digest:
            raise ConfigError(
                f"Expected {self._scene} as it was when the run began, found it saved anew since, and what the program "
                f"changes was found in the earlier one: begin a new run in another folder, or put the earlier one back."
            )

    def protections(self) -> Sequence[str]:
        """The layers of containment that are active, by name; see `sandbox.LAYERS`."""
        return tuple(self._active)

    def close(self) -> None:
        """End all processes and remove what they left. Again is harmless."""
        self._finalizer()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _wait(self, worker: WorkerHandle) -> str:
        try:
            return worker.wait_ready()
        except ConfigError as error:
            if worker.missing and not self._weaker:
                off = "; ".join(f"{name} ({reason})" for name, reason in worker.missing.items())
                raise ConfigError(
                    f"Programs written by a model run only behind every layer of protection, and this system lacks: "
                    f"{off}; run on a system that has them, or accept less with --allow-weaker-sandbox."
                ) from error
            raise

    def _replace(self, worker: WorkerHandle) -> WorkerHandle:
        """End a worker and start another, without waiting for it."""
        self._end(worker)
        if not self._finalizer.alive:  # by another thread, meanwhile
            raise ConfigError("These workers are closed: make new ones.")
        return self._start()

    def _end(self, worker: WorkerHandle) -> None:
        worker.kill()
        self._live.discard(worker)
        shutil.rmtree(worker.folder, ignore_errors=True)

    def _start(self) -> WorkerHandle:
        copy = str(self._folder / "scene.blend")
        files = {SCENE: copy, **{path: path for path in self._extra}, **self._maps}
        return self._begin("serve", SCENE, {"read": self._read, "files": files})

    def _begin(
        self,
        mode: str,
        scene: str,
        policy: Mapping[str, Any],
        *,
        weaker: bool = False,
        changes: Sequence[Any] = (),
    ) -> WorkerHandle:
        self._started += 1
        worker = WorkerHandle(
            self._folder / f"{mode}{self._started}",
            interpreter=self.interpreter,
            engine=self._engine,
            mode=mode,
            scene=scene,
            policy={**self._policy, **policy},
            settings={**asdict(self.settings), "threads": self._threads},
            gated=self._gate is not None,
            allow_weaker=self._weaker or weaker,
            threads=self._threads,
            changes=changes,
        )
        self._live.add(worker)
        return worker

    def _prepare(self, scene: Path) -> list[str]:
        """Copy the scene with its pictures and libraries; gives the files that could not be packed."""
        if self._scene_digest is None:
            raise DataError(f"No .blend file at {scene}: give the path of a scene saved by Blender.")
        worker = self._begin("prepare", str(scene), _WHOLE_TREE, weaker=True)
        until = time.monotonic() + PREPARE_SECONDS
        try:
            worker.hear(until)
            answer = worker.hear(until)
            if answer.get("state") != "prepared":
                raise DataError(
                    f"Blender could not open {scene} ({message_of(answer).strip().rstrip('.')}): save it again with "
                    f"Blender {self.interpreter.name} or older."
                )
            (worker.folder / "scene.blend").replace(self._folder / "scene.blend")
        except WorkerLate as error:
            raise DataError(
                f"Expected a scene that opens within {PREPARE_SECONDS:g} seconds, {scene} did not: check that the "
                f"libraries it links are ordinary files."
            ) from error
        except (WorkerEnded, OSError) as error:
            raise DataError(
                f"Blender could not open {scene} ({worker.why(str(error)).rstrip('.')}): save it again with Blender "
                f"{self.interpreter.name} or older."
            ) from error
        finally:
            worker.kill()
            self._live.discard(worker)
        (self._folder / "scene.blend").chmod(0o644)
        facts, wanted = answer["facts"], self.settings.camera
        if wanted is not None and wanted not in facts["cameras"]:
            raise ConfigError(f"The scene has no camera {wanted!r}: choose one of {', '.join(facts['cameras'])}.")
        if wanted is None and facts["camera"] is None:
            raise DataError(f"{scene} has no active camera: add one in Blender, or name one.")
        if self.settings.own_shape:
            size = shaped(facts["aspect"], max(self.settings.width, self.settings.height))
            self.settings = replace(self.settings, width=size[0], height=size[1], own_shape=False)
        self._opened = int(answer["memory"])
        self.vocabulary = Vocabulary.of(facts["vocabulary"])
        self.notes = notes(facts, missing=answer["missing"], refused=answer["refused"])
        # what Blender itself consists of is there already
        return [path for path in answer["files"] if not any(path.startswith(f"{place}/") for place in self._read)]


def _check(settings: RenderSettings, count: int, recycle_after: int, memory: int) -> None:
    for name, value, low, high in (
        ("width", settings.width, 1, 4096),
        ("height", settings.height, 1, 4096),
        ("samples", settings.samples, 1, 65536),
        ("seed", settings.seed, 0, 2**31 - 1),
        ("deadline", settings.deadline, 0.1, 86400),
        ("count", count, 1, 64),
        ("recycle_after", recycle_after, 1, 10**6),
        ("memory", memory, 1 << 30, 1 << 46),
    ):
        if not low <= value <= high:
            raise ConfigError(f"{name} is {value}: give a number from {low} to {high}.")


def _digest(path: Path) -> str | None:
    """SHA-256 of a file; None where there is none."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _clean_up(live: set[WorkerHandle], folder: Path) -> None:
    for worker in list(live):
        worker.kill()
    live.clear()
    shutil.rmtree(folder, ignore_errors=True)
