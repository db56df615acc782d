"""Judge the edit of a key beside those that were accepted: by how much it changed, how sharp it is, how it agrees."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from editor3d.update.keys.colors import blurred

NOTHING = 0.3
"""Share of the anchor's change below which an edit is nothing."""
BARE = 0.012
"""Mean change of colours below which even the anchor's edit is nothing."""
BLURRED = 0.45
"""Share of the anchor's gain in detail below which an edit has lost its detail."""
ANOTHER = 0.8
"""Disagreement, as a share of the change, from which an edit is of another kind."""
_FINE = 1.5


@dataclass(frozen=True)
class Scores:
    """What is measured of one edited key."""

    change: float
    """Root mean square difference to the picture that was edited, 0..1."""
    detail: float
    """Energy of what is finer than a pixel and a half, as a share of the unedited picture's."""
    disagreement: float | None
    """Root mean square difference to what accepted keys say, over that of what these changed there; None where they
    see too little of it."""


def scores_of(
    edited: Tensor, original: Tensor, mask: Tensor | None, known: Tensor | None, weight: Tensor | None
) -> Scores:
    """Measure an edit.

    Args:
        edited: [H, W, 3] in 0..1.
        original: the picture that was edited.
        mask: where it may change, [H, W] bool; None is everywhere.
        known: what accepted keys say of it, [H, W, 3].
        weight: how surely, [H, W]; None where there are none.
    """
    inside = torch.ones(edited.shape[:2], dtype=torch.bool) if mask is None else mask
    change = (edited - original)[inside].square().mean().sqrt().item()
    detail = _fine(edited, inside) / max(_fine(original, inside), 1e-9)
    disagreement = None
    if known is not None and weight is not None:
        seen = inside & (weight > 0.02)
        if float(seen.float().mean()) > 0.02:
            sigma = max(1.0, min(edited.shape[:2]) / 100)
            apart, moved = blurred(edited - known, sigma)[seen], (known - original)[seen]
            disagreement = (apart.square().mean().sqrt() / moved.square().mean().sqrt().clamp_min(1e-3)).item()
    return Scores(change, detail, disagreement)


def wrong_with(scores: Scores, anchor: Scores | None) -> str:
    """What is wrong with an edit, in a few words; empty where nothing is.

    Args:
        anchor: the anchor's scores; None for the anchor itself.
    """
    if anchor is None:
        return "nothing was changed" if scores.change < BARE else ""
    if scores.change < NOTHING * anchor.change:
        return "nothing was changed"
    if scores.detail < BLURRED * anchor.detail:
        return "it is blurred"
    if scores.disagreement is not None and scores.disagreement > ANOTHER:
        return "it looks otherwise than the views that see the same"
    return ""


def _fine(picture: Tensor, inside: Tensor) -> float:
    grey = cv2.cvtColor(np.ascontiguousarray(picture.float().numpy()), cv2.COLOR_RGB2GRAY)
    fine = torch.from_numpy(grey - cv2.GaussianBlur(grey, (0, 0), _FINE))
    return fine[inside].square().mean().item()
