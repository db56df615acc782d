"""A triangle mesh with its colours, in the frame and units of the file it came from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

GRAY = 0.5
"""sRGB of a mesh that brings no colour, as in Text2Mesh."""


@dataclass(frozen=True, eq=False)
class Material:
    """What faces look like before they are lit."""

    color: tuple[float, float, float] = (GRAY, GRAY, GRAY)
    """sRGB in 0..1; of faces without texture."""
    texture: np.ndarray | None = None
    """[H, W, 3] uint8 sRGB; the first row is at v = 1."""
    wrap: tuple[str, str] = ("repeat", "repeat")
    """What lies beyond the texture's sides along u and v: repeat, mirror or clamp."""


@dataclass(frozen=True, eq=False)
class Surface:
    """Triangles whose vertices are distinct points: seams of a texture do not split them."""

    vertices: np.ndarray
    """[V, 3] float64."""
    faces: np.ndarray
    """[F, 3] int64, counterclockwise seen from outside."""
    vertex_colors: np.ndarray | None = None
    """[V, 3] float32 sRGB in 0..1; multiplied into nothing: where there are any, materials are not looked at."""
    uvs: np.ndarray | None = None
    """[F, 3, 2] float32, one a corner; None where no face has any."""
    materials: tuple[Material, ...] = (Material(),)
    face_material: np.ndarray | None = None
    """[F] int64; None where there is one material."""
    tints: np.ndarray | None = None
    """[F, 3, 3] float32 in 0..1, one a corner: linear light by which a material's look is multiplied; None for 1."""
    notes: tuple[str, ...] = field(default=())
    """What was repaired, dropped or not found, one clause each."""

    @property
    def material_of(self) -> np.ndarray:
        """[F] int64."""
        return np.zeros(len(self.faces), np.int64) if self.face_material is None else self.face_material

    @property
    def is_textured(self) -> bool:
        """Whether colours differ within a face, or between faces at one vertex: vertices cannot hold them."""
        if self.vertex_colors is not None:
            return False
        textured = self.uvs is not None and any(material.texture is not None for material in self.materials)
        return textured or self.tints is not None or len({material.color for material in self.materials}) > 1


@dataclass(frozen=True, eq=False)
class Frame:
    """x_file = center + radius x_unit: the unit sphere round the origin just holds the mesh."""

    center: np.ndarray
    """[3] float64."""
    radius: float

    @classmethod
    def around(cls, vertices: np.ndarray) -> Frame:
        """The frame of points [V, 3]: the middle of their box, and the farthest point's distance from it."""
        center = 0.5 * (vertices.min(axis=0) + vertices.max(axis=0))
        return cls(center, float(np.linalg.norm(vertices - center, axis=1).max()))

    def to_unit(self, points: np.ndarray) -> np.ndarray:
        """[..., 3] in the file's frame -> in the unit frame, float64."""
        return (points - self.center) / self.radius

    def to_file(self, points: np.ndarray) -> np.ndarray:
        """[..., 3] in the unit frame -> in the file's frame, float64."""
        return self.center + self.radius * points
