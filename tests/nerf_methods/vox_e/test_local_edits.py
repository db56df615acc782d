"""Attention grids find what a picture's attention points at; outside the cut a scene keeps its bits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from editor3d.plugin.views.rays import LensTable, camera_rays
from nerf_methods.vox_e.attention import AttentionGrids, CutSettings, cut, merge, save_attention, with_border
from nerf_methods.voxel.field import VoxelField
from nerf_methods.voxel.optimizer import VoxelAdamConfig

SIDE = 24


def two_balls(resolution: int = SIDE) -> tuple[VoxelField, torch.Tensor]:
    """A field with a red ball on the left and a blue one on the right, and which voxels the left one has."""
    field = VoxelField(resolution, contracted=False, core_radius=1.0, activation="relu", background=(0.0, 0.0, 0.0))
    axis = torch.linspace(-1.0, 1.0, resolution)
    x, y, z = torch.meshgrid(axis, axis, axis, indexing="ij")
    left, right = ((x - c) ** 2 + y**2 + z**2 < 0.3**2 for c in (-0.5, 0.5))
    with torch.no_grad():
        field.grid[..., 0] = torch.where(left | right, 60.0, -5.0)
        field.grid[..., 1] = torch.where(left, 3.0, -3.0)
        field.grid[..., 2] = -3.0
        field.grid[..., 3] = torch.where(right, 3.0, -3.0)
    return field, left


def ring(count: int = 8):
    from nerfstudio.cameras.cameras import Cameras

    from editor3d.outputs.orbit import look_at

    turn = 2 * np.pi * np.arange(count) / count
    eyes = 2.5 * np.stack([np.cos(turn), np.sin(turn), 0.4 + 0.0 * turn], 1)
    poses = torch.from_numpy(look_at(eyes, eyes, np.array([0.0, 0.0, 1.0]))).float()
    return Cameras(poses, 26.0, 26.0, 12.0, 12.0, 24, 24)


@pytest.fixture(scope="module")
def fitted() -> tuple[AttentionGrids, VoxelField, torch.Tensor]:
    """Attention fitted to maps that show the left ball as the edit's and the right one as the object's."""
    field, left = two_balls()
    grids = AttentionGrids(field)
    grids.begin(field)
    optimizer = VoxelAdamConfig(lr=0.3, density_lr_scale=0.0, density_smoothness=0.0, color_smoothness=0.0).setup(
        params=[grids.field.grid]
    )
    cameras, table = ring(), LensTable()
    for step in range(64):
        rays = camera_rays(cameras, step % len(cameras), table, "cpu")
        with torch.no_grad():
            picture = field.render(rays.origins, rays.directions)[0].view(24, 24, 3)
        maps = 0.2 * picture[..., [0, 2]].permute(2, 0, 1)
        optimizer.zero_grad()
        grids.loss(rays, (24, 24), maps).backward()
        optimizer.step()
    return grids, field, left


def test_attention_arrives_where_the_maps_say(fitted):
    grids, field, left = fitted
    edit, rest = grids.values()
    filled = field.grid[..., 0] > 0
    seen = grids.seen & filled
    assert float(edit[seen & left].mean()) > 2.0 * float(edit[seen & ~left].mean())
    assert float(rest[seen & ~left].mean()) > 2.0 * float(rest[seen & left].mean())


def test_the_density_that_attention_lies_on_does_not_move(fitted):
    grids, field, _ = fitted
    assert torch.equal(grids.field.grid[..., 0], field.grid[..., 0])


@pytest.mark.parametrize("with_object", [True, False])
def test_the_cut_takes_the_left_ball_and_no_voxel_of_the_right_one(fitted, with_object):
    grids, source, left = fitted
    edited, _ = two_balls()
    with torch.no_grad():
        edited.grid[..., 2] += 1.0
    edit, rest = grids.values()
    found = cut(edit, rest if with_object else None, grids.seen, edited, source, CutSettings())
    filled = source.grid[..., 0] > 0
    taken = found.mask & filled
    assert not bool((taken & ~left).any())
    if with_object:
        assert torch.equal(taken, left)
    else:  # what rays hardly reach inside the ball counts as the rest
        assert int((taken & left).sum()) > 0.85 * int(left.sum())
    assert found.voxels == int(taken.sum())
    assert found.of == int(filled.sum())


def test_outside_the_mask_every_bit_is_the_source_s(fitted):
    grids, source, _ = fitted
    edited, _ = two_balls()
    with torch.no_grad():
        edited.grid += torch.randn(edited.grid.shape, generator=torch.Generator().manual_seed(0))
    changed = edited.grid.detach().clone()
    mask = torch.rand(edited.grid.shape[:3], generator=torch.Generator().manual_seed(1)) < 0.3
    merge(edited, source, mask)
    assert torch.equal(edited.grid[~mask], source.grid[~mask])
    assert torch.equal(edited.grid[mask], changed[mask])


def test_the_border_is_empty_space_that_touches_nothing_else():
    nodes = np.zeros((9, 5, 5), bool)
    nodes[1:3, 1:4, 1:4] = nodes[4:6, 1:4, 1:4] = True
    labels = nodes & (np.arange(9) < 3)[:, None, None]
    mask = with_border(labels, nodes)
    assert mask[0, 0, 0]
    assert not mask[3].any()  # between the two
    assert np.array_equal(mask & nodes, labels)


def test_attention_is_kept_as_safetensors(fitted, tmp_path):
    grids, _, left = fitted
    edit, rest = grids.values()
    save_attention(tmp_path / "attention.safetensors", edit, rest, left)
    found = load_file(tmp_path / "attention.safetensors")
    assert torch.equal(found["edit"], edit)
    assert torch.equal(found["object"], rest)
    assert torch.equal(found["mask"], left)
