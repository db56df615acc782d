"""One render worker from its owner's side: start it, talk to it within deadlines, and end it for certain."""

from __future__ import annotations

import json
import os
import secrets
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from editor3d.errors import ConfigError
from editor3d.files.safe_open import UNREADABLE, open_picture
from editor3d.programs.blenders.interpreter import Interpreter
from editor3d.programs.core.contracts import Rendered, RenderSettings

START_SECONDS = 120.0
"""A worker that has not opened its scene by then is given up."""
_MAX_LINE = 1 << 20
_MAX_CHANGES, _MAX_NAMES = 32 << 20, 100


class WorkerEnded(Exception):
    """The worker is gone, or says what no worker says."""


class WorkerLate(Exception):
    """No answer came in time."""


class WorkerHandle:
    """A worker process. Starting it does not wait; `wait_ready` does."""

    def __init__(
        self,
        folder: Path,
        *,
        interpreter: Interpreter,
        engine: Path,
        mode: str,
        scene: str,
        policy: Mapping[str, Any],
        settings: Mapping[str, Any] | None = None,
        gated: bool = True,
        allow_weaker: bool = False,
        threads: int = 2,
        changes: Sequence[Any] = (),
    ) -> None:
        folder.mkdir(mode=0o700, parents=True)
        self.folder = folder
        self.active: Sequence[str] = ()
        self.missing: Mapping[str, str] = {}
        self.candidates = 0
        self._ready = False
        self._fingerprint: str | None = None
        self._buffer = b""
        self._result = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (closed by `kill`)
        self._log = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self._notify, notify = os.pipe()
        lifeline, self._lifeline = os.pipe()
        order = {
            "mode": mode,
            "scene": scene,
            "policy": {**policy, "private": str(folder)},
            "settings": settings,
            "gated": gated,
            "allow_weaker": allow_weaker,
            "changes": changes,
            "notify": notify,
            "lifeline": lifeline,
            "result": self._result.fileno(),
        }
        self._process = subprocess.Popen(
            [interpreter.python, "-s", "-P", "-B", "-m", "editor3d.programs.worker.main"],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
            pass_fds=(notify, lifeline, self._result.fileno()),
            cwd=folder,
            env=_environment(folder, engine, threads),
            start_new_session=True,
            bufsize=0,
        )
        os.close(notify)
        os.close(lifeline)
        assert self._process.stdin is not None
        self._orders = self._process.stdin
        os.set_blocking(self._orders.fileno(), False)
        self._send(order, time.monotonic() + START_SECONDS)

    @property
    def pid(self) -> int:
        """Of the guard, which leads the worker's process group."""
        return self._process.pid

    def wait_ready(self) -> str:
        """Wait until the scene is open; gives the scene's fingerprint.

        Raises:
            ConfigError: a layer of protection is missing, or the worker could not start.
        """
        if self._fingerprint is not None:
            return self._fingerprint
        until = time.monotonic() + START_SECONDS
        try:
            answer = self.hear(until)
            if answer.get("state") == "confined":
                self.active, self.missing = answer["active"], answer["missing"]
                answer = self.hear(until)
        except (WorkerEnded, WorkerLate) as error:
            self.kill()
            raise ConfigError(f"A render worker did not start: {self.why(str(error))}") from error
        self._ready, self._fingerprint = True, str(answer.get("fingerprint"))
        return self._fingerprint

    def render(
        self, source: str, settings: RenderSettings, expected: str, percent: int = 100, labels: Sequence[str] = ()
    ) -> Rendered | None:
        """Run one candidate and wait for its picture, of `settings` size or a part of it, or where objects of these
        names are in it; None where the scene was not as it should be before it ran.

        After any status but "ok", and after None, the worker must be killed.
        """
        began = time.monotonic()
        until = began + settings.deadline
        self.candidates += 1
        try:
            if not self._ready:
                answer = self.hear(until)
                if answer.get("state") != "ready" or answer.get("fingerprint") != expected:
                    return None
            self._ready = False
            self._send({"source": source, "percent": percent, "labels": list(labels)}, until)
            answer = self.hear(until)
            state, message = answer.get("state"), _printable(str(answer.get("message", ""))[:2000])
            if state in ("refused", "failed"):
                return Rendered(state, None, time.monotonic() - began, message)
            if state != "ran":
                raise WorkerEnded("it answered what no worker answers")
            nonce = secrets.token_hex(16)
            self._send({"nonce": nonce}, until)
            if self.hear(until).get("state") != "done":
                raise WorkerEnded("it answered what no worker answers")
            size = settings.width * percent // 100, settings.height * percent // 100
            image = self._picture(nonce, *size)
        except WorkerLate:
            message = f"It took longer than its {settings.deadline:g} seconds and was ended."
            return Rendered("timeout", None, time.monotonic() - began, message)
        except WorkerEnded as error:
            return Rendered("crashed", None, time.monotonic() - began, f"The worker died: {self.why(str(error))}")
        return Rendered("ok", image, time.monotonic() - began)

    def differ(self, source: str, seconds: float) -> dict[str, Any]:
        """Run one program in a worker that reports changes, and wait for what it changed: `changes` and `left_out`.

        Raises:
            WorkerEnded: the program was refused, failed, or was not what was expected; the text says why.
            WorkerLate: it took too long.
        """
        until = time.monotonic() + seconds
        self._send({"source": source}, until)
        answer = self.hear(until)
        if answer.get("state") != "ran":
            raise WorkerEnded(message_of(answer))
        nonce = secrets.token_hex(16)
        self._send({"nonce": nonce}, until)
        if self.hear(until).get("state") != "done":
            raise WorkerEnded("it answered what no worker answers")
        try:
            found = json.loads(self._data(nonce, _MAX_CHANGES))
        except (ValueError, RecursionError) as error:
            raise WorkerEnded("its result cannot be read") from error
        if not isinstance(found, dict) or not all(isinstance(found.get(n), list) for n in ("changes", "left_out")):
            raise WorkerEnded("its result is not the one that was requested")
        return {"changes": found["changes"], "left_out": names_of(found)}

    def kill(self) -> None:
        """End the process and all it started; again is harmless."""
        for handle in (self._notify, self._lifeline):
            if handle >= 0:
                os.close(handle)
        self._notify = self._lifeline = -1
        # the guard ends its child and buries it, which leaves no zombie where nobody adopts orphans
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for file in (self._orders, self._result):
            file.close()

    def hear(self, until: float) -> dict[str, Any]:
        """The worker's next answer.

        Raises:
            WorkerLate: none came until the time `until` of the monotonic clock.
            WorkerEnded: the worker closed its end, or what it sent is no answer.
        """
        while b"\n" not in self._buffer:
            left = until - time.monotonic()
            if not _is_ready(self._notify, select.POLLIN, left):
                raise WorkerLate
            part = os.read(self._notify, 1 << 16)
            if not part:
                raise WorkerEnded("it ended without an answer")
            self._buffer += part
            if len(self._buffer) > _MAX_LINE:
                raise WorkerEnded("it answered without end")
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise WorkerEnded("it answered what no worker answers") from error
        if not isinstance(answer, dict):
            raise WorkerEnded("it answered what no worker answers")
        return answer

    def _send(self, message: Mapping[str, Any], until: float) -> None:
        data, handle = (json.dumps(message) + "\n").encode(), self._orders.fileno()
        while data:
            left = until - time.monotonic()
            if not _is_ready(handle, select.POLLOUT, left):
                raise WorkerLate
            try:
                data = data[os.write(handle, data) :]
            except BrokenPipeError as error:
                raise WorkerEnded("it no longer listens") from error

    def _picture(self, nonce: str, width: int, height: int) -> np.ndarray:
        png = self._data(nonce, 4096 + 8 * width * height)
        try:
            with open_picture(png, ("PNG",), width * height) as picture:
                pixels = np.array(picture.convert("RGB"))
        except UNREADABLE as error:
            raise WorkerEnded("its result cannot be read") from error
        if pixels.shape[:2] != (height, width):
            raise WorkerEnded("its picture has another size")
        return pixels

    def _data(self, nonce: str, limit: int) -> bytes:
        """Read the result as one reads a stranger's file."""
        handle = self._result.fileno()
        size = os.fstat(handle).st_size
        line, _, data = os.pread(handle, min(size, limit), 0).partition(b"\n")
        try:
            head = json.loads(line)
            if size > limit or head["nonce"] != nonce or head["bytes"] != len(data):
                raise WorkerEnded("its result is not the one that was requested")
        except (ValueError, KeyError, TypeError) as error:
            raise WorkerEnded("its result cannot be read") from error
        return data

    def why(self, reason: str) -> str:
        """The reason, with the last line that the worker printed."""
        size = os.fstat(self._log.fileno()).st_size
        tail = os.pread(self._log.fileno(), 2000, max(0, size - 2000)).decode("utf-8", "replace")
        lines = [_printable(line).strip() for line in tail.splitlines()]
        last = next((line for line in reversed(lines) if line), "")
        code = self._process.poll()
        ended = f", exit code {code}" if code is not None else ""
        return f"{reason}{ended}{f' ({last[:200]})' if last else ''}."


def message_of(answer: Mapping[str, Any]) -> str:
    """What a worker says of why there is no result, as far as it may be shown."""
    return _printable(str(answer.get("message", "it gave no answer"))[:2000])


def names_of(answer: Mapping[str, Any]) -> list[str]:
    """The datablocks that a worker left out, as far as they may be shown; their names are a program's own."""
    found = answer.get("left_out")
    return [_printable(str(name)[:100]) for name in (found if isinstance(found, list) else [])[:_MAX_NAMES]]


def _printable(text: str) -> str:
    """What a program says, without what a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in text)


def _is_ready(handle: int, event: int, seconds: float) -> bool:
    """Wait for a pipe; also true where its other end is gone."""
    if seconds <= 0:
        return False
    waiting = select.poll()
    waiting.register(handle, event)
    return bool(waiting.poll(1000 * seconds))


def _environment(folder: Path, engine: Path, threads: int) -> dict[str, str]:
    """Nothing of this process's environment but where libraries lie."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    return kept | {
        "PYTHONPATH": str(engine),
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "OMP_NUM_THREADS": str(threads),
    }
