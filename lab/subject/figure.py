"""The test subject's shape: a person in a shirt, as implicit surfaces; meshes, UVs and bone weights made of them.

Metres, z up; the person stands on z = 0, looks along -y, and holds the arms away from the body until posed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from skimage.measure import marching_cubes

CELL = 0.009
"""Spacing of the lattice that surfaces are found on."""
SHOULDER, ELBOW, WRIST = (0.162, 0.0, 1.392), (0.340, 0.0, 1.170), (0.485, 0.0, 0.970)
"""Joints of the left arm; the right one mirrors them."""
NECK, HEAD = (0.0, 0.01, 1.44), (0.0, -0.005, 1.655)
SLEEVE = 0.8
"""Where sleeves end, from shoulder (0) to elbow (1)."""
HEM, COLLAR = 0.845, 1.478

_HEIGHTS = (0.78, 0.86, 0.95, 1.08, 1.18, 1.28, 1.36, 1.42, 1.465, 1.50)
_WIDTHS = (0.155, 0.168, 0.165, 0.140, 0.146, 0.164, 0.172, 0.152, 0.100, 0.055)
_DEPTHS = (0.105, 0.118, 0.112, 0.098, 0.108, 0.122, 0.112, 0.090, 0.062, 0.048)

Field = Callable[[np.ndarray], np.ndarray]
"""Signed distance, about, of points [N, 3]: negative inside."""


def _smooth_min(a: np.ndarray, b: np.ndarray, reach: float) -> np.ndarray:
    share = np.clip(0.5 + 0.5 * (b - a) / reach, 0.0, 1.0)
    return b + (a - b) * share - reach * share * (1.0 - share)


def _capsule(p: np.ndarray, a: tuple, b: tuple, r_a: float, r_b: float | None = None) -> np.ndarray:
    a, b = np.asarray(a), np.asarray(b)
    along = np.clip((p - a) @ (b - a) / ((b - a) @ (b - a)), 0.0, 1.0)
    radius = r_a + (along * ((r_a if r_b is None else r_b) - r_a))
    return np.linalg.norm(p - a - along[:, None] * (b - a), axis=1) - radius


def _ellipsoid(p: np.ndarray, centre: tuple, radii: tuple) -> np.ndarray:
    scaled = (p - np.asarray(centre)) / np.asarray(radii)
    return (np.linalg.norm(scaled, axis=1) - 1.0) * min(radii)


def _mirrored(p: np.ndarray) -> np.ndarray:
    return p * [-1.0, 1.0, 1.0]


def torso(p: np.ndarray) -> np.ndarray:
    """The trunk alone."""
    width, depth = np.interp(p[:, 2], _HEIGHTS, _WIDTHS), np.interp(p[:, 2], _HEIGHTS, _DEPTHS)
    # squarer than an ellipse across
    across = ((np.abs(p[:, 0]) / width) ** 2.4 + (np.abs(p[:, 1]) / depth) ** 2.4) ** (1 / 2.4)
    flat = (across - 1.0) * np.minimum(width, depth)
    return np.maximum(flat, np.abs(p[:, 2] - 1.14) - 0.36)


def _arm(p: np.ndarray, extra: float = 0.0) -> np.ndarray:
    upper = _capsule(p, SHOULDER, ELBOW, 0.058 + extra, 0.044 + extra)
    fore = _capsule(p, ELBOW, WRIST, 0.043 + extra, 0.031 + extra)
    return _smooth_min(upper, fore, 0.03)


def body(p: np.ndarray) -> np.ndarray:
    """The whole person, of skin: one continuous surface."""
    whole = torso(p)
    for q in (p, _mirrored(p)):
        hand = _capsule(q, WRIST, (0.540, -0.005, 0.890), 0.033, 0.026)
        thumb = _capsule(q, WRIST, (0.495, -0.045, 0.900), 0.018, 0.013)
        whole = _smooth_min(whole, _smooth_min(_arm(q), _smooth_min(hand, thumb, 0.02), 0.03), 0.05)
        leg = _smooth_min(
            _capsule(q, (0.085, 0.0, 0.85), (0.10, 0.0, 0.47), 0.088, 0.062),
            _capsule(q, (0.10, 0.0, 0.47), (0.105, 0.01, 0.08), 0.058, 0.042),
            0.04,
        )
        foot = _capsule(q, (0.105, 0.02, 0.045), (0.12, -0.15, 0.035), 0.045, 0.034)
        whole = _smooth_min(whole, _smooth_min(leg, foot, 0.03), 0.06)
    neck = _capsule(p, NECK, (0.0, 0.0, 1.57), 0.056, 0.052)
    skull = _ellipsoid(p, (0.0, 0.005, 1.69), (0.078, 0.098, 0.105))
    jaw = _ellipsoid(p, (0.0, -0.030, 1.610), (0.060, 0.066, 0.070))
    head = _smooth_min(skull, jaw, 0.05)
    nose = _capsule(p, (0.0, -0.094, 1.675), (0.0, -0.112, 1.637), 0.009, 0.0145)
    brow = _capsule(p, (-0.035, -0.082, 1.692), (0.035, -0.082, 1.692), 0.012)
    head = _smooth_min(_smooth_min(head, nose, 0.022), brow, 0.02)
    for side in (-1.0, 1.0):
        head = _smooth_min(head, _ellipsoid(p, (side * 0.078, 0.012, 1.655), (0.010, 0.020, 0.032)), 0.012)
        socket = _ellipsoid(p, (side * 0.031, -0.100, 1.668), (0.018, 0.014, 0.012))
        head = -_smooth_min(-head, socket, 0.014)
    return _smooth_min(_smooth_min(whole, neck, 0.045), head, 0.03)


def folds(p: np.ndarray) -> np.ndarray:
    """How far the cloth lies off the body at [N, 3]: drapes at the waist, pulls at the armpits, ripples on sleeves."""
    x, y, z = p.T
    drape = np.exp(-(((z - 1.0) / 0.13) ** 2)) * np.sin(
        46.0 * (z + 0.35 * np.abs(x) + 0.06 * np.sin(9.0 * x + 4.0 * y))
    )
    pull = np.exp(-(((z - 1.27) / 0.10) ** 2) - ((np.abs(x) - 0.15) / 0.09) ** 2)
    pull = pull * np.sin(52.0 * (z - 0.9 * np.abs(x)) + 8.0 * y)
    hang = np.exp(-(((z - 0.88) / 0.10) ** 2)) * np.sin(11.0 * np.arctan2(x, y) + 2.0 * np.sign(y))
    sleeve = np.clip((np.abs(x) - 0.20) / 0.05, 0.0, 1.0) * np.sin(70.0 * (0.6 * np.abs(x) - 0.8 * z) + 7.0 * y)
    return 0.0085 * drape + 0.0085 * pull + 0.0090 * hang + 0.0045 * sleeve


def shirt(p: np.ndarray) -> np.ndarray:
    """The shirt, with its folds: cloth of about two centimetres round trunk and upper arms."""
    trunk = torso(p) - 0.020 - 0.030 * np.clip((1.05 - p[:, 2]) / 0.25, 0.0, 1.0)
    whole = np.maximum(trunk, np.maximum(p[:, 2] - COLLAR, HEM - p[:, 2]))
    axis = np.subtract(ELBOW, SHOULDER)
    for q in (p, _mirrored(p)):
        sleeve = _capsule(q, SHOULDER, ELBOW, 0.078, 0.072)
        end = ((q - np.asarray(SHOULDER)) @ axis / (axis @ axis) - SLEEVE) * np.linalg.norm(axis)
        whole = _smooth_min(whole, np.maximum(sleeve, end), 0.045)
    whole = np.maximum(whole, p[:, 2] - COLLAR)
    # a round neckline, lower at the front
    opening = _ellipsoid(p, (0.0, -0.012, 1.492), (0.088, 0.100, 0.062))
    whole = -_smooth_min(-whole, opening, 0.008)
    return whole - folds(p)


def trousers(p: np.ndarray) -> np.ndarray:
    """Trousers down to the ankles."""
    whole = np.maximum(torso(p) - 0.010, p[:, 2] - 0.93)
    for q in (p, _mirrored(p)):
        leg = _capsule(q, (0.085, 0.0, 0.85), (0.105, 0.01, 0.10), 0.104, 0.068)
        whole = _smooth_min(whole, np.maximum(leg, 0.09 - p[:, 2]), 0.04)
    return np.maximum(whole, p[:, 2] - 0.93)


def hair(p: np.ndarray) -> np.ndarray:
    """Short hair down to the nape."""
    whole = _ellipsoid(p, (0.0, 0.014, 1.692), (0.090, 0.108, 0.117))
    front = 1.735 - 0.9 * (p[:, 1] + 0.06)
    edge = np.maximum(front, 1.60)
    return np.maximum(whole, edge - p[:, 2]) - 0.002 * np.sin(90.0 * p[:, 0] + 20.0 * p[:, 2])


@dataclass(frozen=True, eq=False)
class Mesh:
    """A surface in the rest pose."""

    vertices: np.ndarray
    """[V, 3]."""
    faces: np.ndarray
    """[F, 3], anticlockwise from outside."""


def mesh_of(field: Field, low: tuple, high: tuple, cell: float = CELL) -> Mesh:
    """The zero surface of a field inside a box."""
    axes = [np.arange(a, b + cell, cell) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    values = field(grid).reshape([len(axis) for axis in axes])
    vertices, faces, _, _ = marching_cubes(values, 0.0, spacing=(cell,) * 3)
    return Mesh(vertices + np.array(low), faces)


def body_mesh() -> Mesh:
    return mesh_of(body, (-0.62, -0.26, -0.01), (0.62, 0.20, 1.84))


def shirt_mesh() -> Mesh:
    return mesh_of(shirt, (-0.46, -0.26, 0.78), (0.46, 0.26, 1.52))


def trousers_mesh() -> Mesh:
    return mesh_of(trousers, (-0.26, -0.22, 0.06), (0.26, 0.22, 0.96))


def hair_mesh() -> Mesh:
    return mesh_of(hair, (-0.12, -0.13, 1.55), (0.12, 0.15, 1.84))


CLOTH_BOX = ((-0.46, 0.46), (0.80, 1.50))
"""x and z that a garment's picture spans: what the front half of a texture shows, the back half mirrored."""


