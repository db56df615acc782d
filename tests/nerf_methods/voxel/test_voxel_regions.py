"""Parts of a voxel field: where lattice points lie, what masks hold, and that what is frozen keeps every bit."""

from __future__ import annotations

import pytest
import torch
from nerfstudio.cameras.cameras import Cameras

from editor3d.errors import RegionError
from editor3d.plugin.views.rays import LensTable, camera_rays
from editor3d.regions import Box, Sphere
from editor3d.types import Freeze
from nerf_methods.voxel import reference
from nerf_methods.voxel.field import VoxelField
from nerf_methods.voxel.optimizer import VoxelAdam
from nerf_methods.voxel.regions import made_up, places, shares, spread

SIDE = 24


def ball(field: VoxelField, center=(0.0, 0.0, 0.0), radius=0.2) -> torch.Tensor:
    """Make the field solid inside a ball; returns which lattice points those are."""
    chosen = Sphere(center, radius).contains(places(field))
    field.grid.data[..., 0] = torch.where(chosen, 60.0, field.grid.data[..., 0].flatten()).view(field.grid.shape[:3])
    return chosen


@pytest.fixture
def field() -> VoxelField:
    field = VoxelField(33, core_radius=0.5)
    field.grid.data[..., 0] = -20.0
    return field


def cameras(count: int = 8) -> Cameras:
    """Round the origin at a distance of 1, looking at it; OpenGL axes."""
    poses = []
    for i in range(count):
        angle = torch.tensor(2 * torch.pi * i / count)
        back = torch.tensor([angle.cos(), angle.sin(), 0.3])
        back = back / back.norm()
        right = torch.linalg.cross(torch.tensor([0.0, 0.0, 1.0]), back)
        right = right / right.norm()
        poses.append(torch.stack([right, torch.linalg.cross(back, right), back, back], 1))
    return Cameras(torch.stack(poses), 24.0, 24.0, SIDE / 2, SIDE / 2, SIDE, SIDE)


@pytest.mark.parametrize("contracted", [False, True])
def test_lattice_points_lie_where_the_field_looks_them_up(contracted):
    field = VoxelField(9, core_radius=0.5, contracted=contracted)
    where = places(field) / field.core_radius
    where = reference.contract(where) if contracted else where
    axis = torch.linspace(-field.bound, field.bound, 9)
    wanted = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).view(-1, 3)
    assert torch.allclose(where, wanted, atol=1e-5)
    assert torch.isfinite(places(field)).all()


def test_a_share_is_the_weight_of_what_is_chosen(field):
    torch.manual_seed(0)
    field.grid.data[..., 0] = torch.randn(field.grid.shape[:3]) * 4 - 3
    chosen = torch.rand(field.grid[..., 0].numel()) < 0.3
    origins = torch.randn(50, 3)
    directions = torch.nn.functional.normalize(torch.randn(50, 3) * 0.2 - origins, dim=-1)
    field.grid.data[..., 1:] = 0.0
    rgb, _, _ = field.render(origins, directions)
    (weights,) = torch.autograd.grad(rgb[:, 0].sum(), field.grid)  # 1/4 of each point's weight in all rays
    wanted = 4 * weights[..., 1].flatten()[chosen].sum()
    assert made_up(field, chosen, origins, directions).sum() == pytest.approx(wanted.item(), rel=1e-3)


def test_what_is_chosen_is_hidden_by_what_is_before_it(field):
    near, far = ball(field, (0.25, 0.0, 0.0), 0.15), ball(field, (-0.25, 0.0, 0.0), 0.15)
    near, far = spread(near, field.grid.shape[:3]), spread(far, field.grid.shape[:3])
    origin, direction = torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[-1.0, 0.0, 0.0]])
    assert made_up(field, near, origin, direction) > 0.99
    assert made_up(field, far, origin, direction) < 0.01
    assert made_up(field, far, -origin, -direction) > 0.99


def test_masks_hold_the_ball_that_they_show_inside_and_out(field):
    wanted, other = ball(field, (0.2, 0.0, 0.0), 0.15), ball(field, (-0.25, 0.1, 0.0), 0.12)
    views, lenses = cameras(), LensTable()
    masks = {}
    for index in range(len(views)):
        rays = camera_rays(views, index, lenses, "cpu")
        whole = spread(wanted, field.grid.shape[:3])
        masks[index] = (made_up(field, whole, rays.origins, rays.directions) > 0.5).view(SIDE, SIDE)
    found = shares(field, views, masks, lenses) >= 0.5
    assert found[wanted].float().mean() > 0.9
    assert found[other].float().mean() < 0.05
    inner = Sphere((0.2, 0.0, 0.0), 0.05).contains(places(field))  # which no view shows
    assert found[inner].all()


def test_spreading_takes_the_neighbours_and_no_more():
    chosen = torch.zeros(5, 5, 5, dtype=torch.bool)
    chosen[2, 2, 2] = True
    grown = spread(chosen.flatten(), (5, 5, 5)).view(5, 5, 5)
    assert grown[1:4, 1:4, 1:4].all()
    assert grown.sum() == 27


@pytest.fixture
def model(tiny_base):
    from editor3d.plugin.results.runs import open_run

    return open_run(tiny_base)[1].model


def test_what_is_frozen_keeps_every_bit_with_moments_and_smoothness(model):
    grid = model.field.grid
    optimizer = VoxelAdam([grid], lr=0.1, density_smoothness=1e-3, color_smoothness=1e-3)
    rays = torch.randn(64, 3), torch.nn.functional.normalize(torch.randn(64, 3), dim=-1)
    model.field.render(*rays)[0].sum().backward()
    optimizer.step()  # every moment of the first step is there when the region comes
    before = grid.detach().clone()
    model.confine(Freeze(Box((0.0, 0.0, 0.0), (0.3, 0.3, 0.3))))
    for _ in range(3):
        optimizer.zero_grad()
        model.field.render(*rays)[0].square().sum().backward()
        optimizer.step()
    changed = (grid.detach() != before).any(-1).flatten()
    assert changed.any()
    assert not changed[model.counters()["frozen"]].any()


def test_a_region_without_voxels_is_refused(model):
    with pytest.raises(RegionError, match="found none of"):
        model.confine(Freeze(Sphere((0.3331, 0.3331, 0.3331), 1e-6)))
