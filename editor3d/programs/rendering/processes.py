"""How many render processes a machine has room for."""

from __future__ import annotations

import os

import psutil

MOST = 16
SHARE = 0.5
"""Of the memory that is free, what render processes may take."""
GROWTH, FIRST = 2, 256 << 20
"""A process that renders takes about twice what it took to open the scene, and some more."""


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def free_memory() -> int:
    """Bytes that are free."""
    return psutil.virtual_memory().available


def count_for(opened: int, free: int, cores: int) -> int:
    """How many processes render at once: one a core, as far as the memory goes, and one at least.

    Args:
        opened: bytes that a process took to open the scene.
        free: bytes that are free.
    """
    room = int(SHARE * free / (GROWTH * max(opened, 0) + FIRST))
    return max(1, min(cores, room, MOST))
