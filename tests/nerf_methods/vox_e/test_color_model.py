"""Colours part what attention does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nerf_methods.vox_e.attention import CutSettings, cut
from nerf_methods.vox_e.color_model import REACH, ColorModel
from nerf_methods.voxel.field import VoxelField

SIDE = 28


@pytest.fixture(scope="module")
def stack() -> tuple[VoxelField, torch.Tensor, torch.Tensor]:
    """A blue cube on a wide red slab, and attention that is high on the cube and on the slab's top below it."""
    field = VoxelField(SIDE, contracted=False, core_radius=1.0, activation="relu", background=(0.0, 0.0, 0.0))
    x, y, z = torch.meshgrid(*[torch.arange(SIDE)] * 3, indexing="ij")
    middle = (abs(x - 14) < 5) & (abs(y - 14) < 5)
    cube, slab = middle & (z >= 12) & (z < 20), (z >= 4) & (z < 12)
    with torch.no_grad():
        field.grid[..., 0] = torch.where(cube | slab, 60.0, -5.0)
        field.grid[..., 1:] = -3.0
        field.grid[..., 1] = torch.where(slab, 3.0, -3.0)
        field.grid[..., 3] = torch.where(cube, 3.0, -3.0)
    attention = 0.08 * torch.rand(cube.shape, generator=torch.Generator().manual_seed(0)).square()
    attention[middle & (z >= 9) & (z < 12)] = 0.20
    attention[cube] = 0.22
    return field, attention, cube


def test_what_a_thing_stands_on_is_left_out(stack):
    field, attention, cube = stack
    seen = torch.ones_like(cube)
    filled = field.grid[..., 0] > 0
    by_attention, by_both = (
        cut(attention, None, seen, field, field, CutSettings(smoothness=0.1, color_weight=weight)).mask & filled
        for weight in (0.0, 2.0)
    )
    assert int((by_attention & ~cube).sum()) > 100
    assert torch.equal(by_both, cube)


def test_without_weight_colours_change_nothing(stack):
    field, attention, cube = stack
    gray = VoxelField(SIDE, contracted=False, core_radius=1.0, activation="relu")
    with torch.no_grad():
        gray.grid[..., 0], gray.grid[..., 1:] = field.grid[..., 0], 0.0
    seen, settings = torch.ones_like(cube), CutSettings(color_weight=0.0)
    one, other = (cut(attention, None, seen, field, source, settings).mask for source in (field, gray))
    assert torch.equal(one, other)


def test_the_ratio_is_odd_in_its_two_models_and_ends_at_reach():
    rng = np.random.default_rng(0)
    colors = np.where(np.arange(40)[:, None, None, None] < 10, (0.1, 0.1, 0.8), (0.8, 0.1, 0.1))
    colors = np.clip(np.broadcast_to(colors, (40, 6, 6, 3)) + rng.normal(0, 0.03, (40, 6, 6, 3)), 0, 1)
    labels = np.zeros((40, 6, 6), bool)
    labels[:10] = True
    ratio = ColorModel(colors).log_ratio(labels, np.ones(labels.shape), np.ones(labels.shape, bool))
    assert (ratio[:10] > 5.0).all()
    assert (ratio[10 : 10 + REACH] < -5.0).all()
    assert (ratio[10 + REACH :] == 0.0).all()


def test_one_colour_tells_nothing():
    labels = np.zeros((12, 12, 12), bool)
    labels[4:8, 4:8, 4:8] = True
    where = np.ones_like(labels)
    model = ColorModel(np.full((12, 12, 12, 3), 0.5))
    np.testing.assert_allclose(model.log_ratio(labels, where.astype(float), where), 0.0, atol=1e-9)
    assert (model.log_ratio(labels, np.zeros(labels.shape), where) == 0.0).all()  # nobody looked there
    assert (model.log_ratio(np.zeros_like(labels), where.astype(float), where) == 0.0).all()
