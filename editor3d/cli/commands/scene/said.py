"""Say what a change of splats did, and where the scene is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from editor3d.outputs.splat_change import Cleaned, SplatChange


def say_changed(change: SplatChange, done: str) -> int:
    """Print a change; returns the exit code."""
    return _say(change.output, f"{change.selected} of {change.total} Gaussians {done}, {change.written} written")


def say_cleaned(cleaned: Cleaned) -> int:
    """Print a cleaning; returns the exit code."""
    parts = [f"{count} {name}" for name, count in cleaned.removed.items()]
    parts += [f"{cleaned.merged} fewer by merging"] if cleaned.merged else []
    return _say(cleaned.output, ", ".join([*parts, f"{cleaned.written} of {cleaned.total} Gaussians written"]))


def _say(output: Path, text: str) -> int:
    from editor3d.run.events import Result, absolute, emit

    print(f"{output}: {text}")
    emit(Result(kind="splats", path=absolute(output)))
    return 0
