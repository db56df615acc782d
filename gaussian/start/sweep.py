"""The depth of a whole picture from its neighbours: a plane sweep (Collins 1996) with semi-global matching
(Hirschmüller 2008), which carries depth from edges into what has no texture."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from gaussian.start.views import SmallView

_PLANES = 48
_DIFFERENCE = 38
"""Of colours in 0..255, a mean of the channels: more counts as this much."""
_UNSEEN = 24
"""What a pixel costs that a neighbour does not hold."""
_PATCH = 3
"""Pixels along a side of the window in which pictures are compared."""
_STEP, _JUMP = 1.5, 12.0
"""Cost of a depth that differs from the pixel's beside it by one plane, and by more,"""
_EDGE = 12.0
"""which is divided by 1 + d / this, d being the difference of their colours."""
_MEAN = np.array([[1, 1, 1, 0]]) / 3
_TO_OPENCV, _FROM_OPENCV = (np.array([[1, 0, x], [0, 1, x], [0, 0, 1]]) for x in (-0.5, 0.5))
"""OpenCV's first pixel has its centre at (0, 0)."""


def swept_depth(view: SmallView, neighbours: Sequence[SmallView], nearest: float, farthest: float) -> np.ndarray:
    """The z-depth of every pixel of a view: [H, W] scene units.

    Args:
        neighbours: views that show some of the same, at least one.
        nearest, farthest: z-depths between which surfaces lie; planes are spaced evenly in 1 / z.
    """
    inverse = np.linspace(1 / farthest, 1 / nearest, _PLANES)
    return 1 / _cheapest(_paths(_costs(view, neighbours, inverse), view.pixels), inverse)


def _costs(view: SmallView, neighbours: Sequence[SmallView], inverse: np.ndarray) -> np.ndarray:
    """How much the neighbours' colours differ, were a pixel's surface at each plane: [H, W, D] float32 in 0..255."""
    height, width = view.seen.shape
    own = np.tile(view.marked, (len(inverse), 1, 1))
    unproject = view.pose[:, :3] @ np.linalg.inv(view.K)
    shown = np.empty((len(inverse), height, width, 4), np.uint8)
    total = np.zeros((len(inverse) * height, width), np.float32)
    for other in neighbours:
        project = other.K @ other.pose[:, :3].T
        turn, shift = project @ unproject, project @ (view.origin - other.origin)
        # the point at z-depth 1 / w, times w, in the other's pixels: K (R' ray + w R' (o - o'))
        homographies = _TO_OPENCV @ (turn + inverse[:, None, None] * shift[:, None] * [0, 0, 1]) @ _FROM_OPENCV
        for warped, homography in zip(shown, homographies, strict=True):
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            cv2.warpPerspective(other.marked, homography, (width, height), warped, flags)
        difference = cv2.absdiff(shown.reshape(-1, width, 4), own)
        cost = np.minimum(cv2.transform(difference, _MEAN), _DIFFERENCE)
        cost[difference[..., 3] > 0] = _UNSEEN
        total += cost
    total = (total / len(neighbours)).reshape(-1, height, width)
    volume = np.ascontiguousarray(total.transpose(1, 2, 0))
    return cv2.blur(volume, (_PATCH, _PATCH))


def _paths(volume: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """The costs [H, W, D] of the cheapest paths that end at a pixel and a plane, summed over those from four sides:
    L(p, d) = C(p, d) + min(L(q, d), L(q, d ± 1) + step, min L(q) + jump) - min L(q), q being the pixel before p."""
    total = np.zeros_like(volume)
    for axis in (0, 1):
        lines, sums = np.moveaxis(volume, axis, 0), np.moveaxis(total, axis, 0)
        edges = np.abs(np.diff(np.moveaxis(pixels, axis, 0).astype(np.float32), axis=0)).mean(-1)
        jumps = (_STEP + (_JUMP - _STEP) / (1 + edges / _EDGE))[..., None]
        for order in (range(len(lines)), range(len(lines) - 1, -1, -1)):
            path, before = lines[order[0]], order[0]
            sums[before] += path
            for line in order[1:]:
                least = path.min(-1, keepdims=True)
                best = np.minimum(path, least + jumps[min(line, before)])
                best[:, 1:] = np.minimum(best[:, 1:], path[:, :-1] + _STEP)
                best[:, :-1] = np.minimum(best[:, :-1], path[:, 1:] + _STEP)
                path, before = lines[line] + best - least, line
                sums[line] += path
    return total


def _cheapest(total: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """1 / z [H, W] of least cost [H, W, D]; between planes, the least value of a parabola."""
    best = total.argmin(-1)
    inner = np.clip(best, 1, len(inverse) - 2)
    below, at, above = (np.take_along_axis(total, (inner + k)[..., None], 2)[..., 0] for k in (-1, 0, 1))
    bend = below - 2 * at + above
    offset = np.where((bend > 1e-6) & (best == inner), (below - above) / (2 * np.maximum(bend, 1e-6)), 0)
    return inverse[best] + np.clip(offset, -0.5, 0.5) * (inverse[1] - inverse[0])
