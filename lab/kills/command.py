"""One of the project's commands in a process that can be killed; its imports are made once, for all of them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

_THREADS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass
class Running:
    """A command under way, in a process group of its own."""

    process: ForkServerProcess
    log: Path

    def kill(self) -> None:
        """Kill it and whatever it started, at once."""
        assert self.process.pid is not None  # it was started
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.join()

    def wait(self, seconds: float) -> int:
        """Its exit code.

        Raises:
            TimeoutError: it is not done in time; it is killed then.
        """
        self.process.join(seconds)
        if self.process.exitcode is None:
            self.kill()
            raise TimeoutError(f"more than {seconds:.0f} s; see {self.log}")
        return self.process.exitcode


class Commands:
    """Starts commands quickly: a server that has imported everything forks for each of them."""

    def __init__(self) -> None:
        for name in _THREADS:  # a process that has used several threads must not be forked
            os.environ[name] = "1"
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["lab.kills.preload"])

    def start(self, words: list[str], log: Path, environment: Mapping[str, str] | None = None) -> Running:
        """Begin `editor3d …` or `ns-train …` with some variables set; what it prints goes to `log`."""
        process = self._context.Process(target=_run, args=(words, str(log), dict(environment or {})))
        process.start()
        return Running(process, log)


def _run(words: list[str], log: str, environment: dict[str, str]) -> None:
    os.environ |= environment
    with suppress(PermissionError):
        os.setpgid(0, 0)
    for descriptor in (1, 2):
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
    import torch

    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    program, *rest = words
    sys.argv = words
    if program == "editor3d":
        from editor3d.cli import main

        code = main(rest)
    else:
        from nerfstudio.scripts.train import entrypoint

        entrypoint()
        code = 0
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
