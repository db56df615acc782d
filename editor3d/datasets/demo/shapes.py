"""Meshes of the demo scene's parts as numpy arrays: lathed, swept, round and boxy bodies. Knows nothing of Blender."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import PchipInterpolator, make_interp_spline


@dataclass(frozen=True, eq=False)
class Shape:
    """A polygon mesh with one material."""

    vertices: np.ndarray
    """[V, 3] float64, scene units."""
    faces: tuple[tuple[int, ...], ...]
    """Counter-clockwise seen from outside."""
    uv: np.ndarray
    """[L, 2], one row a face corner, in the order of `faces`."""
    material: str = ""

    def of(self, material: str) -> Shape:
        return replace(self, material=material)

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Shape:
        return replace(self, vertices=self.vertices + np.array([x, y, z]))

    def scaled(self, x: float, y: float, z: float) -> Shape:
        return replace(self, vertices=self.vertices * np.array([x, y, z]))

    def turned(self, axis: str, degrees: float) -> Shape:
        """Rotated about the axis "x", "y" or "z" through the origin."""
        i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
        angle = np.radians(degrees)
        rotation = np.eye(3)
        rotation[i, i] = rotation[j, j] = np.cos(angle)
        rotation[j, i] = np.sin(angle)
        rotation[i, j] = -np.sin(angle)
        return replace(self, vertices=self.vertices @ rotation.T)


def smooth_profile(points: Sequence[tuple[float, float]], samples: int = 32) -> np.ndarray:
    """A curve [samples, 2] through 2D points that never overshoots them (monotone cubic over chord length)."""
    knots = np.asarray(points, dtype=np.float64)
    chord = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
    return PchipInterpolator(chord, knots)(np.linspace(0.0, chord[-1], samples))


def _grid(points: np.ndarray, close_ring: bool = True) -> Shape:
    """A mesh over a grid of points [rows, columns, 3]; columns wrap around when `close_ring`. u runs along columns."""
    rows, columns, _ = points.shape
    last = columns if close_ring else columns - 1
    faces, uv = [], []
    for row in range(rows - 1):
        v0, v1 = row / (rows - 1), (row + 1) / (rows - 1)
        for column in range(last):
            after = (column + 1) % columns
            u0, u1 = column / last, (column + 1) / last
            a, b = row * columns + column, row * columns + after
            faces.append((a, b, b + columns, a + columns))
            uv += [(u0, v0), (u1, v0), (u1, v1), (u0, v1)]
    return Shape(points.reshape(-1, 3), tuple(faces), np.array(uv))


def lathe(profile: np.ndarray | Sequence[tuple[float, float]], segments: int = 72) -> Shape:
    """A body of revolution about z. `profile` [N, 2] holds (radius, z), running upwards along the outside."""
    profile = np.asarray(profile, dtype=np.float64)
    angle = np.linspace(0.0, 2.0 * np.pi, segments, endpoint=False)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    xy = profile[:, None, :1] * ring[None]
    z = np.broadcast_to(profile[:, None, 1:], (*xy.shape[:2], 1))
    return _grid(np.concatenate([xy, z], axis=-1))


def tube(path: Sequence[tuple[float, float, float]], radii: Sequence[float], samples: int = 40) -> Shape:
    """A round tube swept along a smooth curve through `path`, its radius interpolated between `radii`; ends are closed
    by the hollow of an open pipe."""
    knots = np.asarray(path, dtype=np.float64)
    t = np.linspace(0.0, 1.0, len(knots))
    curve = make_interp_spline(t, knots, k=min(3, len(knots) - 1))
    s = np.linspace(0.0, 1.0, samples)
    centres, tangents = curve(s), curve.derivative()(s)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    radius = PchipInterpolator(t, np.asarray(radii, dtype=np.float64))(s)

    # Parallel transport keeps the ring from twisting along the curve.
    normal = np.cross(tangents[0], [0.0, 1.0, 0.0] if abs(tangents[0][1]) < 0.9 else [1.0, 0.0, 0.0])
    angle = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)
    rings = []
    for centre, tangent, r in zip(centres, tangents, radius, strict=True):
        normal = normal - tangent * (normal @ tangent)
        normal /= np.linalg.norm(normal)
        side = np.cross(tangent, normal)
        rings.append(centre + r * (np.cos(angle)[:, None] * normal + np.sin(angle)[:, None] * side))

    def hollow(end: int, inwards: float) -> list[np.ndarray]:
        depth = inwards * tangents[end] * radius[end]
        rim = centres[end] + 0.72 * (rings[end] - centres[end])
        return [rim, rim + depth, np.broadcast_to(centres[end] + depth, rim.shape)]

    return _grid(np.stack(hollow(0, 0.8)[::-1] + rings + hollow(-1, -0.8)))


def ellipsoid(rx: float, ry: float, rz: float, segments: int = 64) -> Shape:
    """An ellipsoid about the origin; its poles are at ±z."""
    polar = np.linspace(-np.pi / 2, np.pi / 2, segments // 2 + 1)
    sphere = lathe(np.stack([np.cos(polar), np.sin(polar)], axis=-1), segments)
    return sphere.scaled(rx, ry, rz)


def box(x: float, y: float, z: float, bevel: float = 0.0) -> Shape:
    """A box of these sides standing on z = 0; its upright edges rounded, its flat edges cut, by `bevel`."""
    corners = []
    arc = np.linspace(0.0, np.pi / 2, 5)
    for quarter, (sx, sy) in enumerate([(1, 1), (-1, 1), (-1, -1), (1, -1)]):
        centre = np.array([sx * (x / 2 - bevel), sy * (y / 2 - bevel)])
        turn = arc + quarter * np.pi / 2
        corners.append(centre + bevel * np.stack([np.cos(turn), np.sin(turn)], axis=-1))
    outline = np.concatenate(corners)
    shrink = 1.0 - 2.0 * bevel / np.array([x, y])

    def layer(scale: np.ndarray | float, height: float) -> np.ndarray:
        return np.concatenate([outline * scale, np.full((len(outline), 1), height)], axis=-1)

    layers = [layer(0.0, 0.0), layer(shrink, 0.0), layer(1.0, bevel)]
    layers += [layer(1.0, z - bevel), layer(shrink, z), layer(0.0, z)]
    return _grid(np.stack(layers))


def sheet(x: float, y: float, thickness: float, height: np.ndarray) -> Shape:
    """A cloth of sides x, y: a slab of this thickness whose top is raised by `height` [n, m], in scene units."""
    n, m = height.shape
    gx, gy = np.meshgrid(np.linspace(-x / 2, x / 2, m), np.linspace(-y / 2, y / 2, n))
    top = np.stack([gx, gy, height + thickness], axis=-1)
    # The underside reaches the ground along the rim, so that no light leaks below the cloth.
    rim = np.stack([gx, gy, np.zeros_like(height)], axis=-1)
    shape = _grid(top, close_ring=False)
    border = [rim[0], rim[:, -1], rim[-1, ::-1], rim[::-1, 0]]
    edge = [top[0], top[:, -1], top[-1, ::-1], top[::-1, 0]]
    sides = [_grid(np.stack([low, high]), close_ring=False) for low, high in zip(border, edge, strict=True)]
    return joined([shape, *sides])


def joined(shapes: Sequence[Shape]) -> Shape:
    """Shapes of one material as one."""
    start = np.cumsum([0] + [len(shape.vertices) for shape in shapes])
    faces = tuple(
        tuple(int(index + offset) for index in face)
        for shape, offset in zip(shapes, start, strict=False)
        for face in shape.faces
    )
    return Shape(
        np.concatenate([shape.vertices for shape in shapes]),
        faces,
        np.concatenate([shape.uv for shape in shapes]),
        shapes[0].material,
    )
