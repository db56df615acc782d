"""Runs jobs from standard input, each in a forked process; prints how each ended. See `lab` in conftest.py.

A job is a line of JSON: `code`, `names` (its globals), `output` (where .out and .err go) and `timeout` in seconds. The
code finds `load(path)`, the configuration in a file, `run(config)`, which trains it as `ns-train` does, and `at(owner,
name, when, act)`, which lets a method do something else at its n-th call.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

# a shell that starts tests in the background lets them ignore Ctrl-C, and so would the jobs
signal.signal(signal.SIGINT, signal.default_int_handler)

ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what imports print is no answer

import torch  # noqa: E402
from nerfstudio.scripts import train  # noqa: E402

import editor3d.api  # noqa: E402, F401 - imported once, for all jobs
from editor3d.plugin.bases.base import read_config  # noqa: E402


def load(path: str):
    """The configuration in a file."""
    return read_config(Path(path))


def run(config) -> None:
    """As `ns-train`: ends by SystemExit unless the run is finished."""
    train.main(config)


def at(owner: object, name: str, when: Callable[..., bool] | int, act: Callable[..., object]) -> None:
    """Replace a method: `act` gets the original and its arguments where `when` holds (or at the `when`-th call)."""
    original, calls = getattr(owner, name), []

    def replaced(*args, **kwargs):
        calls.append(1)
        due = when(*args, **kwargs) if callable(when) else len(calls) == when
        return act(original, *args, **kwargs) if due else original(*args, **kwargs)

    setattr(owner, name, replaced)


def work(job: dict) -> int:
    """Run one job in this process; its exit code, as Python would give it."""
    for descriptor, suffix in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{job['output']}.{suffix}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    torch.set_num_threads(1)
    signal.alarm(job["timeout"])  # kills unless the job ends before
    try:
        exec(compile(job["code"], "job", "exec"), {"load": load, "run": run, "at": at, "os": os, **job["names"]})
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - a job may fail in any way
        traceback.print_exc()
        return 1
    return 0


def main() -> None:
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            code = work(job)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), file=ANSWERS, flush=True)


if __name__ == "__main__":
    main()
