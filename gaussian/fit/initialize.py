"""Initialise the Gaussians of a new scene."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import KDTree
from torch import Tensor

from gaussian.splats import SH_C0, Splats

_NEIGHBOURS = 3
_SMALLEST = 1e-5
_OPAQUE = 0.97


GREY, FAINT = 0.5, 0.1
"""Colour and opacity of Gaussians that training is to make something of."""


def from_points(points: Tensor, colors: Tensor, sh_degree: int, generator: torch.Generator, opacity: float) -> Splats:
    """A round Gaussian at every point, as wide as the mean distance to its three nearest neighbours.

    Args:
        points: [N, 3] scene units, N >= 1.
        colors: [N, 3] in 0..1.
    """
    n = len(points)
    neighbours = min(_NEIGHBOURS, n - 1)
    if neighbours:
        distance = KDTree(points.numpy()).query(points.numpy(), neighbours + 1)[0][:, 1:].mean(1)
    else:
        distance = torch.full((n,), 0.1).numpy()
    log_scale = torch.from_numpy(distance).float().clamp_min(_SMALLEST).log()
    sh = torch.zeros(n, (sh_degree + 1) ** 2, 3)
    sh[:, 0] = (colors - 0.5) / SH_C0
    quats = torch.randn(n, 4, generator=generator)
    logits = torch.full((n,), opacity).logit()
    return Splats(points.float().contiguous(), log_scale[:, None].repeat(1, 3), quats, logits, sh)


def seeds(points: Tensor, sh_degree: int, colors: Tensor | None = None) -> Splats:
    """Faint Gaussians at points [M, 3] scene units, on the CPU; the same ones every time.

    Args:
        colors: [M, 3] in 0..1; None is grey.
    """
    points = points.cpu().float()
    colors = torch.full_like(points, GREY) if colors is None else colors.cpu().float()
    return from_points(points, colors, sh_degree, torch.Generator().manual_seed(0), FAINT)


def flat_on(points: np.ndarray, normals: np.ndarray, colors: np.ndarray, spacing: float, sh_degree: int) -> Splats:
    """Flat, opaque Gaussians that cover a surface, on the CPU.

    Args:
        points: [M, 3] scene units, about `spacing` apart.
        normals: [M, 3] unit vectors.
        colors: [M, 3] in 0..1, seen from every side.
    """
    from scipy.spatial.transform import Rotation

    m = len(points)
    first = np.cross(normals, np.eye(3)[np.abs(normals).argmin(1)]) if m else np.zeros((0, 3))
    first /= np.maximum(np.linalg.norm(first, axis=1, keepdims=True), 1e-12)
    axes = np.stack([first, np.cross(normals, first), normals], -1)
    xyzw = Rotation.from_matrix(axes).as_quat() if m else np.zeros((0, 4))
    scales = torch.tensor([0.7, 0.7, 0.05]).mul(spacing).log().repeat(m, 1)
    sh = torch.zeros(m, (sh_degree + 1) ** 2, 3)
    sh[:, 0] = (torch.from_numpy(np.asarray(colors, np.float32)) - 0.5) / SH_C0
    quats = torch.from_numpy(np.roll(xyzw, 1, axis=1)).float()
    logits = torch.full((m,), _OPAQUE).logit()
    return Splats(torch.from_numpy(np.asarray(points)).float().contiguous(), scales, quats, logits, sh)


def random_points(count: int, radius: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Points [N, 3] evenly in the cube of half side `radius`, with colours [N, 3]: for a capture without any."""
    points = (torch.rand(count, 3, generator=generator) * 2 - 1) * radius
    return points, torch.rand(count, 3, generator=generator)
