"""Edits of a voxel field that are kept to a region: what lies outside keeps every bit, also when a run goes on."""

from __future__ import annotations

import pytest
import torch

from editor3d.errors import RegionError
from editor3d.plugin.results.evaluate import evaluate
from editor3d.run.record import read_record

REGIONS = ["sphere:0,0,0,0.6", "object:ball"]


@pytest.mark.parametrize("region", REGIONS)
def test_voxels_outside_keep_every_bit(tiny_edit, start, region):
    trainer = start(tiny_edit(region=region))
    model = trainer.pipeline.model
    before, frozen = model.field.grid.detach().clone(), model.counters()["frozen"].clone()
    assert 0 < int(frozen.sum()) < len(frozen)
    assert trainer.fit()
    changed = (model.field.grid.detach() != before).any(-1).flatten()
    assert changed.any()
    assert not changed[frozen].any()
    said = read_record(trainer.base_dir / "edit.json").region
    assert (said["parts"], said["of"]) == (int((~frozen).sum()), len(frozen))


@pytest.mark.parametrize("region", ["sphere:0,0,0.5,0.3", "sphere:0,0,0.4,0.2"])
def test_pixels_that_the_region_does_not_reach_are_bit_equal(tiny_edit, start, region):
    trainer = start(tiny_edit(region=region))
    model, cameras = trainer.pipeline.model, trainer.pipeline.datamanager.eval_dataset.cameras
    model.eval()
    renders = [model.get_outputs_for_camera(cameras[i : i + 1])["rgb"] for i in range(len(cameras))]
    touched = [model.region_touches(cameras[i : i + 1]) for i in range(len(cameras))]
    assert trainer.fit()
    model.eval()
    outside, inside = [], []
    for i, (before, old) in enumerate(zip(renders, touched, strict=True)):
        camera = cameras[i : i + 1]
        reached = old | model.region_touches(camera)
        difference = (model.get_outputs_for_camera(camera)["rgb"] - before).abs().amax(-1)
        outside.append(difference[~reached])
        inside.append(difference[reached])
    assert len(torch.cat(outside)) > 50
    assert float(torch.cat(outside).max()) < 2e-3  # shares are exact to within 1e-3
    assert float(torch.cat(inside).max()) > 4e-3


def test_the_report_judges_inside_and_outside(tiny_edit, start):
    trainer = start(tiny_edit(region="object:ball", steps=12))
    assert trainer.fit()
    report = evaluate(trainer.base_dir)
    assert all(change.locality > 35 for change in report.change.views.values())


def test_a_run_that_goes_on_keeps_the_same_voxels_frozen(tiny_edit, start, stop_before):
    whole = start(tiny_edit(region="object:ball", steps=6))
    assert whole.fit()
    config = tiny_edit(region="object:ball", steps=6)
    config.output_dir = config.output_dir / "again"
    stopped = start(config)
    stop_before(stopped, 3)
    assert not stopped.fit()
    again = start(config)
    assert torch.equal(again.pipeline.model.counters()["frozen"], whole.pipeline.model.counters()["frozen"])
    assert again.fit()
    assert torch.equal(again.pipeline.model.field.grid, whole.pipeline.model.field.grid)


def test_a_region_of_nothing_is_refused(tiny_edit, start):
    with pytest.raises(RegionError, match="found none of"):
        start(tiny_edit(region="sphere:0.001,0.0013,0.0017,1e-7"))
