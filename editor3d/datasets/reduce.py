"""Read large photographs at a reduced size, as nerfstudio does by default."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from editor3d.types import PosedImages, View

MAX_SIDE = 1600
"""Pixels of the longest side of pictures for which no downscale factor is given; nerfstudio's own bound."""


def usual_factor(views: Sequence[View]) -> int:
    """The smallest power of two by which the sides of all views are divided to `MAX_SIDE` at most."""
    longest = max(max(view.width, view.height) for view in views)
    shortest = min(min(view.width, view.height) for view in views)
    factor = 1
    while longest > MAX_SIDE * factor and shortest >= 2 * factor:
        factor *= 2
    return factor


def draft_factor(posed: PosedImages) -> int:
    """The factor at which pictures of half a capture's present size are read; its own where nothing would be left."""
    shortest = min(min(view.width, view.height) for view in posed.views)
    return posed.downscale_factor * (2 if shortest >= 2 else 1)


def downscale_by_usual_factor(posed: PosedImages) -> PosedImages:
    """A capture read at full size, its pictures to be read at the usual factor instead."""
    factor = usual_factor(posed.views)
    if factor == 1:
        return posed
    views = tuple(view.downscaled(factor, view.name) for view in posed.views)
    return replace(posed, views=views, downscale_factor=factor)
