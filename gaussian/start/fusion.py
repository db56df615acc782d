"""Fuse the depths of several views into points, spread evenly over the views (Galliani et al. 2015)."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from gaussian.start.views import SmallView

_AGREES = 0.03
"""Two depths of the same surface differ by less than this share."""
_THROUGH = 0.06
"""A view sees through what lies nearer than its own depth by more than this share, where it shows another colour:"""
_OTHER = 25
"""one that differs by more than this, a mean of the channels in 0..255."""
_ALIKE = 4
"""Colours that differ by no more in any channel are the same."""


def fused(
    views: Sequence[SmallView],
    depths: Sequence[np.ndarray],
    compared: Sequence[Sequence[int]] | np.ndarray,
    *,
    background: np.ndarray,
    cell: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Points on surfaces [N, 3], scene units, and their colours [N, 3] in 0..1.

    Args:
        depths: z-depth [H, W] of every view.
        compared: of every view, the indices of those that it is compared with.
        background: colour [3] in 0..1 behind everything; what is of no other colour needs no point.
        cell: pixels, at least 1, along a side of the squares of a view of which each is to show a point.
    """
    points, colors = [np.zeros((0, 3))], [np.zeros((0, 3))]
    for index, view in enumerate(views):
        places, score = _agreed(views, depths, index, compared[index])
        covered = _covered(view, depths[index], np.concatenate(points), cell)
        wanted = view.seen & ~covered & ~_is_background(view.pixels, background)
        chosen = _one_a_cell(np.where(wanted, score, 0), cell)
        points.append(places[chosen])
        colors.append(view.pixels[chosen] / 255.0)
    return np.concatenate(points), np.concatenate(colors)


def _agreed(
    views: Sequence[SmallView], depths: Sequence[np.ndarray], index: int, compared: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Where the pixels of a view lie [H, W, 3], a mean over the views that agree, and how many more of these there are
    than of those that see through it [H, W]; 0 where it is not borne out."""
    view, depth = views[index], depths[index]
    places = view.origin + view.rays * depth[..., None]
    agreeing, against, scale = np.zeros(depth.shape), np.zeros(depth.shape), np.ones(depth.shape)
    for other in compared:
        row, column, away = views[other].project(places)
        there = depths[other][row, column] / away  # 0 where it is not in sight
        differs = cv2.absdiff(views[other].pixels[row, column], view.pixels).mean(-1) > _OTHER
        agrees = (np.abs(there - 1) < _AGREES) & ~differs
        agreeing += agrees
        scale += np.where(agrees, there, 0)
        against += (there > 1 + _THROUGH) & differs
    score = np.where(against <= 0.5 * agreeing, agreeing - against, 0)
    return view.origin + view.rays * (depth * scale / (1 + agreeing))[..., None], score


def _is_background(pixels: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Which pixels [H, W] have the background's colour, and all around them too."""
    differs = np.abs(pixels - 255.0 * background).max(-1) > _ALIKE
    return cv2.dilate(differs.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0


def _covered(view: SmallView, depth: np.ndarray, points: np.ndarray, cell: float) -> np.ndarray:
    """Which pixels [H, W] lie in a square that shows one of the points [N, 3]."""
    row, column, away = view.project(points)
    same = np.abs(depth[row, column] / away - 1) < _THROUGH
    squares = _squares(depth.shape, cell)
    return np.isin(squares, squares[row[same], column[same]])


def _one_a_cell(score: np.ndarray, cell: float) -> tuple[np.ndarray, ...]:
    """Rows and columns of a pixel of the best score [H, W] in each square, where that is above 0."""
    squares, score = _squares(score.shape, cell), score.ravel()
    order = np.lexsort((np.random.default_rng(0).permutation(score.size), -score, squares.ravel()))
    first = order[np.unique(squares.ravel()[order], return_index=True)[1]]
    return np.unravel_index(first[score[first] > 0], squares.shape)


def _squares(shape: tuple[int, ...], cell: float) -> np.ndarray:
    """The number of the square that each pixel [H, W] lies in."""
    row, column = ((np.arange(size) / cell).astype(int) for size in shape)
    return row[:, None] * (column[-1] + 1) + column
