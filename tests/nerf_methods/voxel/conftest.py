"""Random voxel fields and rays, and what a field's rays look like to the float64 oracle."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from nerf_methods.voxel import reference
from nerf_methods.voxel.field import VoxelField


def random_field(resolution: int = 20, *, contracted: bool = True, seed: int = 0, **options) -> VoxelField:
    """A field with empty, translucent and opaque places."""
    field = VoxelField(resolution, contracted=contracted, background=(0.1, 0.6, 0.9), **options)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        field.grid.copy_(2.0 * torch.randn(field.grid.shape, generator=generator))
        field.grid[..., 0] += torch.linspace(-5.0, 4.0, resolution)[:, None, None]
    return field


def random_rays(n: int, *, seed: int = 0, reach: float = 1.0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Origins inside the cube of half side `reach`, directions all over the sphere, offsets away from 0 and 1."""
    generator = torch.Generator().manual_seed(seed)
    origins = (torch.rand(n, 3, generator=generator) * 2.0 - 1.0) * reach
    directions = F.normalize(torch.randn(n, 3, generator=generator), dim=-1)
    return origins, directions, 0.05 + 0.9 * torch.rand(n, generator=generator)


def oracle(field: VoxelField, origins, directions, jitter, *, grid=None, stop: float = 1e-3):
    """`field.render` by the torch reference in float64."""
    rgb, accumulation, depth = reference.render_rays(
        field.grid.detach().double() if grid is None else grid,
        origins.double() / field.core_radius,
        directions.double(),
        jitter.double(),
        near=field.near / field.core_radius,
        bound=field.bound,
        contracted=field.contracted,
        step=field.step,
        shift=field.shift,
        background=field.background.double(),
        relu=field.relu,
        stop=stop,
    )
    return rgb, accumulation, depth * field.core_radius


def raw_density(field: VoxelField, density: float) -> float:
    """The raw value of a density per scene unit."""
    if field.relu:
        return density * field.core_radius - field.shift
    return math.log(math.expm1(density * field.core_radius)) - field.shift


@pytest.fixture(scope="session")
def voxels() -> SimpleNamespace:
    return SimpleNamespace(field=random_field, rays=random_rays, oracle=oracle, raw_density=raw_density)
