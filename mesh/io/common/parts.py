"""The parts of a mesh that a reader finds, and their union as one surface."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from editor3d.errors import DataError
from editor3d.srgb import to_linear
from mesh.io.common.notes import Notes
from mesh.surface import Material, Surface

MAX_FACES = 1 << 24
"""Largest mesh, 16.8 million faces and as many vertices: some 5 GB while it is repaired."""
FACES_OF_ANY_FILE = 1 << 19
"""Faces that even a small file may come to, by compression and copies."""
WHITE = Material((1.0, 1.0, 1.0))


def check_size(count: int, what: str, path: Path) -> None:
    """Refuse more faces or vertices than the file can hold in earnest.

    Args:
        count: of all parts and their copies.
        what: 'faces' or 'vertices'.

    Raises:
        DataError: there are too many.
    """
    most = max(FACES_OF_ANY_FILE, min(MAX_FACES, path.stat().st_size))
    if count > most:
        raise DataError(f"Expected at most {most} {what} in {path}, got {count}: simplify the mesh first.")


def existing(corners: np.ndarray, sizes: np.ndarray, count: int, notes: Notes) -> tuple[np.ndarray, np.ndarray]:
    """Which polygons name vertices that exist: their corners [C] bool and themselves [P] bool; others are noted.

    Args:
        corners: vertices of the polygons, one after the other [C].
        sizes: corners of each [P].
        count: how many vertices there are.
    """
    owner = np.arange(len(sizes)).repeat(sizes)
    good = np.ones(len(sizes), bool)
    good[owner[(corners < 0) | (corners >= count)]] = False
    if not good.all():
        notes.add(f"{int((~good).sum())} faces of vertices that do not exist dropped")
    return good[owner], good


def dressed(
    vertices: np.ndarray,
    faces: np.ndarray,
    materials: list[Material],
    face_material: np.ndarray,
    uvs: np.ndarray | None,
    vertex_colors: np.ndarray | None,
) -> Surface:
    """A surface whose faces with a texture show it, and whose others show the vertices' colours where there are any.

    Args:
        vertices, faces, uvs, vertex_colors: as in `Surface`.
        face_material: into `materials` [F].
    """
    has_texture = np.array([material.texture is not None for material in materials])[face_material]
    if not has_texture.any():
        uvs = None
    if vertex_colors is None:
        return Surface(vertices, faces, None, uvs, tuple(materials), face_material)
    if not has_texture.any():
        return Surface(vertices, faces, vertex_colors)
    tints = np.ones((len(faces), 3, 3), np.float32)
    tints[~has_texture] = to_linear(vertex_colors)[faces[~has_texture]]
    face_material = np.where(has_texture, face_material, len(materials))
    return Surface(vertices, faces, None, uvs, (*materials, WHITE), face_material, tints)


def colored_faces(vertices: np.ndarray, faces: np.ndarray, colors: np.ndarray) -> Surface:
    """A surface of faces with a colour each, sRGB in 0..1 [F, 3]."""
    found, which = np.unique(np.float32(colors), axis=0, return_inverse=True)
    materials = tuple(Material(tuple(color)) for color in found.tolist())
    return Surface(vertices, faces, materials=materials, face_material=which.reshape(-1).astype(np.int64))


def scaled_colors(values: np.ndarray, kind: np.dtype) -> np.ndarray:
    """Colours [N, 3] of a file's type as sRGB in 0..1, float32.

    Whole numbers are parts of the largest of their type, but of 255 where the type is larger than they need; floats
    are in 0..1, or in 0..255 where one is larger than 1.
    """
    largest = float(np.nanmax(values, initial=0.0))
    if kind.kind == "f":
        scale = 1.0 if largest <= 1.0 else 255.0
    elif kind.itemsize == 1:
        values, scale = np.mod(values, 256), 255.0
    elif kind.itemsize == 2 and kind.kind == "u":
        scale = 65535.0 if largest > 255.0 else 255.0
    else:
        scale = 255.0 if largest <= 255.0 else 65535.0
    return np.clip(np.nan_to_num(values / scale), 0.0, 1.0).astype(np.float32)


def joined(parts: list[Surface]) -> Surface:
    """One surface of many; each corner keeps its look."""
    if len(parts) == 1:
        return parts[0]
    colors = None
    own_colors = [part.vertex_colors for part in parts if part.vertex_colors is not None]
    if len(own_colors) == len(parts):
        colors = np.vstack(own_colors)
    else:
        parts = [_colors_as_tints(part) for part in parts]
    offsets = np.cumsum([0] + [len(part.vertices) for part in parts])
    materials = {id(material): material for part in parts for material in part.materials}  # copies share theirs
    place = {key: index for index, key in enumerate(materials)}
    own = [np.array([place[id(material)] for material in part.materials]) for part in parts]
    return Surface(
        np.vstack([part.vertices for part in parts]),
        np.vstack([part.faces + offset for part, offset in zip(parts, offsets[:-1], strict=True)]),
        colors,
        _stacked([part.uvs for part in parts], parts, np.zeros(2, np.float32)),
        tuple(materials.values()),
        np.concatenate([places[part.material_of] for part, places in zip(parts, own, strict=True)]),
        _stacked([part.tints for part in parts], parts, np.ones(3, np.float32)),
    )


def _stacked(corners: list[np.ndarray | None], parts: list[Surface], blank: np.ndarray) -> np.ndarray | None:
    """Values of the corners of all parts [F, 3, C]; `blank` where a part has none."""
    if all(values is None for values in corners):
        return None
    blanks = (np.broadcast_to(blank, (len(part.faces), 3, len(blank))) for part in parts)
    return np.concatenate([none if values is None else values for values, none in zip(corners, blanks, strict=True)])


def _colors_as_tints(part: Surface) -> Surface:
    if part.vertex_colors is None:
        return part
    tints = to_linear(np.asarray(part.vertex_colors, np.float32))[part.faces]
    return replace(part, vertex_colors=None, tints=tints, materials=(WHITE,), face_material=None)
