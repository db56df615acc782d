"""A warm render worker: one process that opens a scene once and renders candidates, each from the scene as it was.

Run as `python -m editor3d.programs.worker.main` by `worker_handle`, never by hand. It is spoken to in lines of JSON: on
standard input come its settings, then sources and nonces; on `notify` go short answers. A picture goes into the file
`result`: one line of JSON, then the PNG; so does which object each pixel shows, or what a program changed, where that
is requested. The nonce that a
result must carry arrives when the program has already run.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from types import TracebackType
from typing import Any, NoReturn

from editor3d.programs.sandbox import boundary as sandbox
from editor3d.programs.sandbox import given

_PROGRAM = "program"
_MAX_MESSAGE = 2000


class _Caught:
    """A context that ends whatever its block raises, `SystemExit` included, and keeps it."""

    error: BaseException | None = None

    def __enter__(self) -> _Caught:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        self.error = error
        return True


class Worker:
    """The confined process, from its settings on."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.order, self.notify = order, order["notify"]
        policy = sandbox.Policy(**{**order["policy"], "read": tuple(order["policy"]["read"])})
        self.place = sandbox.enter(policy, order["lifeline"])
        self.scene = order["scene"] if policy.whole_tree else self._inside(policy)
        self.say(state="confined", active=self.place.active, missing=self.place.missing)
        if self.place.missing and not order["allow_weaker"]:
            os._exit(3)
        os.environ.update(HOME=self.place.private, TMPDIR=self.place.private)
        os.environ["BLENDER_USER_RESOURCES"] = os.path.join(self.place.private, "blender")

    def _inside(self, policy: sandbox.Policy) -> str:
        """The scene's name where the file tree is a small one, else where it lies."""
        name = self.order["scene"]
        return name if "memory folder" in self.place.active else policy.files[name]

    def say(self, **answer: Any) -> None:
        """One line to the process that started this one."""
        os.write(self.notify, (json.dumps(answer) + "\n").encode())

    def hear(self) -> dict[str, Any]:
        """The next line from there; ends this process where there is none."""
        line = sys.stdin.buffer.readline()
        if not line:
            os._exit(0)
        return json.loads(line)

    def serve(self) -> NoReturn:
        """Render candidates until standard input is closed."""
        from editor3d.programs.worker import chance as worker_chance
        from editor3d.programs.worker import facts as worker_facts
        from editor3d.programs.worker import guard as worker_guard
        from editor3d.programs.worker import scene as worker_scene
        from editor3d.programs.worker import stains as worker_stains
        from editor3d.programs.worker import wrangler_parts  # noqa: F401  # loaded before the process is looked at

        worker_guard.know_all_types()
        worker_guard.watch_timers()
        worker_chance.tame()
        settings = self.order["settings"]
        worker_scene.open_scene(self.scene, settings)
        first, before = worker_scene.fingerprint(), worker_guard.snapshot()
        images = worker_scene.images()
        picture = os.path.join(self.place.private, "picture.png")
        stain = worker_stains.watch(self.place.private)
        self.say(state="ready", fingerprint=first)
        while True:
            order = self.hear()
            source = order["source"]
            outcome = self._run(source, before)
            self.say(**outcome)
            if outcome["state"] != "ran":
                os._exit(1)
            nonce = self.hear()["nonce"]
            if order["labels"]:
                worker_facts.save_labels(picture, order["labels"], order["percent"])
            else:
                worker_scene.render(picture, keep=worker_scene.images() == images, percent=order["percent"])
            with open(picture, "rb") as file:
                self._hand_over(file.read(), nonce)
            os.unlink(picture)
            # the next candidate's scene is made ready while this one's picture is judged
            clean = stain() is None
            same = clean and worker_scene.put_back(settings) and self._is(first, before)
            if clean and not same:
                worker_scene.open_scene(self.scene, settings)
                images = worker_scene.images()
                same = self._is(first, before)
            self.say(state="ready" if same else "mismatch", fingerprint=first)

    def _is(self, fingerprint: str, before: dict[str, Any]) -> bool:
        """Whether scene and process are as they were at the start."""
        from editor3d.programs.worker import guard as worker_guard
        from editor3d.programs.worker import scene as worker_scene

        changed = worker_guard.difference(before, worker_guard.snapshot())
        return changed is None and worker_scene.fingerprint() == fingerprint

    def _run(self, source: str, before: dict[str, Any]) -> dict[str, Any]:
        import bpy

        from editor3d.programs.worker import guard as worker_guard
        from editor3d.programs.worker import scene as worker_scene
        from editor3d.programs.worker import stains as worker_stains

        caught, names = _Caught(), {}
        with caught:
            if self.order["gated"]:
                code, names = given.prepare(source, _PROGRAM)
            else:
                code, names = compile(source, _PROGRAM, "exec", dont_inherit=True), {"__name__": "__main__"}
            exec(code, names)
        names.clear()
        if self.order["gated"]:  # what a program says of how pictures are taken has no effect
            worker_scene.set_render(bpy.context.scene, self.order["settings"])
        worker_stains.settle()
        if caught.error is not None:
            return {"state": "failed", "message": _sentence(caught.error)}
        costly = worker_guard.excess()
        if costly is not None:
            return {"state": "refused", "message": costly}
        changed = worker_guard.difference(before, worker_guard.snapshot())
        if changed is not None:
            return {"state": "refused", "message": f"The program changed {changed}, which it may not."}
        return {"state": "ran"}

    def _hand_over(self, data: bytes, nonce: str) -> None:
        head = json.dumps({"nonce": nonce, "bytes": len(data)}).encode() + b"\n"
        result = self.order["result"]
        os.ftruncate(result, 0)
        os.pwrite(result, head + data, 0)
        self.say(state="done")

    def differ(self) -> NoReturn:
        """Run one program, and report what it changed as typed changes, and what of it these leave out."""
        from editor3d.programs.worker import chance as worker_chance
        from editor3d.programs.worker import guard as worker_guard
        from editor3d.programs.worker import scene as worker_scene
        from editor3d.programs.worker import typed_changes, typed_edit

        worker_guard.know_all_types()
        worker_guard.watch_timers()
        worker_chance.tame()
        settings = self.order["settings"]
        worker_scene.open_scene(self.scene, settings)
        before, guarded = typed_changes.state(), worker_guard.snapshot()
        self.say(state="ready")
        outcome = self._run(self.hear()["source"], guarded)
        self.say(**outcome)
        if outcome["state"] != "ran":
            os._exit(1)
        nonce = self.hear()["nonce"]
        after = typed_changes.state()
        changes = typed_changes.changes(before, after)
        whole = typed_changes.digests(changes)
        # carried out on the scene as it was, they must lead to where the program led
        if not worker_scene.put_back(settings):
            worker_scene.open_scene(self.scene, settings)
        failed = typed_edit.apply(changes)
        left_out = list(dict.fromkeys([*failed, *typed_changes.unlike(changes, after, whole)]))
        self._hand_over(json.dumps({"changes": changes, "left_out": left_out}).encode(), nonce)
        os._exit(0)

    def write(self) -> NoReturn:
        """Save the scene with typed changes carried out on it. No program runs here."""
        import bpy

        from editor3d.programs.worker import guard as worker_guard
        from editor3d.programs.worker import typed_edit

        bpy.ops.wm.open_mainfile(filepath=self.scene, load_ui=True, use_scripts=False)
        with _Caught():
            bpy.ops.file.make_paths_absolute()  # the new file lies elsewhere
        worker_guard.know_all_types()
        before = worker_guard.snapshot()
        left_out = typed_edit.apply(self.order["changes"])
        changed = worker_guard.difference(before, worker_guard.snapshot())
        refusal = worker_guard.excess() if changed is None else f"They change {changed}, which they may not."
        if refusal is not None:
            self.say(state="refused", message=refusal)
            os._exit(1)
        copy = os.path.join(self.place.private, "scene.blend")
        unused = typed_edit.unused()
        bpy.ops.wm.save_as_mainfile(filepath=copy, copy=True, relative_remap=False)
        # what counts is what the file has
        bpy.ops.wm.open_mainfile(filepath=copy, load_ui=False, use_scripts=False)
        lost = typed_edit.lost(self.order["changes"], unused)
        self.say(state="written", left_out=list(dict.fromkeys([*left_out, *lost])))
        os._exit(0)

    def prepare(self) -> NoReturn:
        """Save a copy of the scene that holds its pictures and libraries; report what it still reads and what it is."""
        import resource

        import bpy

        from editor3d.programs.worker import facts as worker_facts
        from editor3d.programs.worker import files as worker_files

        try:
            bpy.ops.wm.open_mainfile(filepath=self.scene, load_ui=False, use_scripts=False)
        except RuntimeError as error:
            self.say(state="unreadable", message=str(error)[:_MAX_MESSAGE])
            os._exit(1)
        facts = worker_facts.facts()
        files = worker_files.gather(self.scene)
        copy = os.path.join(self.place.private, "scene.blend")
        bpy.ops.wm.save_as_mainfile(filepath=copy, copy=True, relative_remap=False, compress=False)
        unit = 1 if sys.platform == "darwin" else 1024
        memory = unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        found = {"files": files.shown, "missing": files.missing, "refused": files.refused}
        self.say(state="prepared", facts=facts, memory=memory, **found)
        os._exit(0)


def _sentence(error: BaseException) -> str:
    """Kind, text and line of what a program raised."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == _PROGRAM]
    where = f" (line {lines[-1]})" if lines else ""
    return f"{type(error).__name__}{where}: {error}"[:_MAX_MESSAGE]


def main() -> NoReturn:
    """Do what standard input says."""
    caught = _Caught()
    with caught:
        _work()
    # not by an exception of Python's: Blender's own way out of a process can wait for ever
    if caught.error is not None:
        traceback.print_exception(caught.error)
        sys.stderr.flush()
    os._exit(1)


def _work() -> None:
    worker = Worker(json.loads(sys.stdin.buffer.readline()))
    modes = {"prepare": worker.prepare, "serve": worker.serve, "differ": worker.differ, "write": worker.write}
    modes[worker.order["mode"]]()


if __name__ == "__main__":
    main()
