"""Run a command as a child of the service: it ends when the service does, however that ends.

The command's words come as a JSON list on standard input: what a user asks for is nobody else's business, and arguments
of processes are shown to everyone.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int) -> None:
    """Have the system end this process when its parent is gone; only Linux knows how."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the system knew
            os._exit(1)


if __name__ == "__main__":
    end_with_parent(int(sys.argv[1]))
    if hasattr(os, "nice"):
        os.nice(5)  # the client's own work comes first
    words = json.load(sys.stdin)
    from editor3d.cli import main

    sys.exit(main(words))
