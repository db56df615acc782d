"""Triangulate polygons."""

from __future__ import annotations

import numpy as np

_MOST_CORNERS = 1024
"""Of a concave polygon that is cut along its shape; the time goes with the square where it crosses itself."""
_OTHER_DIAGONAL = np.array([[1, 2, 3], [1, 3, 0]])


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
        found = np.repeat(fan[None], len(which), axis=0)
        if 3 < size <= _MOST_CORNERS:
            shapes = points[corners[starts[which][:, None] + np.arange(size)]]
            _cut_concave(shapes, found)
        triangles.append((starts[which][:, None, None] + found).reshape(-1, 3))
        owners.append(which.repeat(size - 2))
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    return np.concatenate(triangles)[order], owner[order]


def _cut_concave(shapes: np.ndarray, found: np.ndarray) -> None:
    """Replace the fans [P, N - 2, 3] of those polygons [P, N, 3] that turn the other way at some corner."""
    with np.errstate(all="ignore"):
        ahead = np.roll(shapes, -1, axis=1) - shapes
        normals = _normals(shapes)
        turns = np.einsum("pnk,pk->pn", np.cross(np.roll(ahead, 1, axis=1), ahead), normals)  # at each corner
    concave = np.flatnonzero((turns < 0.0).any(axis=1) & np.isfinite(shapes).all(axis=(1, 2)))
    if shapes.shape[1] == 4:  # the diagonal starts at the corner that points inwards
        found[concave[(turns[concave][:, [1, 3]] < 0.0).any(axis=1)]] = _OTHER_DIAGONAL
        return
    axes = np.abs(normals[concave]).argmax(axis=1)
    for axis in range(3):
        _cut_seen_along(axis, shapes, concave[axes == axis], normals, found)


def _cut_seen_along(axis: int, shapes: np.ndarray, which: np.ndarray, normals: np.ndarray, found: np.ndarray) -> None:
    """As `_cut_concave`, of the polygons `which`, by their outlines seen along an axis."""
    import mapbox_earcut

    flat = np.ascontiguousarray(np.delete(shapes[which], axis, axis=2))
    end = np.array([shapes.shape[1]], np.uint32)
    for polygon, outline in zip(which.tolist(), flat, strict=True):
        cut = mapbox_earcut.triangulate_float64(outline, end).reshape(-1, 3)
        if len(cut) != shapes.shape[1] - 2:  # it crosses itself
            continue
        one, two, three = shapes[polygon][cut.T.astype(np.int64)]
        outwards = float((np.cross(two - one, three - one) @ normals[polygon]).sum()) >= 0.0
        found[polygon] = cut if outwards else cut[:, ::-1]


def _normals(shapes: np.ndarray) -> np.ndarray:
    """Newell's normals of polygons [P, N, 3], of any length: [P, 3]."""
    middle = shapes - shapes.mean(axis=1, keepdims=True)
    return np.cross(middle, np.roll(middle, -1, axis=1)).sum(axis=1)
