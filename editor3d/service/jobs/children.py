"""Start the processes that carry out the commands of jobs, on request ahead of the next one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class Children:
    """Starts a process for each command.

    Libraries take longer to import than a quick edit takes. A process that is started ahead has imported them when its
    words come. All calls come from one thread, which lives as long as the processes may: the system ends a child with
    the thread that began it.

    Args:
        command: the words that run a command of the project; this project by default.
        ahead: whether one process is kept ready.
    """

    def __init__(self, command: Sequence[str] | None, ahead: bool) -> None:
        self._command, self._ahead = command, ahead and command is None
        self._ready: subprocess.Popen | None = None

    def prepare(self) -> None:
        """Start the next process, where one is to be kept ready."""
        if self._ahead and (self._ready is None or self._ready.poll() is not None):
            self._ready = self._own("--ahead")

    def begin(self, folder: Path, log: Path, words: Sequence[str]) -> tuple[subprocess.Popen, bytes]:
        """A process for a command.

        Args:
            folder: where it runs.
            log: what it prints is added to this file.
            words: the command's own.

        Returns:
            The process, and what it waits for on its standard input.
        """
        if self._command is not None:
            with log.open("ab") as file:
                return _started(self._command, file, folder), json.dumps(list(words)).encode()
        ready, self._ready = self._ready, None
        process = ready if ready is not None and ready.poll() is None else self._own()
        return process, json.dumps({"words": list(words), "folder": str(folder), "log": str(log)}).encode()

    def close(self) -> None:
        """End the process that waits."""
        if self._ready is not None:
            self._ready.kill()
            self._ready.communicate()
            self._ready = None

    def _own(self, *flags: str) -> subprocess.Popen:
        words = [sys.executable, "-m", "editor3d.service.jobs.child", str(os.getpid()), *flags]
        return _started(words, subprocess.DEVNULL, None)


def _started(words: Sequence[str], output: Any, folder: Path | None) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env=environment,
        **_own_group(),
    )


def _own_group() -> Mapping[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}
