"""Run a command as a child of the service: it ends when the service does, however that ends.

What to do comes as JSON on standard input: what a user asks for is nobody else's business, and arguments of processes
are shown to everyone.

{"words": ["edit", ...], "folder": "/where/it/runs", "log": "/what/it/prints"}
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from contextlib import suppress
from importlib import import_module

_PR_SET_PDEATHSIG = 1
_AHEAD = ("editor3d.cli", "editor3d.edit_config", "editor3d.methods", "editor3d.cli.commands.edit")
_METHODS = ("splat", "igs2gs")


def end_with_parent(parent: int) -> None:
    """Have the system end this process when its parent is gone; only Linux knows how."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the system knew
            os._exit(1)


def import_ahead() -> None:
    """Import what edits of splats import. A failure is left to the command, which says it better."""
    with suppress(Exception):
        from nerfstudio.engine.trainer import TrainerConfig

        from editor3d.host.surroundings import settle

        settle()
        for name in _AHEAD:
            import_module(name)
        for name in _METHODS:
            import_module("editor3d.methods").method_config(name, TrainerConfig)


def main() -> int:
    """Wait for a command, and carry it out; its exit code."""
    told = json.load(sys.stdin)
    os.chdir(told["folder"])
    log = os.open(told["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(log, stream)
    from editor3d.cli import main as carry_out

    return carry_out(told["words"])


if __name__ == "__main__":
    end_with_parent(int(sys.argv[1]))
    if hasattr(os, "nice"):
        os.nice(5)  # the client's own work comes first
    if "--ahead" in sys.argv[2:]:
        import_ahead()
    sys.exit(main())
