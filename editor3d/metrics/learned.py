"""Learned scores of an edit, where their weights are on this machine: LPIPS to the base, and CLIP's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from editor3d.metrics.clip import load_clip
from editor3d.metrics.image import LPIPS_MIN_SIDE, lpips
from editor3d.metrics.unavailable import Unavailable
from editor3d.metrics.views import HeldOutView

CAPTION_BEFORE = "a photo"
"""What the unedited scene is called: no more is known of it."""


@dataclass(frozen=True)
class ClipScores:
    """Cosines, -1..1. Means over views; see `editor3d.metrics.clip`."""

    model: str
    """Scores of different models are not comparable."""
    direction: float | None
    """Directional similarity; None for an edit without a caption."""
    score: float | None
    """cos(E(edited render), E(caption)); None for an edit without a caption."""
    score_unedited: float | None
    """cos(E(base render), E(caption)): what doing nothing scores."""
    consistency: float | None
    """How alike neighbouring views moved; None for one view alone."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def lpips_to_base(views: Sequence[HeldOutView]) -> float | Unavailable:
    """Mean LPIPS distance between the renders before and after an edit: 0 is unchanged."""
    distances = []
    for view in views:
        if min(view.base_render.shape[:2]) < LPIPS_MIN_SIDE:
            return Unavailable(
                reason=f"LPIPS needs sides of at least {LPIPS_MIN_SIDE} pixels", remedy="read the pictures less small"
            )
        distance = lpips(view.base_render, view.edited_render)
        if isinstance(distance, Unavailable):
            return distance
        distances.append(distance)
    return sum(distances) / len(distances)


def clip_scores(views: Sequence[HeldOutView], caption: str) -> ClipScores | Unavailable:
    """CLIP's scores of an edit.

    Args:
        views: at least one, in a camera path's order.
        caption: what the edited scene shows; empty where nobody said.
    """
    clip = load_clip()
    if isinstance(clip, Unavailable):
        return clip
    before, after = [view.base_render for view in views], [view.edited_render for view in views]
    direction = score = score_unedited = None
    if caption:
        direction = clip.directional_similarity(before, after, CAPTION_BEFORE, caption)
        score, score_unedited = clip.similarity(after, caption), clip.similarity(before, caption)
    return ClipScores(
        model=clip.name,
        direction=direction,
        score=score,
        score_unedited=score_unedited,
        consistency=clip.consistency(before, after) if len(views) > 1 else None,
    )
