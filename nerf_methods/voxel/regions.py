"""Parts of a voxel field: positions of its lattice points, which of them views show, and their share of each view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy

import torch
from nerfstudio.cameras.cameras import Cameras
from torch import Tensor

from editor3d.geometry.camera import Camera
from editor3d.plugin.views.rays import LensTable, camera_rays
from nerf_methods.voxel.field import VoxelField

_SMALL = 0.04
_FARTHEST = 1e-6
"""Lattice points on the outer face stand for infinity; they are put where 2 - |c| is this."""
_CHUNK = 1 << 15
_PER_SIGMOID = 4.0
"""One over sigmoid'(0): of a weight to the derivative that shows it."""
VOTING_RAYS = 400_000
"""Rays that decide what masks hold; more change nothing and take longer."""


def places(field: VoxelField) -> Tensor:
    """Where the lattice points lie: [R^3, 3] float32 scene units, in the order of the flattened lattice."""
    axis = torch.linspace(-field.bound, field.bound, field.resolution, device=field.grid.device)
    points = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).view(-1, 3)
    if field.contracted:  # the inverse of contract(x) = (2 - 1/|x|) x/|x|
        m = points.abs().amax(-1, keepdim=True)
        points = torch.where(m <= 1.0, points, points / (m * (2.0 - m).clamp_min(_FARTHEST)).clamp_min(1e-12))
    return points * field.core_radius


@torch.no_grad()
def made_up(field: VoxelField, chosen: Tensor, origins: Tensor, directions: Tensor) -> Tensor:
    """How much of what rays see is made up of the chosen lattice points.

    The colour of a sample is a mean of raw colours under the sigmoid. Where those are close to 0 it is linear in them,
    sigmoid(x) = 1/2 + x/4 + O(x^3), so that a small value in the chosen points shows their weight.

    Args:
        chosen: [R^3] bool.
        origins, directions: as `VoxelField.render`.

    Returns:
        [N] in 0..1, to within 1e-3.
    """
    copy = deepcopy(field).requires_grad_(False)
    copy.grid.data[..., 1] = _SMALL * chosen.view(copy.grid.shape[:3])
    copy.grid.data[..., 2:] = 0.0
    copy.background.data.zero_()
    rgb, _, _ = copy.render(origins, directions)
    return ((rgb[:, 0] - rgb[:, 1]) * (4.0 / _SMALL)).clamp(0.0, 1.0)


def shares(field: VoxelField, cameras: Cameras, masks: Mapping[int, Tensor], lenses: LensTable) -> Tensor:
    """How much of what views show of each lattice point lies inside their masks.

    A point's weight in a pixel is the derivative of the pixel's colour by the point's; its share is the sum of its
    weights over masked pixels divided by that over all pixels of all views. A point that no view shows, inside
    something solid, lies in it if it does so as the views see through everything: its share is that of the views whose
    mask holds the pixel it would be seen at.

    Args:
        masks: [H, W] bool by the index of a camera, whose picture's size they have.

    Returns:
        [R^3] in 0..1.
    """
    total = sum(mask.numel() for mask in masks.values())
    stride = max(1, -(-total // VOTING_RAYS))
    everywhere = {index: torch.stack([mask, torch.ones_like(mask)], -1) for index, mask in masks.items()}
    pixels = {index: torch.arange(index % stride, mask.numel(), stride) for index, mask in masks.items()}
    inside, seen = _summed(field, cameras, everywhere, pixels, lenses).unbind(-1)
    shown = seen > 0
    out = torch.where(shown, inside / seen.clamp_min(1e-20), torch.zeros(()).to(seen))
    out[~shown] = through(places(field)[~shown], cameras, masks)
    return out


def mask_weights(field: VoxelField, cameras: Cameras, masks: Mapping[int, Tensor], lenses: LensTable) -> Tensor:
    """How many masked pixels each lattice point makes up, all views together: [R^3, K].

    Args:
        masks: [H, W, K] bool, K at most 3, by the index of a camera, whose picture's size they have.
    """
    pixels = {index: several.any(-1).flatten().nonzero()[:, 0] for index, several in masks.items()}
    return _summed(field, cameras, masks, pixels, lenses)


def _summed(
    field: VoxelField,
    cameras: Cameras,
    masks: Mapping[int, Tensor],
    pixels: Mapping[int, Tensor],
    lenses: LensTable,
) -> Tensor:
    """The weights of lattice points in masks [H, W, K] bool, summed over some pixels of each view: [R^3, K]."""
    copy = deepcopy(field)
    copy.grid.data[..., 1:] = 0.0  # sigmoid'(0) is the same for every point
    copy.grid.requires_grad_(True)
    count = next(iter(masks.values())).shape[-1]
    total = torch.zeros(*copy.grid.shape[:3], count, device=copy.grid.device)
    for index, several in masks.items():
        rays = camera_rays(cameras, index, lenses, copy.grid.device)
        wanted = torch.nn.functional.pad(several.view(-1, count).float(), (0, 3 - count))
        for part in pixels[index].split(_CHUNK):
            with torch.enable_grad():
                rgb, _, _ = copy.render(rays.origins[part], rays.directions[part])
                (gradient,) = torch.autograd.grad(rgb, copy.grid, wanted[part].to(rgb))
            total += gradient[..., 1 : 1 + count]
    return total.view(-1, count) * _PER_SIGMOID


def through(points: Tensor, cameras: Cameras, masks: Mapping[int, Tensor]) -> Tensor:
    """The share of the views in whose picture a point [N, 3] lies that have it inside their mask: [N] in 0..1."""
    inside, seen = torch.zeros(len(points)), torch.zeros(len(points))
    for index, mask in masks.items():
        pixels, held = Camera.of(cameras, index).pixels(points)
        x, y = pixels[held].long().unbind(-1)
        inside[held] += mask[y, x].float()
        seen += held.float()
    return (inside / seen.clamp_min(1.0)).to(points.device)


def spread(chosen: Tensor, shape: Sequence[int]) -> Tensor:
    """The chosen lattice points and their neighbours, [R^3] bool: all whose cells change where the chosen ones do."""
    grown = chosen.view(1, 1, *shape).float()
    return torch.nn.functional.max_pool3d(grown, 3, 1, 1).view(-1) > 0
