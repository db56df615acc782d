"""Compile the voxel field's kernels now: `python -m nerf_methods.voxel.warmup`.

Numba keeps what it compiles beside the source, or in the user's cache folder where that one cannot be written, so that
later runs start at once.
"""

from __future__ import annotations

import time

import torch

from editor3d.host.compiled import compiled
from nerf_methods.voxel.colors import ColorRays, fit_colors
from nerf_methods.voxel.field import VoxelField
from nerf_methods.voxel.optimizer import VoxelAdamConfig

_RESOLUTION, _RAYS = 16, 64


def warm_up() -> float:
    """Run every kernel once, by the same calls that training and rendering make; returns the seconds it took."""
    started = time.perf_counter()
    field = VoxelField(_RESOLUTION)
    optimizer = VoxelAdamConfig().setup(params=[field.grid])
    generator = torch.Generator().manual_seed(0)
    origins = torch.zeros(_RAYS, 3)
    directions = torch.nn.functional.normalize(torch.randn(_RAYS, 3, generator=generator), dim=-1)
    rgb, accumulation, _ = field.render(origins, directions, torch.rand(_RAYS, generator=generator), explore_every=2)
    (rgb.sum() + accumulation.sum()).backward()
    optimizer.step()
    field.update_occupancy(1e-2)
    with torch.no_grad():
        field.render(origins, directions)
    fit_colors(field, ColorRays(origins, directions, rgb.detach(), torch.ones(_RAYS)))
    return time.perf_counter() - started


if __name__ == "__main__":
    print(f"The voxel field's kernels are compiled ({warm_up():.1f} s).")
    compiled("nerf_methods.voxel.warmup")
