"""The surface that a thing stands on or hangs at, continued beneath it from what is seen around."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.spatial import KDTree

_ROUNDS = 400
_TOLERANCE, _ONE_SIDE = 0.02, 0.9
"""Of the thing's size: how far points may lie off a plane; and how much of the thing lies on one side of it."""
_REACH = 0.35
"""Of the thing's size: how far from it what is around is looked at."""
_FEWEST = 30
_CONTROLS = 300


@dataclass(frozen=True, eq=False)
class Continued:
    """A height field over a plane."""

    origin: np.ndarray
    """[3], a point of the plane."""
    axes: np.ndarray
    """[3, 3], rows: two directions within the plane, and the normal towards the thing; unit vectors."""
    low: np.ndarray
    """[2], the least coordinates within the plane of what the thing covers,"""
    high: np.ndarray
    """[2], and the greatest."""
    controls: np.ndarray
    """[K, 3], coordinates within the plane and heights of points that the surface goes by."""

    def points(self, uv: np.ndarray) -> np.ndarray:
        """The points [N, 3] of the surface over coordinates [N, 2] within the plane."""
        heights = np.zeros(len(uv))
        if len(self.controls) > 3:
            field = RBFInterpolator(
                self.controls[:, :2],
                self.controls[:, 2],
                neighbors=min(60, len(self.controls)),
                kernel="thin_plate_spline",
                smoothing=1e-3 * float(np.square(self.high - self.low).sum()),
            )
            heights = field(uv)
        return self.origin + np.column_stack([uv, heights]) @ self.axes


def size_of(points: np.ndarray) -> float:
    """The size of a thing [N, 3]: the diagonal of the box round it, stray points apart."""
    low, high = np.quantile(points, [0.02, 0.98], axis=0)
    return max(float(np.linalg.norm(high - low)), 1e-9)


def continued(thing: np.ndarray, around: np.ndarray) -> Continued | None:
    """The surface that most of what is around a thing lies on, and that the thing does not cross.

    Args:
        thing: [N, 3], the centres of its parts.
        around: [M, 3], points of the surfaces that are seen beside it.

    Returns:
        The surface; None where there is none, as below a thing that floats.
    """
    size = size_of(thing)
    near = KDTree(thing).query(around, k=1, workers=-1)[0] < _REACH * size
    points = around[near]
    if len(points) < _FEWEST:
        return None
    found = _plane(points, thing, _TOLERANCE * size)
    if found is None:
        return None
    origin, normal = found
    first = np.cross(normal, np.eye(3)[np.abs(normal).argmin()])
    axes = np.stack([first / np.linalg.norm(first), np.cross(normal, first / np.linalg.norm(first)), normal])
    local, own = (points - origin) @ axes.T, (thing - origin) @ axes.T
    on = np.abs(local[:, 2]) < 2.0 * _TOLERANCE * size
    some = np.linspace(0, int(on.sum()) - 1, min(int(on.sum()), _CONTROLS)).astype(int)
    low, high = np.quantile(own[:, :2], [0.005, 0.995], axis=0)
    return Continued(origin, axes, low, high, local[on][some])


def _plane(points: np.ndarray, thing: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray] | None:
    """A point and the normal, towards the thing, of the plane through most points that has the thing on one side."""
    draw = np.random.default_rng(0)
    best, most = None, max(_FEWEST, 0.15 * len(points)) - 1
    some = thing[:: max(1, len(thing) // 500)]
    for _ in range(_ROUNDS):
        a, b, c = points[draw.choice(len(points), 3, replace=False)]
        normal = np.cross(b - a, c - a)
        length = np.linalg.norm(normal)
        if length < tolerance**2:
            continue
        normal = normal / length
        above = (some - a) @ normal
        normal = normal if np.median(above) > 0 else -normal
        if ((some - a) @ normal > -tolerance).mean() < _ONE_SIDE:
            continue
        count = int((np.abs((points - a) @ normal) < tolerance).sum())
        if count > most:
            best, most = (a, normal), count
    if best is None:
        return None
    origin, normal = best
    for _ in range(3):
        own = points[np.abs((points - origin) @ normal) < tolerance]
        origin = own.mean(0)
        fitted = np.linalg.svd(own - origin, full_matrices=False)[2][2]
        normal = fitted if fitted @ normal > 0 else -fitted
    return origin, normal
