"""Edits of what masks show: the selected Gaussians change, and so do their copies; every other number stays."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from editor3d.datasets import load_posed_images
from editor3d.errors import RegionError
from editor3d.plugin.confine.regions import kept_selection
from editor3d.plugin.edit.trainer import EditTrainer
from editor3d.run.record import read_record

from .frozen import assert_only_the_free_change

KILL = "lambda original, *a, **k: os.kill(os.getpid(), 9)"
HOOKS = "from editor3d.plugin.train.trainer import PluginTrainer"


def start(config):
    config.save_config()
    trainer = config.setup(local_rank=0, world_size=1)
    trainer.prepare()
    return trainer


def growing(config, kind: str = "default"):
    strategy = config.pipeline.model.strategy
    strategy.kind, strategy.grow_grad2d, strategy.prune_opacity = kind, 1e-7, 0.05
    return config


@pytest.fixture
def mask_folder(tiny_capture, tmp_path):
    """The labels of the capture's ball as masks of three training views."""
    folder = tmp_path / "masks"
    folder.mkdir()
    for view in load_posed_images(tiny_capture).train_views[:3]:
        labels = np.array(Image.open(view.labels_path))
        Image.fromarray((labels == 1).astype(np.uint8) * 255).save(folder / f"{view.name}.png")
    return folder


def combined(folder) -> str:
    below = {"type": "box", "center": [0, 0, -5], "half_extents": [9, 9, 5]}
    parts = [{"type": "object", "name": "ball"}, {"type": "invert", "region": below}]
    return json.dumps({"type": "intersection", "regions": parts})


REGIONS = {"object": lambda folder: "object:ball", "masks": lambda folder: f"masks:{folder}", "combined": combined}


@pytest.mark.parametrize(
    ("region", "kind"), [("object", "default"), ("object", "mcmc"), ("masks", "none"), ("combined", "default")]
)
def test_what_is_not_selected_keeps_every_number(splat_edit, mask_folder, region, kind):
    assert_only_the_free_change(
        start(growing(splat_edit(region=REGIONS[region](mask_folder), editor="procedural-noisy"), kind))
    )


def test_what_is_selected_is_what_the_labels_show(splat_edit):
    trainer = start(splat_edit(region="object:ball"))
    free = ~trainer.pipeline.model.strategy_state["frozen"]
    outputs = trainer.pipeline.datamanager.train_dataparser_outputs
    centre = outputs.dataparser_transform[:, 3] * outputs.dataparser_scale  # of the ball, which is at the origin
    distance = (trainer.pipeline.model.means.detach() - centre).norm(dim=-1) / outputs.dataparser_scale
    assert float(distance[free].median()) < 0.7
    assert float(distance[~free].median()) > 1.0


def test_copies_of_what_is_selected_belong_to_it(splat_edit, monkeypatch):
    monkeypatch.setattr(EditTrainer, "keeps_shape", lambda self: False)  # else colours alone are trained
    trainer = start(growing(splat_edit(region="object:ball", editor="procedural-noisy")))
    before = len(trainer.pipeline.model.means)
    assert trainer.fit()
    model = trainer.pipeline.model
    assert model.num_points != before
    assert model.growth.region is None  # nothing is brought back: a selection has no border


def test_the_record_says_what_was_selected(splat_edit):
    trainer = start(splat_edit(region="object:ball", steps=2))
    assert trainer.fit()
    free = int((~trainer.pipeline.model.strategy_state["frozen"]).sum())
    said = read_record(trainer.base_dir / "edit.json").region
    assert said == {"type": "object", "name": "ball", "parts": free, "of": 1500, "threshold": 0.5}
    assert int(kept_selection(trainer.base_dir / "regions").sum()) == free


def test_a_run_goes_on_without_its_masks(splat_edit, mask_folder):
    """What is selected is part of the run: masks that are gone, or votes of the edited scene, change nothing."""
    config = growing(splat_edit(region=f"masks:{mask_folder}", editor="procedural-noisy", steps=8, steps_per_save=3))
    trainer = start(config)
    trainer.train_iteration_ = trainer.train_iteration

    def stop_after_five(step):
        trainer.stop_training = step == 4
        return trainer.train_iteration_(step)

    trainer.train_iteration = stop_after_five
    assert not trainer.fit()
    frozen = trainer.pipeline.model.strategy_state["frozen"].clone()
    shutil.rmtree(mask_folder)
    resumed = start(config)
    assert torch.equal(resumed.pipeline.model.strategy_state["frozen"], frozen)
    assert resumed.fit()


@pytest.mark.parametrize(
    ("region", "match"),
    [("object:cube", "its objects are ball"), ("masks:nowhere", "found none"), ("sphere:1,2", "numbers")],
)
def test_what_the_capture_does_not_have_is_refused_before_anything_is_written(splat_edit, region, match):
    config = splat_edit(region=region)
    with pytest.raises(RegionError, match=match):
        config.check()
    assert not config.get_base_dir().exists()


def test_masks_that_no_gaussian_lies_behind_are_refused(splat_edit, tiny_capture, tmp_path):
    view = load_posed_images(tiny_capture).train_views[0]
    mask = np.zeros((20, 24), np.uint8)
    mask[0, 0] = 255  # one pixel of the sky
    folder = tmp_path / "corner"
    folder.mkdir()
    others = {v.name: np.zeros_like(mask) for v in load_posed_images(tiny_capture).train_views}
    for name, picture in {**others, view.name: mask}.items():
        Image.fromarray(picture).save(folder / f"{name}.png")
    with pytest.raises(RegionError, match="none of its 1500"):
        start(splat_edit(region=f"masks:{folder}"))


@pytest.mark.slow
def test_a_killed_edit_of_an_object_goes_on_as_if_nothing_had_happened(splat_edit, lab, saved, same_runs):
    settings = {"editor": "procedural-noisy", "steps": 8, "steps_per_save": 3, "region": "object:ball"}
    whole, killed = (growing(splat_edit(**settings, timestamp=name)) for name in ("whole", "killed"))
    result = lab.run("run(load(path))", path=saved(whole))
    assert result.code == 0, result.stderr
    path = saved(killed)
    code = f"{HOOKS}\nat(PluginTrainer, 'train_iteration', 6, {KILL})\nrun(load(path))"
    assert lab.run(code, path=path).code == -9
    result = lab.run("run(load(path))", path=path)
    assert result.code == 0, result.stderr
    same_runs(killed.get_base_dir(), whole.get_base_dir())
