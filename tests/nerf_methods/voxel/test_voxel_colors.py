"""Colours of a voxel field fitted alone: dense least squares, what is unchanged, what is frozen, what no ray shows."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch

from nerf_methods.voxel import colors as fitting
from nerf_methods.voxel.colors import ColorRays, fit_colors
from nerf_methods.voxel.field import VoxelField

RAYS = 600


def scene(voxels, resolution: int = 12) -> VoxelField:
    """A field whose raw colours are small, where interpolating colours and interpolating raw values are the same."""
    field = voxels.field(resolution)
    field.grid.data[..., 1:] *= 0.03
    return field


def rays_of(field: VoxelField, voxels, change=lambda picture: picture, weight: torch.Tensor | None = None) -> ColorRays:
    origins, directions, _ = voxels.rays(RAYS, reach=0.3)
    with torch.no_grad():
        drawn = field.render(origins, directions)[0]
    weight = torch.ones(RAYS) if weight is None else weight
    return ColorRays(origins, directions, change(drawn).clamp(0, 1), weight)


def copy_of(field: VoxelField) -> VoxelField:
    return deepcopy(field).requires_grad_(False)


def drawn(field: VoxelField, rays: ColorRays) -> torch.Tensor:
    with torch.no_grad():
        return field.render(rays.origins, rays.directions)[0]


def error(field: VoxelField, rays: ColorRays) -> float:
    return (drawn(field, rays) - rays.wanted).abs().mean().item()


@pytest.mark.parametrize("contracted", [True, False])
def test_a_picture_is_the_weights_times_the_colours(voxels, contracted, monkeypatch):
    monkeypatch.setattr(fitting, "LEAST", 0.0)
    field = voxels.field(12, contracted=contracted)
    field.grid.data[..., 1:] *= 0.03
    fit = fitting._Fit(field, rays_of(field, voxels), None, background=True)
    colors = torch.cat([torch.sigmoid(field.grid.data[..., 1:]).view(-1, 3), field.background.data[None]])
    found = torch.from_numpy(fit._weigh() @ colors.numpy())
    torch.testing.assert_close(found, drawn(field, fit.given), atol=2e-3, rtol=0.0)


def test_the_solution_is_that_of_dense_least_squares(voxels, monkeypatch):
    monkeypatch.setattr(fitting._Fit, "start", lambda self: None)  # damped towards the field as it was
    monkeypatch.setattr(fitting, "LEAST", 0.0)
    field = scene(voxels, 6)
    generator = torch.Generator().manual_seed(1)
    weight = torch.rand(RAYS, generator=generator)
    other = copy_of(field)
    other.grid.data[..., 1:] += 0.6 * torch.rand(6, 6, 6, 3, generator=generator)
    rays = rays_of(other, voxels, weight=weight)
    before, residual = field.grid.data[..., 1:].clone().view(-1, 3), (rays.wanted - drawn(field, rays)).double()
    columns = []
    for point in range(len(before)):  # what one lattice point does to the rays, by its derivative
        moved = copy_of(field)
        moved.grid.data.view(-1, 4)[point, 1] += 0.1
        columns.append((drawn(moved, rays) - drawn(field, rays))[:, 0] / 0.025)
    matrix, root = torch.stack(columns, 1).double(), weight.double().sqrt()[:, None]
    normal = (root * matrix).T @ (root * matrix) + fitting.DAMPING * torch.eye(len(before))
    exact = torch.linalg.solve(normal, (root * matrix).T @ (root * residual))
    fit_colors(field, rays, passes=60, rounds=4)
    found = torch.sigmoid(field.grid.data[..., 1:].view(-1, 3)) - torch.sigmoid(before)
    assert exact.abs().max() > 0.05
    torch.testing.assert_close(found.double(), exact, atol=0.01, rtol=0.0)


def test_pictures_of_the_field_itself_change_nothing(voxels):
    field = scene(voxels)
    before = field.grid.data.clone()
    fit_colors(field, rays_of(field, voxels), background=True)
    torch.testing.assert_close(field.grid.data, before, atol=1e-4, rtol=0.0)


@pytest.mark.parametrize("spread", [0.03, 1.0])
def test_the_field_looks_like_the_pictures(voxels, spread):
    field = voxels.field(16)
    field.grid.data[..., 1:] *= spread
    rays = rays_of(field, voxels, lambda picture: 0.6 * picture[..., [2, 0, 1]])
    before, density = error(field, rays), field.grid.data[..., 0].clone()
    fit_colors(field, rays, background=True)
    assert error(field, rays) < 0.3 * before
    assert torch.equal(field.grid.data[..., 0], density)


def test_what_no_ray_shows_takes_part_in_the_change(voxels):
    field = voxels.field(24)
    field.grid.data[..., 0] = torch.where(torch.arange(24)[:, None, None] > 11, 60.0, -20.0)  # solid in the upper half
    field.grid.data[..., 1:] = torch.tensor([1.0, 0.0, -1.0])
    rays = rays_of(field, voxels, lambda picture: 0.5 * picture)
    fit_colors(field, rays)
    inside = torch.sigmoid(field.grid.data[20, 12, 12, 1:])
    torch.testing.assert_close(inside, 0.5 * torch.sigmoid(torch.tensor([1.0, 0.0, -1.0])), atol=0.05, rtol=0.0)


def test_frozen_lattice_points_and_the_background_keep_their_bits(voxels):
    field = scene(voxels)
    before, behind = field.grid.data.clone().view(-1, 4), field.background.data.clone()
    free = torch.arange(len(before)) % 3 == 0
    fit_colors(field, rays_of(field, voxels, lambda picture: 1 - picture), free=free)
    after = field.grid.data.view(-1, 4)
    assert torch.equal(after[~free], before[~free])
    assert not torch.equal(after[free], before[free])
    assert torch.equal(field.background.data, behind)


def test_pixels_without_weight_say_nothing(voxels):
    field = scene(voxels)
    before = field.grid.data.clone()
    fit_colors(field, rays_of(field, voxels, lambda picture: 1 - picture, torch.zeros(RAYS)))
    assert torch.equal(field.grid.data, before)


def test_the_same_bits_again(voxels):
    fields = [scene(voxels) for _ in range(2)]
    for field in fields:
        fit_colors(field, rays_of(field, voxels, lambda picture: 1 - picture), background=True)
    assert torch.equal(fields[0].grid.data, fields[1].grid.data)
