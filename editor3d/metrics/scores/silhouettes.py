"""Measure whether what was edited kept its shape: the IoU of its silhouettes before and after.

Before, a silhouette is the mask of what is edited, else all that has a depth, as of a mesh before nothing. After, it
has lost the pixels that now show something further away, and gained those that now show something nearer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from jaxtyping import Bool
from torch import Tensor

from editor3d.metrics.scores.targets import iou
from editor3d.metrics.unavailable import Unavailable
from editor3d.metrics.views import HeldOutView

MOVED = 0.05
"""Share of the depth by which a pixel must have moved: more than depths of reconstructions differ by themselves."""


@dataclass(frozen=True)
class Silhouettes:
    """Of the views that show what was edited."""

    iou: float
    """Mean IoU of the silhouettes before and after, 0..1; 1 is the same shape."""
    views: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def measure_silhouettes(views: Sequence[HeldOutView]) -> Silhouettes | Unavailable:
    """Compare silhouettes in the views that have depths before and after."""
    found = [pair for view in views if (pair := silhouettes(view)) is not None]
    if not found:
        return Unavailable(
            reason="silhouettes need depths, and an object or a region that is edited or nothing behind the scene",
            remedy="name an object that the capture has masks of, or give --region to the edit",
        )
    return Silhouettes(sum(iou(*pair) for pair in found) / len(found), len(found))


def silhouettes(view: HeldOutView) -> tuple[Bool[Tensor, "h w"], Bool[Tensor, "h w"]] | None:
    """The silhouettes [H, W] bool before and after; None where the view has none."""
    before, after = view.base_depth, view.edited_depth
    if before is None or after is None:
        return None
    known, known_after = (depth.isfinite() & (depth > 0) for depth in (before, after))
    if view.region is None:
        return None if known.all() else (known, known_after)
    if not view.sees_region:
        return None
    further = known & (~known_after | (after > before * (1 + MOVED)))
    nearer = known_after & (~known | (after < before * (1 - MOVED)))
    return view.region, (view.region & ~further) | (~view.region & nearer)
