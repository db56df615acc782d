"""Score distillation that is kept to a region: outside of it every voxel keeps every bit, at whatever resolution."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from editor3d.errors import ConfigError, RegionError
from editor3d.run.record import read_record
from nerf_methods.instruct_3d_to_3d import instruct_3d_to_3d
from nerf_methods.vox_e.method import vox_e

METHODS = {"instruct-3d-to-3d": instruct_3d_to_3d, "vox-e": vox_e}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("region", ["sphere:0,0,0.3,0.5", "object:ball"])
def test_voxels_outside_keep_every_bit(gold_prior, distilled, start, method, region):
    config = distilled(METHODS[method], region=region)
    trainer = start(config)
    pipeline = trainer.pipeline
    source, frozen = pipeline.session.source.grid.clone(), pipeline.model.counters()["frozen"].clone()
    assert 0 < int(frozen.sum()) < len(frozen)
    assert trainer.fit()
    grid = pipeline.model.field.grid.detach()
    assert grid.shape == source.shape
    changed = (grid != source).any(-1).flatten()
    assert changed.any()
    assert not changed[frozen].any()
    assert read_record(trainer.base_dir / "edit.json").region["parts"] == int((~frozen).sum())


def test_a_run_stopped_at_few_voxels_ends_as_one_that_was_not(gold_prior, distilled, start, stop_before, tmp_path):
    whole = start(distilled(instruct_3d_to_3d, region="object:ball"))
    assert whole.fit()
    config = distilled(instruct_3d_to_3d, region="object:ball")
    config.output_dir = tmp_path / "again"
    stopped = start(config)
    stop_before(stopped, 3)
    assert not stopped.fit()
    again = start(config)
    assert again.fit()
    assert torch.equal(again.pipeline.model.field.grid, whole.pipeline.model.field.grid)


def test_an_object_that_is_not_there_is_refused_before_the_run(gold_prior, distilled, start):
    with pytest.raises(RegionError, match="did you mean ball"):
        start(distilled(vox_e, region="object:bal"))


@pytest.mark.parametrize("chosen", [{"edits": 12}, {"approve": True}, {"quick": True}])
def test_what_is_about_edited_pictures_is_refused(gold_prior, distilled, chosen):
    with pytest.raises(ConfigError, match=f"no --{next(iter(chosen))} .*edits no pictures"):
        distilled(vox_e, **chosen).check()


@pytest.mark.parametrize("method", METHODS)
def test_a_plan_shows_the_scene_and_changes_nothing(gold_prior, distilled, start, method):
    trainer = start(distilled(METHODS[method]))
    before = trainer.pipeline.model.field.grid.clone()
    with Image.open(trainer.show_plan()) as sheet:
        assert np.asarray(sheet.convert("RGB")).std() > 5
    assert torch.equal(trainer.pipeline.model.field.grid, before)
    assert not (trainer.base_dir / "edit.json").exists()
