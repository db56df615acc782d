"""Learned scores of an edit, where their weights are on this machine."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from editor3d.datasets.views.images import read_image
from editor3d.files.writing import visible_below
from editor3d.metrics.clip import load_clip
from editor3d.metrics.image import lpips
from editor3d.metrics.unavailable import Unavailable
from editor3d.run.record import read_record

CAPTION_BEFORE = "a photo"
"""What the unedited scene is called where only the instruction is known; the instruction itself names the edit."""


def learned_scores(run: Path) -> dict[str, float | str]:
    """LPIPS between before and after, CLIP directional similarity and consistency, over the run's shown views.

    A score whose weights are missing is the sentence that says so.
    """
    before, after = _pictures(run / "before"), _pictures(run / "after")
    names = sorted(before.keys() & after.keys())
    pairs = [(before[name], after[name]) for name in names]
    distances = [lpips(b, a) for b, a in pairs]
    missing = next((d for d in distances if isinstance(d, Unavailable)), None)
    scores: dict[str, float | str] = {
        "LPIPS to the base": str(missing) if missing is not None else sum(distances) / len(distances)
    }
    clip = load_clip()
    if isinstance(clip, Unavailable):
        return scores | {"CLIP directional similarity": str(clip), "CLIP consistency": str(clip)}
    olds, news = [b for b, _ in pairs], [a for _, a in pairs]
    instruction = read_record(run / "edit.json").instruction
    return scores | {
        f"CLIP directional similarity ({clip.name})": clip.directional_similarity(
            olds, news, CAPTION_BEFORE, f"{CAPTION_BEFORE}, {instruction}"
        ),
        f"CLIP consistency ({clip.name})": clip.consistency(olds, news)
        if len(pairs) > 1
        else "not available: one view alone has no neighbour to compare with",
    }


def _pictures(folder: Path) -> dict[str, Tensor]:
    """Pictures [H, W, 3] in 0..1 by their path below `folder`, without suffix."""
    return {
        str(path.relative_to(folder).with_suffix("")): read_image(path).float() / 255.0
        for path in visible_below(folder)
    }
