"""Where the surfaces of a capture are, found from its pictures alone: a coarse voxel field, fitted in seconds.

Such a field must not explain each picture by a cloud just before its camera, which no other view sees. As in DVGO (Sun
et al. 2022) it begins all but empty, and a voxel learns the more slowly the fewer views see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from nerfstudio.cameras.cameras import Cameras
from torch import Tensor

from editor3d.plugin.train.datamanager import PixelStore
from editor3d.plugin.train.pictures import TrainingPictures
from nerf_methods.voxel.field import VoxelField
from nerf_methods.voxel.optimizer import VoxelAdam
from nerf_methods.voxel.regions import places


@dataclass(frozen=True)
class CoarseFit:
    """How a coarse field is fitted."""

    resolutions: tuple[int, ...] = (24, 40, 64)
    """Lattice points along each axis, one after the other."""
    upsample_at: tuple[float, ...] = (0.3, 0.6)
    """Shares of the steps at which the next resolution begins."""
    rays: int = 2048
    """Of a step."""
    lr: float = 0.2
    lr_final: float = 0.05
    density_lr_scale: float = 10.0
    smoothness: float = 3e-9
    """Of density; a third of it of colour."""
    initial_density: float = 0.01
    """Of the empty field, per core radius."""
    rarity: float = 2.0
    """Power of the share of views that see a voxel by which its steps are multiplied."""
    min_alpha: float = 2e-2
    """A block whose opacity over one step is nowhere above this is empty,"""
    occupancy_every: int = 8
    """which is found out every so many steps."""
    explore_every: int = 16
    """Every n-th ray looks into empty blocks, too."""
    min_accumulation: float = 0.5
    """A ray that meets less has met nothing."""
    counted_views: int = 48
    """Views, at most, that are asked which voxels they see."""


def points_seen(
    pictures: TrainingPictures,
    cameras: Cameras,
    *,
    background: Sequence[float],
    steps: int,
    count: int,
    generator: torch.Generator,
    fit: CoarseFit | None = None,
) -> tuple[Tensor, Tensor]:
    """Points on what pictures show, in their colours.

    Args:
        pictures: small ones do: the field does not resolve more than some 100 pixels a side.
        cameras: theirs.
        background: colour [3] in 0..1 behind everything.
        steps: of the fit.
        count: of the rays that are followed to what they meet.

    Returns:
        Points [N, 3] scene units and their colours [N, 3] in 0..1, N <= count: fewer where rays meet nothing.
    """
    settings = fit or CoarseFit()
    store = PixelStore(pictures, cameras, settings.rays, 1, "cpu")
    field = VoxelField(settings.resolutions[0], initial_density=settings.initial_density, background=tuple(background))
    _train(field, store, cameras, steps, settings, generator)
    store.num_rays_per_batch = count
    with torch.no_grad():
        rays, batch = store.draw(generator)
        _, accumulation, depth = field.render(rays.origins, rays.directions)
        met = accumulation > settings.min_accumulation
        return (rays.origins + rays.directions * depth[:, None])[met], batch["image"][met]


def _train(
    field: VoxelField, store: PixelStore, cameras: Cameras, steps: int, fit: CoarseFit, generator: torch.Generator
) -> None:
    optimizer = VoxelAdam(
        [field.grid],
        lr=fit.lr,
        density_lr_scale=fit.density_lr_scale,
        density_smoothness=fit.smoothness,
        color_smoothness=fit.smoothness / 3,
    )
    changes = {round(share * steps): size for share, size in zip(fit.upsample_at, fit.resolutions[1:], strict=True)}
    first = min(changes, default=0)
    pace = seen_share(field, cameras, fit.counted_views) ** fit.rarity
    for step in range(steps):
        if step in changes:
            field.resize(changes[step], optimizer)
            field.update_occupancy(fit.min_alpha)
            pace = seen_share(field, cameras, fit.counted_views) ** fit.rarity
        elif step >= first and step % fit.occupancy_every == 0:
            field.update_occupancy(fit.min_alpha)
        optimizer.param_groups[0]["lr"] = fit.lr * (fit.lr_final / fit.lr) ** (step / steps)
        rays, batch = store.draw(generator)
        jitter = torch.rand(len(rays.origins), generator=generator)
        rgb, _, _ = field.render(rays.origins, rays.directions, jitter, explore_every=fit.explore_every)
        field.grid.grad = None
        (rgb - batch["image"]).square().mean().backward()
        del rgb  # the graph, before the field may change its resolution
        before = field.grid.detach().clone()
        optimizer.step()
        field.grid.data.copy_(torch.lerp(before, field.grid.data, pace))


@torch.no_grad()
def seen_share(field: VoxelField, cameras: Cameras, most: int) -> Tensor:
    """How many views see each lattice point, of those that see the most seen one: [R, R, R, 1] in 0..1.

    Lenses count as pinholes.

    Args:
        most: views that are asked at most, evenly spread.
    """
    points = places(field)
    count = torch.zeros(len(points))
    chosen = torch.linspace(0, len(cameras) - 1, min(most, len(cameras))).long().unique()
    for index in chosen.tolist():
        c2w = cameras.camera_to_worlds[index].cpu()
        local = (points - c2w[:, 3]) @ c2w[:, :3]
        forward = -local[:, 2]
        x = local[:, 0] / forward * float(cameras.fx[index]) + float(cameras.cx[index])
        y = float(cameras.cy[index]) - local[:, 1] / forward * float(cameras.fy[index])
        inside = (x >= 0) & (x <= float(cameras.width[index])) & (y >= 0) & (y <= float(cameras.height[index]))
        count += inside & (forward > field.near)
    return (count / count.max().clamp_min(1)).view(*field.grid.shape[:3], 1)
