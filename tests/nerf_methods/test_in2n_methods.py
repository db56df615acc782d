"""The three sizes of in2n, as nerfstudio sees them."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import fields

import pytest
from nerfstudio.configs.method_configs import all_methods

from editor3d.editors import EDITORS
from editor3d.plugin.edit.trainer import EditTrainerConfig
from nerf_methods import in2n


@pytest.mark.parametrize("name", ["in2n", "in2n-small", "in2n-tiny"])
def test_ns_train_knows_each_size_and_takes_ours_for_its_stub(name):
    config = all_methods[name]
    assert isinstance(config, EditTrainerConfig)
    assert config.method_name == name


def test_sizes_differ_as_upstreams_do():
    full, small, tiny = (spec.config.pipeline for spec in (in2n.in2n, in2n.in2n_small, in2n.in2n_tiny))
    assert [p.ip2p_use_full_precision for p in (full, small, tiny)] == [True, False, False]
    assert [p.lpips_weight > 0 for p in (full, small, tiny)] == [True, True, False]
    assert full.model.loss == small.model.loss == tiny.model.loss == "l1"


def test_on_cuda_the_paper_s_numbers_hold(monkeypatch):
    monkeypatch.setattr(in2n, "default_device", lambda: "cuda")
    config = in2n._config("in2n", steps=15_000, rays=16_384, full_precision=True, lpips=True)
    assert config.max_num_iterations == 15_000
    assert config.pipeline.datamanager.train_num_rays_per_batch == 16_384
    assert config.base_method == "nerfacto-editable"


def test_upstreams_flags_and_defaults():
    names = {field.name for field in fields(in2n.in2n.config.pipeline)}
    upstream = {"prompt": "", "guidance_scale": 7.5, "image_guidance_scale": 1.5, "edit_rate": 10, "edit_count": 1}
    upstream |= {"diffusion_steps": 20, "lower_bound": 0.02, "upper_bound": 0.98, "ip2p_device": None}
    assert upstream.keys() <= names
    pipeline = deepcopy(in2n.in2n.config.pipeline)
    info = EDITORS["ip2p"].info
    assert pipeline.usual_guidance_scale(info) == upstream.pop("guidance_scale")
    assert pipeline.usual_diffusion_steps(info) == upstream.pop("diffusion_steps")
    for name, value in upstream.items():
        assert getattr(pipeline, name) == value, name


def test_configurations_share_nothing_that_changes():
    one, other = in2n.in2n.config, in2n.in2n_small.config
    assert one.pipeline is not other.pipeline
    assert one.pipeline.datamanager is not other.pipeline.datamanager
    assert one.optimizers is not other.optimizers


@pytest.mark.parametrize(("editor", "keeps"), [("procedural", True), ("procedural-noisy", True), ("folder", False)])
def test_shape_moves_only_where_the_editor_may_change_it(tiny_edit, tiny_capture, editor, keeps):
    editor = f"folder:{tiny_capture / 'images'}" if editor == "folder" else editor
    config = tiny_edit(editor=editor, instruction="" if "folder" in editor else "make it look like winter")
    config.check()
    trainer = config.setup(local_rank=0, world_size=1)
    trainer.prepare()
    before = trainer.pipeline.model.field.grid.detach().clone()
    assert trainer.fit()
    density, *colors = (trainer.pipeline.model.field.grid.detach() == before).unbind(-1)
    assert bool(density.all()) == keeps
    assert not any(bool(same.all()) for same in colors)
