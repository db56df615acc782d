"""What may be wrong with a tile of an edited sheet: unedited, shifted, or painted over its gutter."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from torch import Tensor

from editor3d.editors.sheets.layout import Layout

NOTHING = 0.15
"""Share of the other tiles' median change below which a tile counts as unedited."""
_ONE_LEVEL = 1.0 / 255.0
_SHIFT_SHARE, _SHIFT_LEAST = 0.02, 2.0
"""A view may move by this share of its longer side, and by these pixels, whatever its size."""
_BETTER = 0.1
"""By how much moving the view back must raise the correlation of its edges, before it counts as shifted."""
_OFF_COLOUR, _SPREAD = 0.15, 0.25
"""How far a pixel of a gutter may be from the gutters' median colour, and which share of a strip may be farther."""


def unedited(change: float, others: list[float]) -> bool:
    """Whether a tile that changed so much, in the mean of its pixels, counts as left alone beside the others."""
    usual = float(np.median(others)) if others else 0.0
    return change <= max(_ONE_LEVEL, NOTHING * usual)


def shifted(before: Tensor, after: Tensor) -> bool:
    """Whether a view moved in its tile: its edges match those of before clearly better once it is moved back.

    Args:
        before: [h, w, 3] in 0..1.
        after: [h, w, 3].
    """
    one, other = _edges(before), _edges(after)
    height, width = one.shape
    window = cv2.createHanningWindow((width, height), cv2.CV_64F)
    (x, y), _ = cv2.phaseCorrelate(one, other, window)
    if math.hypot(x, y) <= max(_SHIFT_LEAST, _SHIFT_SHARE * max(height, width)):
        return False
    back = np.array([[1.0, 0.0, -x], [0.0, 1.0, -y]])
    moved = cv2.warpAffine(other, back, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return _correlation(one, moved) > _correlation(one, other) + _BETTER


def bled(sheet: Tensor, layout: Layout, index: int) -> bool:
    """Whether what belongs to a tile was painted as far as the middle of a gutter beside it.

    Gutters may change their colour, which an edit of the whole sheet does, but stay of one colour.

    Args:
        sheet: [H, W, 3] in 0..1, edited.
        layout: of the sheet.
        index: of the tile.
    """
    usual = sheet[layout.gutters()].median(0).values
    strips = [sheet[place] for place in layout.beside(index)]
    return any(bool(((strip - usual).abs().amax(-1) > _OFF_COLOUR).float().mean() > _SPREAD) for strip in strips)


def _edges(picture: Tensor) -> np.ndarray:
    """The size of the gradient of the luminance, [h, w] float64, less its mean."""
    grey = picture.detach().cpu().to(torch.float64).mean(-1).numpy()
    grey = cv2.GaussianBlur(grey, (0, 0), 1.0)
    size = np.hypot(cv2.Sobel(grey, cv2.CV_64F, 1, 0), cv2.Sobel(grey, cv2.CV_64F, 0, 1))
    return size - size.mean()


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Of two arrays without their means; 0 where one is flat."""
    scale = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float((first * second).sum()) / scale if scale > 1e-12 else 0.0
