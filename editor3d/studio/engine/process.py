"""Start an engine and speak to it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from editor3d.errors import Editor3DError
from editor3d.studio.engine import wire

_LOST = "Expected an answer of the engine that renders the scene, but it ended: look into {log}, and try again."


class Engine:
    """A process that holds scenes. It starts at the first request, and anew at the next one if it has ended.

    Args:
        log: what it prints is added to this file.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._closed = False
        # the system ends a child with the thread that began it (`end_with_parent`): this one stays
        self._starter = ThreadPoolExecutor(1, "engine")

    def start(self) -> None:
        """Begin to start it, so that the first request finds it ready."""
        with self._lock:
            self._running()

    def call(self, act: str, **said: Any) -> tuple[Any, bytes]:
        """Have it do something; requests are carried out one after the other.

        Returns:
            What it says, as JSON values, and its bytes.

        Raises:
            Editor3DError: it refuses, in one sentence, or has ended.
        """
        with self._lock:
            process = self._running()
            try:
                wire.send(cast(BinaryIO, process.stdin), {"act": act, **said})
                answer = wire.receive(cast(BinaryIO, process.stdout))
            except (OSError, ValueError):
                answer = None
            if answer is None:
                self._end()
                raise Editor3DError(_LOST.format(log=self._log))
        head, body = answer
        if "error" in head:
            raise Editor3DError(head["error"])
        return head["ok"], body

    def close(self) -> None:
        """End it, whatever it does."""
        self._closed = True
        process = self._process
        if process is not None:
            process.kill()
        with self._lock:
            self._end()
        self._starter.shutdown()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._closed:
            raise Editor3DError("The studio is ending.")
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = self._starter.submit(self._begin).result()
        return self._process

    def _begin(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "editor3d.studio.engine.child", str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            for stream in (process.stdin, process.stdout):
                with suppress(OSError):
                    cast(BinaryIO, stream).close()
            process.wait()
