"""The named objects of training pictures, as triangle meshes: the demo scene's kinds of object and a few more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from editor3d.datasets.demo import models
from editor3d.datasets.demo.shapes import Shape, box, lathe


def _cone() -> list[Shape]:
    return [lathe([(0.0, 0.0), (0.17, 0.0), (0.17, 0.005), (0.0, 0.4)]).of("cone")]


def _bottle() -> list[Shape]:
    profile = [(0, 0), (0.085, 0), (0.09, 0.02), (0.09, 0.26), (0.07, 0.31), (0.032, 0.36), (0.03, 0.46), (0, 0.46)]
    return [lathe(profile).of("bottle")]


def _bowl() -> list[Shape]:
    profile = [(0, 0), (0.08, 0), (0.09, 0.015), (0.17, 0.07), (0.22, 0.15), (0.21, 0.15), (0.16, 0.08), (0, 0.03)]
    return [lathe(profile).of("bowl")]


def _cube() -> list[Shape]:
    return [box(0.28, 0.28, 0.28, 0.01).of("cube")]


MODELS: dict[str, Callable[[], list[Shape]]] = {
    "teapot": models.teapot,
    "mug": models.mug,
    "ball": models.ball,
    "books": models.books,
    "vase": models.vase,
    "duck": models.duck,
    "hat": models.hat,
    "cube": _cube,
    "cone": _cone,
    "bottle": _bottle,
    "bowl": _bowl,
}
"""What may stand on a table."""

NAMES: tuple[str, ...] = (*MODELS, "table", "cloth")
"""Every object that instructions name."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles with smooth normals and numbered parts."""

    vertices: np.ndarray
    """[V, 3] float64, scene units, standing on z = 0."""
    normals: np.ndarray
    """[V, 3] of length 1."""
    faces: np.ndarray
    """[F, 3] int64, counter-clockwise seen from outside."""
    parts: np.ndarray
    """[F] int64: which material of the model a triangle has, counted from 0."""


@cache
def mesh(name: str) -> Mesh:
    """The mesh of a name in `NAMES`."""
    shapes = {**MODELS, "table": models.table, "cloth": models.cloth}[name]()
    materials = list(dict.fromkeys(shape.material for shape in shapes))
    vertices, normals, faces, parts = [], [], [], []
    start = 0
    for shape in shapes:
        corners = np.array([[f[0], f[i], f[i + 1]] for f in shape.faces for i in range(1, len(f) - 1)])
        edges = shape.vertices[corners]
        flat = np.cross(edges[:, 1] - edges[:, 0], edges[:, 2] - edges[:, 0])
        smooth = np.zeros_like(shape.vertices)
        np.add.at(smooth, corners, flat[:, None].repeat(3, 1))
        vertices.append(shape.vertices)
        normals.append(smooth / np.linalg.norm(smooth, axis=1, keepdims=True).clip(1e-12))
        faces.append(corners + start)
        parts.append(np.full(len(corners), materials.index(shape.material)))
        start += len(shape.vertices)
    return Mesh(np.concatenate(vertices), np.concatenate(normals), np.concatenate(faces), np.concatenate(parts))
