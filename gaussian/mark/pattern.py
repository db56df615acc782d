"""The patterns of a watermark: smooth waves through the scene, mixed by a secret key.

Wave f at the point x is cos(k_f . x + phase_f), with wavelengths of 1/`COARSEST` to 1/`FINEST` of the scene's size:
fine enough to be taken for texture, and coarse enough to survive JPEG and scaling. A key gives the mixture M [F, B]
with orthonormal columns; the pattern of bit b is the waves times column b. Without the key, any mixture is as likely.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gaussian.splats import Splats

WAVES = 96
BITS = 32
COARSEST, FINEST = 5.0, 22.0
"""Waves across the scene."""
_WAVES_SEED = 20260401
"""The waves are no secret: the key is."""


def waves(splats: Splats, positions: Float[Tensor, "n 3"]) -> Float[Tensor, "n f"]:
    """The waves at points [N, 3] of a scene: [N, F] in -1..1.

    Args:
        splats: the unmarked scene, whose size and middle place the waves.
        positions: scene units.
    """
    heavy = splats.opacities.double() * splats.scales.double().sort(-1).values[:, 1:].prod(-1)
    order = splats.means.double()
    low, high = (_quantile(order, heavy, share) for share in (0.1, 0.9))
    size = float((high - low).max().clamp_min(1e-9)) / 0.8
    draw = np.random.default_rng(_WAVES_SEED)
    directions = draw.normal(size=(WAVES, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    counts = COARSEST * (FINEST / COARSEST) ** draw.random(WAVES)
    k = torch.from_numpy(2 * math.pi * directions * counts[:, None] / size)
    phases = torch.from_numpy(2 * math.pi * draw.random(WAVES))
    return torch.cos((positions.double() - low) @ k.T + phases).float()


def mixture(key: str, bits: int = BITS) -> Float[Tensor, "f b"]:
    """M of this module's page, by a key: [F, B] float64."""
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest(), "big")
    gaussian = np.random.default_rng(seed).normal(size=(WAVES, bits))
    q, r = np.linalg.qr(gaussian)
    return torch.from_numpy(q * np.sign(np.diag(r)))


def _quantile(points: Tensor, weights: Tensor, share: float) -> Tensor:
    """The share quantile of points [N, 3] along each axis, weighted [N]: [3]."""
    found = []
    for column in points.unbind(-1):
        order = column.argsort()
        total = weights[order].cumsum(0)
        found.append(column[order][int(torch.searchsorted(total, share * total[-1]).clamp_max(len(order) - 1))])
    return torch.stack(found)
