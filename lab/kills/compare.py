"""Compare two run folders bit by bit, and find files that a finished run does not leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_UNLIKE = {"seconds", "times", "at", "elapsed", "timestamp", "output_dir", "seconds_per_render", "started", "finished"}
_UNLIKE |= {"retries", "retried"}  # how often Blender crashed by itself and was started again
"""Keys of what a clock, a path or a crash of Blender decides."""
_LOGS = (".log", ".yml", ".blend")
"""What holds times or paths in places of its own; a .blend has addresses of memory, too."""
_IGNORED = ("events.out.tfevents", ".lock")
_DECIDED = ("proposal", "render", "verdict", "round", "imagined")
"""Events of a ledger that say what was decided; others say that something began or that the process did."""


def differences(one: Path, other: Path) -> list[str]:
    """What `one` has otherwise than `other`, a line each; empty where they are the same."""
    names = {
        folder: {str(path.relative_to(folder)) for path in folder.rglob("*") if _counts(path)}
        for folder in (one, other)
    }
    found = [f"{name} is missing" for name in sorted(names[other] - names[one])]
    found += [f"{name} is left over" for name in sorted(names[one] - names[other])]
    return found + [
        f"{name} differs" for name in sorted(names[one] & names[other]) if not _same(one / name, other / name)
    ]


def _counts(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(_IGNORED)


def _same(one: Path, other: Path) -> bool:
    if one.suffix in _LOGS:
        return True
    if one.suffix == ".ckpt":
        from editor3d.run import checkpoints

        return _equal(checkpoints.load(one), checkpoints.load(other))
    if one.suffix == ".json":
        return _equal(json.loads(one.read_text()), json.loads(other.read_text()))
    if one.suffix == ".jsonl":
        events = [[json.loads(line) for line in path.read_text().splitlines()] for path in (one, other)]
        return _equal(*([event for event in part if event.get("event") in _DECIDED] for part in events))
    return one.read_bytes() == other.read_bytes()


def _equal(one: Any, other: Any) -> bool:
    from torch import Tensor, equal

    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.dtype == other.dtype and equal(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        keys = (set(one) | set(other)) - _UNLIKE
        return keys <= set(one) & set(other) and all(_equal(one[key], other[key]) for key in keys)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other or (one != one and other != other))
