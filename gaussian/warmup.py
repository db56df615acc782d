"""Compile the rasterizer's kernels now: `python -m gaussian.warmup`; numba keeps them for later runs."""

from __future__ import annotations

import time
from itertools import product

import numpy as np
import torch

from editor3d.host.compiled import compiled
from gaussian.raster.rasterize import rasterization
from gaussian.raster.view_weights import ViewWeights

_COUNT, _SIDE = 64, 32


def warm_up() -> float:
    """Run every kernel once, by the same calls that training and rendering make; returns the seconds it took."""
    started = time.perf_counter()
    generator = torch.Generator().manual_seed(0)

    def some(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    K = torch.tensor([[[40.0, 0, _SIDE / 2], [0, 40.0, _SIDE / 2], [0, 0, 1]]])
    viewmat = torch.eye(4)[None]
    viewmat[0, 2, 3] = 2.0
    for degree, absgrad in product((None, 1), (False, True)):
        colors = some(_COUNT, 3) if degree is None else some(_COUNT, 4, 3)
        made = (some(_COUNT, 3), some(_COUNT, 4), some(_COUNT, 3) * 0.1, some(_COUNT), colors)
        means, quats, scales, opacities, colors = (leaf.requires_grad_() for leaf in made)
        for mode in ("RGB", "RGB+ED"):
            picture, _, _ = rasterization(
                means, quats, scales, opacities, colors, viewmat, K, _SIDE, _SIDE, sh_degree=degree, packed=False,
                render_mode=mode, absgrad=absgrad,
            )  # fmt: skip
            picture.sum().backward()
    weights = ViewWeights.of(
        means.detach(), quats.detach(), scales.detach(), opacities.detach(), viewmat[0], K[0], _SIDE, _SIDE
    )
    colors, importance = np.zeros((_COUNT, 3), np.float32), np.ones((_SIDE, _SIDE), np.float32)
    weights.residual(colors, importance, np.zeros((_SIDE, _SIDE, 3), np.float32))
    weights.sums(importance)
    return time.perf_counter() - started


if __name__ == "__main__":
    print(f"The rasterizer's kernels are compiled ({warm_up():.1f} s).")
    compiled("gaussian.warmup")
