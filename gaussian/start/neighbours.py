"""Choose the neighbouring views and the range of depths for the depth sweep."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gaussian.start.views import SmallView

_ANGLE = np.radians(10)
"""Between the rays of two views to a point, at which its depth is measured best."""
_POINTS = 400
_FEWEST = 20
"""Points of a view by which its depths are judged."""
_MARGIN = 1.25
_OUTLIERS = 0.01


def apart(views: Sequence[SmallView]) -> np.ndarray:
    """How far views are from each other [V, V]: in place, over the extent of all, plus in direction, radians."""
    origins, forward = np.stack([view.origin for view in views]), np.stack([view.pose[:, 2] for view in views])
    distance = np.linalg.norm(origins[:, None] - origins, axis=-1) / extent(views)
    return distance + np.arccos(np.clip(forward @ forward.T, -1, 1))


def extent(views: Sequence[SmallView]) -> float:
    """How far the views reach about their middle, scene units."""
    origins = np.stack([view.origin for view in views])
    return max(float(np.linalg.norm(origins - origins.mean(0), axis=1).max()), 1e-9)


def spread(distances: np.ndarray, count: int) -> list[int]:
    """Indices, in order, of as many views as differ most from each other, by their distances [V, V]."""
    chosen, nearest = [0], distances[0].copy()
    while len(chosen) < min(count, len(distances)):
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, distances[chosen[-1]])
    return sorted(chosen)


def nearest(distances: np.ndarray, count: int) -> np.ndarray:
    """Of each view, the others that are nearest, by the distances [V, V]: [V, min(count, V - 1)]."""
    others = distances + np.diag(np.full(len(distances), np.inf))
    return np.argsort(others, axis=1, kind="stable")[:, : min(count, len(distances) - 1)]


def triangulating(views: Sequence[SmallView], points: np.ndarray, count: int, requested: Sequence[int]) -> np.ndarray:
    """Of each requested view, by its index, the others that show the same points [N, 3] at the best angles (as
    Yao et al. 2018 choose them): [len(requested), min(count, V - 1)]."""
    some = points[np.random.default_rng(0).permutation(len(points))[:_POINTS]]
    towards = some - np.stack([view.origin for view in views])[:, None]
    towards /= np.linalg.norm(towards, axis=-1, keepdims=True)
    shown = np.stack([np.isfinite(view.project(some)[2]) for view in views])
    scores = np.empty((len(requested), len(views)))
    for row, index in enumerate(requested):
        angles = np.arccos(np.clip((towards * towards[index]).sum(-1), -1, 1))
        width = np.where(angles < _ANGLE, _ANGLE / 2, _ANGLE)
        gain = np.exp(-((angles - _ANGLE) ** 2) / (2 * width**2))
        scores[row] = (gain * (shown & shown[index])).sum(1)
        scores[row, index] = -1
    return np.argsort(-scores, axis=1, kind="stable")[:, : min(count, len(views) - 1)]


def depth_ranges(views: Sequence[SmallView], points: np.ndarray) -> list[tuple[float, float]]:
    """The nearest and the farthest z-depth of points [N, 3] in each view, outliers apart and with some margin."""
    shown = [depth[np.isfinite(depth)] for depth in (view.project(points)[2] for view in views)]
    everywhere = np.concatenate(shown)
    chosen = [depths if len(depths) >= _FEWEST else everywhere for depths in shown]
    ends = (np.quantile(depths, [_OUTLIERS, 1 - _OUTLIERS]) for depths in chosen)
    return [(float(near) / _MARGIN, float(far) * _MARGIN) for near, far in ends]
