"""Measure whether an edit changed what it should, and only that: IoU of the change, and grounding of named objects.

A pixel changed where a channel differs by more than `CHANGED` between the renders before and after. With C the pixels
that changed and S those that should,

    IoU = |C and S| / |C or S|,    mIoU = (IoU + |not C and not S| / |not C or not S|) / 2.

An object changed where more than half of its pixels did. An edit is grounded in a view by the share of the objects
there that are as the instruction wants them: changed if it names them, unchanged otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from jaxtyping import Bool, Float
from torch import Tensor

from editor3d.metrics.unavailable import Unavailable
from editor3d.metrics.views import HeldOutView, mean

CHANGED = 0.05
"""Difference in one channel, 0..1: above what fitting a scene again leaves, below what an edit is meant to be."""
_OBJECT = 0.5
"""Share of an object's pixels."""


@dataclass(frozen=True)
class Targets:
    """Means over views. None where no view has anything to measure."""

    iou: float | None
    """Of the change with what should change, 0..1."""
    miou: float | None
    """The mean of that and of the same for what should stay, 0..1."""
    grounding: float | None
    """Share of the objects in a view that are as the instruction wants them, 0..1."""
    changed: Mapping[str, float]
    """Share of the pixels of each named object of the capture that changed, 0..1."""
    named: tuple[str, ...]
    """The objects that the instruction names."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def measure_targets(views: Sequence[HeldOutView], named: Sequence[str] = ()) -> Targets | Unavailable:
    """Compare what changed with what should have.

    Args:
        views: with the region that should change, and the masks of objects, where they are known.
        named: the objects that the instruction names.
    """
    ious, mious, grounded = [], [], []
    shares: dict[str, list[float]] = {}
    for view in views:
        change = changed_pixels(view.base_render, view.edited_render)
        if view.region is not None and view.sees_region:
            ious.append(iou(change, view.region))
            mious.append((ious[-1] + iou(~change, ~view.region)) / 2)
        seen = {name: change[mask].double().mean().item() for name, mask in view.objects.items() if mask.any()}
        for name, share in seen.items():
            shares.setdefault(name, []).append(share)
        if named and seen:
            grounded.append(sum((share > _OBJECT) == (name in named) for name, share in seen.items()) / len(seen))
    if not ious and not grounded:
        return Unavailable(
            reason="what should change is not known, as the edit is about the whole picture",
            remedy="name an object that the capture has masks of, or give --region to the edit",
        )
    means = {name: sum(found) / len(found) for name, found in sorted(shares.items())}
    return Targets(mean(ious), mean(mious), mean(grounded), means, tuple(named))


def changed_pixels(before: Float[Tensor, "h w 3"], after: Float[Tensor, "h w 3"]) -> Bool[Tensor, "h w"]:
    """[H, W] bool: where two pictures [H, W, 3] in 0..1 differ by more than `CHANGED` in a channel."""
    return (after - before).abs().amax(-1) > CHANGED


def iou(a: Bool[Tensor, "h w"], b: Bool[Tensor, "h w"]) -> float:
    """|a and b| / |a or b| of two masks [H, W] bool; 1 where both are empty."""
    union = (a | b).sum().item()
    return (a & b).sum().item() / union if union else 1.0
