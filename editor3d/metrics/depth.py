"""Depth error of a true edit, in what the edit changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

DEPTH_TOLERANCE = 0.02
"""Share of the true depth by which a depth differs before it counts as moved."""
COLOR_TOLERANCE = 0.1
"""Difference in one channel, 0..1, before a pixel counts as recoloured: above the sampling noise of a path tracer."""


@dataclass(frozen=True)
class DepthScores:
    """Medians of |d - d_true| / d_true. None where no pixel qualifies."""

    changed: float | None
    """Of the edited scene, where depth or colour truly changed."""
    changed_unedited: float | None
    """Of the scene before the edit, in the same pixels: what doing nothing scores."""
    moved: float | None
    """Of the edited scene, only where depth truly changed. New shadows and colours do not dilute it."""
    moved_unedited: float | None
    """Of the scene before the edit, in the same pixels."""


def depth_scores(
    photo: Tensor,
    truth: Tensor,
    photo_depth: Tensor,
    truth_depth: Tensor,
    base_depth: Tensor,
    edited_depth: Tensor,
) -> DepthScores:
    """Compare depth after the edit with the truth, in what changed.

    Args:
        photo, truth: pictures [H, W, 3] in 0..1 of the true scene before and after.
        photo_depth, truth_depth: true depth [H, W] before and after, scene units; 0 or non-finite is unknown.
        base_depth, edited_depth: depth [H, W] of the reconstruction before and after.
    """
    known = is_known(truth_depth)
    moved = known & moved_pixels(photo_depth, truth_depth)
    changed = known & (moved | ((truth - photo).abs().amax(-1) > COLOR_TOLERANCE))
    return DepthScores(
        changed=_median_error(edited_depth, truth_depth, changed),
        changed_unedited=_median_error(base_depth, truth_depth, changed),
        moved=_median_error(edited_depth, truth_depth, moved),
        moved_unedited=_median_error(base_depth, truth_depth, moved),
    )


def moved_pixels(before: Tensor, after: Tensor) -> Tensor:
    """[H, W] bool: the depth [H, W] changed by more than `DEPTH_TOLERANCE`, or became known or unknown."""
    both = is_known(before) & is_known(after)
    return (both & ((after - before).abs() > DEPTH_TOLERANCE * after)) | (is_known(before) ^ is_known(after))


def is_known(depth: Tensor) -> Tensor:
    """[H, W] bool: the depth is finite and above 0."""
    return depth.isfinite() & (depth > 0)


def _median_error(depth: Tensor, true_depth: Tensor, where: Tensor) -> float | None:
    if not where.any():
        return None
    error = (depth[where].double() - true_depth[where].double()).abs() / true_depth[where].double()
    return error.nan_to_num(nan=float("inf")).median().item()  # a depth that is no number is wrong, not absent
