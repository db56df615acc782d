"""Polygons as triangles."""

from __future__ import annotations

import numpy as np


def triangulated(points: np.ndarray, corners: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triangles that fill polygons, concave ones too; of fewer than three corners none.

    Args:
        points: [V, 3] float64.
        corners: the polygons' vertices one after the other [C] int64, all in 0..V-1.
        sizes: corners of each polygon [P].

    Returns:
        [T, 3] int64, places in `corners`, and the polygon [T] of each, in the polygons' order.
    """
    starts = np.cumsum(sizes) - sizes
    triangles, owners = [np.zeros((0, 3), np.int64)], [np.zeros(0, np.int64)]
    for size in np.unique(sizes[sizes >= 3]).tolist():
        which = np.flatnonzero(sizes == size)
        fan = np.column_stack([np.zeros(size - 2, np.int64), np.arange(1, size - 1), np.arange(2, size)])
        found = starts[which][:, None, None] + fan[None]
        if size > 3:
            shapes = points[corners[starts[which][:, None] + np.arange(size)]]
            for polygon in np.flatnonzero(_concave(shapes)).tolist():
                ears = _ears(shapes[polygon])
                if ears is not None:
                    found[polygon] = starts[which[polygon]] + ears
        triangles.append(found.reshape(-1, 3))
        owners.append(which.repeat(size - 2))
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    return np.concatenate(triangles)[order], owner[order]


def _normals(shapes: np.ndarray) -> np.ndarray:
    """Newell's normals of polygons [P, N, 3], of any length: [P, 3]."""
    middle = shapes - shapes.mean(axis=1, keepdims=True)
    return np.cross(middle, np.roll(middle, -1, axis=1)).sum(axis=1)


def _concave(shapes: np.ndarray) -> np.ndarray:
    """Which polygons [P, N, 3] turn the other way at some corner: [P]."""
    with np.errstate(invalid="ignore", over="ignore"):
        ahead = np.roll(shapes, -1, axis=1) - shapes
        turns = np.cross(ahead, np.roll(ahead, -1, axis=1))
        return (np.einsum("pnk,pk->pn", turns, _normals(shapes)) < 0.0).any(axis=1)


def _ears(shape: np.ndarray) -> np.ndarray | None:
    """Triangles [N - 2, 3] of one polygon [N, 3], wound like it; None where it crosses itself or is not finite."""
    import mapbox_earcut

    if not np.isfinite(shape).all():
        return None
    normal = _normals(shape[None])[0]
    axis = int(np.abs(normal).argmax())
    flat = np.ascontiguousarray(np.delete(shape, axis, axis=1))
    found = mapbox_earcut.triangulate_float64(flat, np.array([len(shape)], np.uint32)).reshape(-1, 3).astype(np.int64)
    if len(found) != len(shape) - 2:
        return None
    one, two, three = (shape[found[:, corner]] for corner in range(3))
    if float((np.cross(two - one, three - one) @ normal).sum()) < 0.0:
        found = found[:, ::-1]
    return found
