"""The colour behind a voxel field: fitted in an edit, left alone otherwise."""

from __future__ import annotations

import shutil

import pytest
import torch

from editor3d.plugin.results.runs import open_run
from editor3d.run import checkpoints
from nerf_methods.voxel.method import voxel_optimizers

KEY = "_model.field.background"


@pytest.mark.parametrize("contracted", [True, False])
def test_its_gradient_is_what_transmittance_is_left(voxels, contracted):
    field = voxels.field(12, contracted=contracted)
    field.background.requires_grad_()
    rays = voxels.rays(300, reach=0.8)
    weights = torch.randn(300, 3, generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad((field.render(*rays)[0] * weights).sum(), field.background)
    left = 1.0 - voxels.oracle(field, *rays)[1]
    assert torch.allclose(gradient, (left[:, None] * weights).sum(0).float(), rtol=1e-4, atol=1e-4)


def test_a_field_that_is_frozen_still_gives_it(voxels):
    field = voxels.field(8)
    field.grid.requires_grad_(False)
    field.background.requires_grad_()
    field.render(*voxels.rays(50))[0].sum().backward()
    assert field.grid.grad is None
    assert (field.background.grad > 0).all()


def test_a_night_falls_behind_the_scene_too(tiny_edit, start):
    config = tiny_edit(instruction="turn the scene into night", steps=60)
    config.optimizers = voxel_optimizers(0.1, 0.02, 60)
    trainer = start(config)
    background = trainer.pipeline.model.field.background
    before = background.detach().clone()
    assert trainer.fit()
    assert (background < before - 0.05).all()
    assert (background >= 0).all()
    assert torch.equal(open_run(trainer.base_dir)[1].model.field.background, background)


def test_it_stays_where_the_edit_is_kept_to_a_region(tiny_edit, start):
    trainer = start(tiny_edit(region="sphere:0,0,0,0.6", steps=6))
    before = trainer.pipeline.model.field.background.detach().clone()
    assert trainer.fit()
    assert torch.equal(trainer.pipeline.model.field.background, before)


def test_a_reconstruction_does_not_fit_it(tiny_base):
    model = open_run(tiny_base)[1].model
    assert torch.equal(model.field.background, torch.tensor(model.config.background))
    assert set(model.get_param_groups()) == {"fields"}


def test_an_older_base_has_the_configured_one(tiny_edit, tiny_base, tmp_path, start):
    run = tmp_path / "older"
    shutil.copytree(tiny_base, run)
    path = checkpoints.latest_checkpoint(run)
    state = checkpoints.load(path)
    del state["pipeline"][KEY]
    torch.save(state, path)
    model = start(tiny_edit(load_dir=path.parent)).pipeline.model
    assert torch.equal(model.field.background, torch.tensor(model.config.background))
