"""Subdivide meshes that have too few vertices for a style."""

from __future__ import annotations

import numpy as np

from mesh.surface import Surface


def refined(surface: Surface, least: int) -> Surface:
    """Halve every edge until there are at least `least` vertices; the shape, colours and texture stay.

    The vertices that were there keep their numbers and bits.
    """
    while len(surface.vertices) < least:
        surface = _halved(surface)
    return surface


def _halved(surface: Surface) -> Surface:
    faces, count = surface.faces, len(surface.vertices)
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    distinct, which = np.unique(edges, axis=0, return_inverse=True)
    middle = count + which.reshape(-1, 3)  # between corners 0 1, 1 2, 2 0

    def with_middles(values: np.ndarray) -> np.ndarray:
        return np.concatenate([values, 0.5 * (values[distinct[:, 0]] + values[distinct[:, 1]])]).astype(values.dtype)

    a, b, c = faces.T
    ab, bc, ca = middle.T
    quarters = np.stack([[a, ab, ca], [ab, b, bc], [ca, bc, c], [ab, bc, ca]]).transpose(2, 0, 1).reshape(-1, 3)
    return Surface(
        with_middles(surface.vertices),
        quarters,
        None if surface.vertex_colors is None else with_middles(surface.vertex_colors),
        None if surface.uvs is None else _quartered(surface.uvs),
        surface.materials,
        None if surface.face_material is None else surface.face_material.repeat(4),
        None if surface.tints is None else _quartered(surface.tints),
        surface.notes,
    )


def _quartered(corners: np.ndarray) -> np.ndarray:
    """Values of corners [F, 3, C] for the quarters of the faces: [4F, 3, C]."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    ab, bc, ca = 0.5 * (a + b), 0.5 * (b + c), 0.5 * (c + a)
    quarters = [[a, ab, ca], [ab, b, bc], [ca, bc, c], [ab, bc, ca]]
    return np.stack([np.stack(quarter, 1) for quarter in quarters], 1).reshape(-1, *corners.shape[1:])
