"""Small scenes of splats of every kind that cameras have to be found for."""

from __future__ import annotations

import math

import numpy as np
import torch

from gaussian.splats import SH_C0, Splats, concatenate


def flat(places: np.ndarray, normals: np.ndarray, size: float | np.ndarray, color=0.5, opacity: float = 0.95) -> Splats:
    """Discs at places [N, 3] across normals [N, 3]."""
    n = len(places)
    axis = np.cross([0.0, 0.0, 1.0], normals)
    quats = np.concatenate([1 + normals[:, 2:], axis], 1)
    quats[np.linalg.norm(quats, axis=1) < 1e-6] = [0.0, 1.0, 0.0, 0.0]
    scales = np.tile(np.broadcast_to(size, (n,))[:, None], (1, 3)) * [1.0, 1.0, 0.1]
    sh = (np.broadcast_to(color, (n, 3)) - 0.5) / SH_C0
    logit = math.log(opacity / (1 - opacity))
    arrays = (places, np.log(scales), quats, np.full(n, logit), sh[:, None])
    return Splats(*(torch.tensor(np.ascontiguousarray(array), dtype=torch.float32) for array in arrays))


def ball(centre, radius: float, n: int, seed: int = 0) -> Splats:
    """A hollow ball, coloured by direction."""
    directions = np.random.default_rng(seed).normal(size=(n, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    size = 0.7 * radius * math.sqrt(4 * math.pi / n)
    return flat(np.array(centre) + radius * directions, directions, size, 0.5 + 0.4 * directions)


def sheet(corner, a, b, n: int, color=0.5, seed: int = 0) -> Splats:
    """A parallelogram between a corner and its two edges."""
    corner, a, b = (np.array(vector, dtype=float) for vector in (corner, a, b))
    shares, normal = np.random.default_rng(seed).random((n, 2)), np.cross(a, b)
    area = np.linalg.norm(normal)
    places = corner + shares[:, :1] * a + shares[:, 1:] * b
    return flat(places, np.tile(normal / area, (n, 1)), 0.7 * math.sqrt(area / n), color)


def block(low, high, n: int, color=0.5) -> Splats:
    """The six sides of a box."""
    low, high = np.array(low, dtype=float), np.array(high, dtype=float)
    edges, sides = np.diag(high - low), []
    whole = sum(np.linalg.norm(np.cross(edges[k], edges[k - 1])) for k in range(3))
    for k in range(3):
        a, b = edges[k - 2], edges[k - 1]
        share = np.linalg.norm(np.cross(a, b)) / whole / 2
        sides += [sheet(corner, a, b, max(4, int(share * n)), color, k) for corner in (low, low + edges[k])]
    return concatenate(sides)


def room(ceiling: bool) -> Splats:
    """A room of 5 x 6 x 2.8, z up, with three things in it."""
    sides = [sheet([0, 0, 0], [5, 0, 0], [0, 6, 0], 1200, [0.5, 0.4, 0.3])]
    if ceiling:
        sides.append(sheet([0, 0, 2.8], [5, 0, 0], [0, 6, 0], 1200, 0.9))
    for seed, (corner, edge) in enumerate(
        (([0, 0, 0], [5, 0, 0]), ([0, 6, 0], [5, 0, 0]), ([0, 0, 0], [0, 6, 0]), ([5, 0, 0], [0, 6, 0]))
    ):
        sides.append(sheet(corner, edge, [0, 0, 2.8], 650, [0.4, 0.2 * seed, 0.6], seed))
    things = (([0.3, 0.5, 0], [1.7, 1.5, 0.8]), ([3.3, 3.6, 0], [4.5, 5.4, 1.0]), ([2.0, 2.5, 0], [3.0, 3.5, 0.7]))
    return concatenate([*sides, *(block(low, high, 300, [0.8, 0.2, 0.2]) for low, high in things)])


def under_a_sky() -> Splats:
    """A ball of radius 1 inside a shell at fifty times its size."""
    return concatenate([ball([0, 0, 0], 1, 2500), ball([0, 0, 0], 50, 1500, 1)])


def on_the_ground() -> Splats:
    """A block of 1 x 0.8 x 1.6 on a field of 30 x 30, z up."""
    return concatenate(
        [
            sheet([-15, -15, 0], [30, 0, 0], [0, 30, 0], 3000, [0.3, 0.5, 0.2]),
            block([-0.5, -0.4, 0], [0.5, 0.4, 1.6], 2500),
        ]
    )


def stage() -> Splats:
    """Panels at depths of 2 to 10 along +z, within 30 degrees of the way there from the origin."""
    rng = np.random.default_rng(0)
    depth = np.round(rng.uniform(2, 10, 1500))
    angle, turn = np.radians(28) * np.sqrt(rng.random(1500)), 2 * np.pi * rng.random(1500)
    away = depth * np.tan(angle)
    places = np.stack([away * np.cos(turn), away * np.sin(turn), depth], 1)
    return flat(places, np.tile([0.0, 0.0, 1.0], (1500, 1)), 0.015 * depth, np.stack([depth / 10] * 3, 1))


def two_things() -> Splats:
    """A ball and a block, four units apart."""
    return concatenate([ball([-2, 0, 0], 0.8, 2000), block([1.4, -0.1, -0.8], [2.6, 1.1, 0.8], 2000)])


def among_floaters() -> Splats:
    """A ball of radius 1 among half transparent blobs out to eight times that."""
    rng = np.random.default_rng(0)
    places = rng.uniform(-8, 8, (1500, 3))
    dust = flat(
        places, np.tile([0.0, 0.0, 1.0], (1500, 1)), np.exp(rng.normal(-2.5, 0.6, 1500)), rng.random((1500, 3)), 0.5
    )
    return concatenate([ball([0, 0, 0], 1, 3000), dust])
