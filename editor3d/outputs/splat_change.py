"""The result of a direct change of splats."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Holes:
    """What a deletion left open: pixels that were covered by an opacity of at least 0.5, and no longer are."""

    folder: Path
    """A mask by view name, white where open."""
    pixels: int
    """White pixels of all masks,"""
    open_views: int
    """of so many views,"""
    views: int
    """of so many."""
    capture: Path | None = None
    """For a file of splats: what is left, as a capture from the cameras of the masks."""


@dataclass(frozen=True)
class SplatChange:
    """Which Gaussians were changed, and where the scene is now."""

    output: Path
    selected: int
    """Gaussians that were changed,"""
    total: int
    """of so many."""
    written: int
    """Gaussians in the output."""
    holes: Holes | None = None
    """None unless something was deleted."""
    filled: int = 0
    """New Gaussians of the output that fill what a deletion left open."""


@dataclass(frozen=True)
class Cleaned:
    """What a cleaning took away."""

    output: Path
    total: int
    """Gaussians that there were."""
    removed: dict[str, int]
    """How many were each: floaters, needles, fog, background; some may be several."""
    merged: int
    """By how many merging made them fewer."""
    written: int
    """Gaussians in the output."""
