"""NeRF-Insert on a tiny scene: where it paints, what stays, and that a run goes on as it began."""

from __future__ import annotations

import pytest
import torch

from editor3d.errors import ConfigError, DataError, InstructionError, RegionError
from editor3d.plugin.confine.masks import dilated, look_at
from editor3d.plugin.views.rays import LensTable, camera_rays
from editor3d.run.record import read_record
from editor3d.types import SceneCapabilities
from nerf_methods.nerf_insert.pipeline import InsertPipelineConfig
from nerf_methods.voxel.model import VoxelModel


def test_voxels_outside_keep_every_bit_and_inside_become_red(insertion, start):
    trainer = start(insertion(steps=40))
    field = trainer.pipeline.model.field
    frozen, before = trainer.pipeline.model.counters()["frozen"].clone(), field.grid.detach().clone()
    assert trainer.fit()
    changed = (field.grid.detach() != before).any(-1).flatten()
    assert changed.any()
    assert not changed[frozen].any()
    redder = (field.grid.detach() - before)[..., 1:].view(-1, 3)[changed].mean(0)
    assert redder[0] > redder[1]
    record = read_record(trainer.base_dir / "edit.json")
    assert record.region["parts"] == int((~frozen).sum())
    assert record.editor == "procedural-insert"


def test_few_edits_make_an_insertion(insertion, start):
    trainer = start(insertion(edits=3, steps=6))
    field = trainer.pipeline.model.field
    frozen, before = trainer.pipeline.model.counters()["frozen"].clone(), field.grid.detach().clone()
    assert trainer.fit()
    changed = (field.grid.detach() != before).any(-1).flatten()
    assert changed.any()
    assert not changed[frozen].any()
    record = read_record(trainer.base_dir / "edit.json")
    assert 1 <= len(record.edits) <= 3
    assert record.notes["keys"]["rounds"] == 3  # the scene's own shape carries it over twice


def test_masks_are_what_rendering_the_region_opaque_would_show(insertion, start):
    """By the formula of the paper: the region white and dense in the scene's own density, the rest black."""
    pipeline = start(insertion()).pipeline
    model, space, cameras = pipeline.model.eval(), pipeline.space, pipeline.datamanager.train_dataset.cameras
    for index in range(3):
        seen = look_at(model, cameras[index : index + 1], space, LensTable())
        rays = camera_rays(cameras, index, LensTable(), "cpu")
        t = torch.linspace(0.02, 4.0, 1500)
        points = rays.origins[:, None] + t[:, None] * rays.directions[:, None]
        inside = space.contains(points)
        density = torch.where(inside, 400.0 / 0.02, model.field.density_and_color(points)[0][..., 0])
        alpha = 1 - torch.exp(-density * (t[1] - t[0]))
        weights = alpha * torch.cat([torch.ones(len(alpha), 1), (1 - alpha).cumprod(1)[:, :-1]], 1)
        white = (weights * inside).sum(1).view(seen.mask.shape)
        clear = (white < 0.4) | (white > 0.6)
        assert (seen.mask == (white > 0.5))[clear].float().mean() > 0.97


def test_views_that_show_little_of_it_are_left_as_they_are(insertion, start):
    pipeline = start(insertion()).pipeline
    shares = {
        view.name: float(mask.float().mean()) for view, mask in zip(pipeline.train_views, pipeline._masks, strict=True)
    }
    least = sorted(shares.values())[len(shares) // 2]
    trainer = start(insertion({"min_mask": least}, timestamp="other"))
    assert trainer.fit()
    edited = {edit.view for edit in read_record(trainer.base_dir / "edit.json").edits}
    assert edited == {name for name, share in shares.items() if share >= least}
    assert 0 < len(edited) < len(shares)


def test_a_stopped_run_ends_as_one_that_was_not(insertion, start, stop_before, tmp_path):
    whole = start(insertion())
    assert whole.fit()
    config = insertion()
    config.output_dir = tmp_path / "again"
    stopped = start(config)
    stop_before(stopped, 4)
    assert not stopped.fit()
    again = start(config)
    assert again.fit()
    assert torch.equal(again.pipeline.model.field.grid, whole.pipeline.model.field.grid)


@pytest.mark.parametrize(
    ("own", "pipeline", "error", "says"),
    [
        ({"region": None}, {}, RegionError, "region"),
        ({"region": "object:ball"}, {}, RegionError, "what pictures show"),
        ({"region": "box:9,9,9,0.1,0.1,0.1"}, {}, DataError, "none of"),
        ({"instruction": "a dragon"}, {}, InstructionError, "dragon"),
        ({}, {"mask_rays": 2.0}, ConfigError, "mask-rays"),
        ({"region": '{"type": "invert", "region": {"type": "sphere", "center": [0,0,0], "radius": 1}}'}, {},
         RegionError, "ends somewhere"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_one_sentence(insertion, start, own, pipeline, error, says):
    with pytest.raises(error, match=says):
        start(insertion(pipeline, **own))


def test_masks_widen_by_a_disc():
    mask = torch.zeros(21, 21, dtype=torch.bool)
    mask[10, 10] = True
    y, x = torch.meshgrid(torch.arange(21) - 10, torch.arange(21) - 10, indexing="ij")
    assert torch.equal(dilated(mask, 4), x * x + y * y <= 16)
    assert not dilated(torch.zeros(5, 5, dtype=torch.bool), 3).any()


def test_noise_falls_as_the_paper_says():
    schedule = InsertPipelineConfig(upper_bound=1.0, noise_schedule="sqrt", edit_rate=1, schedule="all-at-once")
    from editor3d.editors import EDITORS

    planned = schedule.schedule_for(EDITORS["procedural-insert"].info)
    generator = torch.Generator().manual_seed(0)
    levels = [planned.plan(step, 100, 0, 1, generator)[0].noise_level for step in (0, 25, 64, 99)]
    assert levels == pytest.approx([1.0, 0.6, 0.36, 1 - 0.8 * 0.99**0.5], abs=6e-4)


def test_a_scene_of_another_kind_is_refused(insertion, start, monkeypatch):
    config = insertion()
    monkeypatch.setattr(VoxelModel, "capabilities", SceneCapabilities())
    with pytest.raises(RegionError, match="radiance field"):
        start(config)


def test_other_methods_do_not_put_things_in(tiny_edit):
    with pytest.raises(ConfigError, match="nerf-insert"):
        tiny_edit(editor="procedural-insert", instruction="a red ball").check()


@pytest.mark.parametrize("region", ["object:ball", "masks:nowhere"])
def test_a_region_that_is_no_shape_is_refused_before_anything_is_made(insertion, region):
    config = insertion(region=region, load_dir=None)
    with pytest.raises(RegionError, match="what pictures show"):
        config.check()
    assert not config.output_dir.exists()