def cloth_uv(mesh: Mesh) -> np.ndarray:
    """[V, 2]: projected from the front onto the left half of a texture, from behind onto its right half, z up."""
    (x0, x1), (z0, z1) = CLOTH_BOX
    u = (mesh.vertices[:, 0] - x0) / (x1 - x0)
    v = (mesh.vertices[:, 2] - z0) / (z1 - z0)
    behind = mesh.vertices[:, 1] > 0
    return np.stack([np.where(behind, 1.0 - 0.5 * u, 0.5 * u), v], -1)


BONES: dict[str, tuple[tuple, tuple, str | None]] = {
    "spine": ((0.0, 0.0, 0.9), NECK, None),
    "head": (NECK, HEAD, "spine"),
    "upper.L": (SHOULDER, ELBOW, "spine"),
    "fore.L": (ELBOW, WRIST, "upper.L"),
    "upper.R": (tuple(_mirrored(np.array(SHOULDER))), tuple(_mirrored(np.array(ELBOW))), "spine"),
    "fore.R": (tuple(_mirrored(np.array(ELBOW))), tuple(_mirrored(np.array(WRIST))), "upper.R"),
}
"""Name: head, tail, parent."""


def _rise(value: np.ndarray, width: float) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-value / width))


def weights(points: np.ndarray) -> dict[str, np.ndarray]:
    """How much each bone moves each point [V, 3]; they sum to 1. Cloth and skin at one place move alike."""
    trunk = torso(points)
    found: dict[str, np.ndarray] = {}
    rest = np.ones(len(points))
    for side, q in (("L", points), ("R", _mirrored(points))):
        arm = _rise(trunk - _arm(q), 0.012) * (q[:, 0] > 0)
        axis = np.subtract(WRIST, ELBOW)
        past = (q - np.asarray(ELBOW)) @ axis / np.linalg.norm(axis)
        fore = _rise(past, 0.012)
        found[f"upper.{side}"], found[f"fore.{side}"] = arm * (1 - fore), arm * fore
        rest = rest - arm
    top = _rise(points[:, 2] - 1.56, 0.012)
    found["head"], found["spine"] = rest * top, rest * (1 - top)
    return found
