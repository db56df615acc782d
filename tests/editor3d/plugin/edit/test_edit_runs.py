"""A whole edit of a tiny capture: what it edits, what it trains on and what it leaves behind."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from editor3d.errors import DataError
from editor3d.metrics.unavailable import Unavailable
from editor3d.plugin.bases.base import open_base, read_config
from editor3d.plugin.edit import patch_lpips
from editor3d.plugin.edit import pipeline as edit_pipeline
from editor3d.plugin.train import pictures
from editor3d.provenance.reading import verify
from editor3d.run import checkpoints
from editor3d.run.record import read_record


def test_an_edit_leaves_its_results(tiny_edit, tiny_base, start, training_pictures, photographs):
    trainer = start(tiny_edit(turntable_frames=4))
    assert trainer.fit()
    run = trainer.base_dir
    for name in ("before_after.png", "turntable.mp4", "edit.json", "config.yml", "dataparser_transforms.json"):
        assert (run / name).stat().st_size > 0, name
    record = read_record(run / "edit.json")
    names = [view.name for view in trainer.pipeline.train_views]
    assert sorted(record.edited_views) == sorted(names)
    assert [edit.view for edit in record.edits] == names  # a final editor edits each view once
    assert record.steps == 6
    assert record.base == str(checkpoints.latest_checkpoint(tiny_base))
    assert (record.instruction, record.editor) == ("make it look like winter", "procedural")
    for name, picture in zip(names, training_pictures(trainer), strict=True):
        published = np.array(Image.open(run / "edited" / f"{name}.png"))
        assert np.array_equal(published, picture.numpy()), name
    assert not np.array_equal(training_pictures(trainer)[0], photographs(trainer)[0])
    for path in (run / "before_after.png", run / "turntable.mp4", run / "edited" / f"{names[0]}.png"):
        found = verify(path)
        assert found.unchanged, found.faults
        assert found.edit["instruction"] == record.instruction
        assert (found.edit["editor"], found.edit["method"]) == ("procedural", record.method)
        assert len(found.edit["capture"]) == 64
    with pytest.raises(DataError):  # the scene before is no edit
        verify(run / "before" / f"{record.metrics['views'][0]}.png")


def test_results_are_not_signed_where_that_was_not_wanted(tiny_edit, start):
    config = tiny_edit(turntable_frames=0, steps=1)
    config.options = replace(config.options, provenance=False)
    trainer = start(config)
    assert trainer.fit()
    with pytest.raises(DataError):
        verify(trainer.base_dir / "before_after.png")


def test_the_editor_gets_the_field_as_it_is_now_and_the_photograph(
    tiny_edit, recorder, start, training_pictures, photographs
):
    pipeline = {"edit_rate": 1, "guidance_scale": 9.0, "schedule": "cyclic"}
    trainer = start(tiny_edit(editor="recorder", pipeline=pipeline, steps=4))
    renders = []
    updater = trainer.pipeline.updater
    original = updater.before_step

    def before_step(step: int) -> int:
        renders.append(trainer.pipeline.render_view(trainer.pipeline.datamanager.train_dataset.cameras, step)["rgb"])
        return original(step)

    updater.before_step = before_step
    assert trainer.fit()
    assert len(recorder.requests) == 4
    for request, render, photograph in zip(recorder.requests, renders, photographs(trainer), strict=False):
        assert torch.equal(request.render, render)
        assert torch.equal(request.condition, photograph.float() / 255.0)
        assert request.guidance_scale == 9.0
        assert 0.02 <= request.noise_level <= 0.98
    assert not torch.equal(
        renders[0], trainer.pipeline.render_view(trainer.pipeline.datamanager.train_dataset.cameras, 0)["rgb"]
    )
    for picture, photograph in zip(training_pictures(trainer), photographs(trainer), strict=True):
        assert torch.equal(picture, photograph)  # the identity changes nothing that is trained on


def test_the_next_batch_sees_an_edited_picture(tiny_edit, start, edit_before_step_0, training_pictures, photographs):
    trainer = start(tiny_edit())
    pipeline = trainer.pipeline
    edit_before_step_0(trainer)
    live = training_pictures(trainer)
    batch = pipeline.datamanager.next_train(0)[1]
    expected = torch.stack([live[view][y, x] for view, y, x in batch["indices"].tolist()]).float() / 255.0
    assert torch.equal(batch["image"], expected)
    assert not all(torch.equal(a, b) for a, b in zip(live, photographs(trainer), strict=True))


def test_the_configuration_of_a_run_is_read_back(tiny_edit, start):
    trainer = start(tiny_edit())
    read = read_config(trainer.base_dir / "config.yml")
    assert read == replace(trainer.config)
    assert open_base(read.load_checkpoint).checkpoint == read.load_checkpoint


@pytest.mark.parametrize(
    ("own", "chosen", "said"),
    [
        ({}, "original", "the original photographs: the instruction is about the whole picture"),
        ({"instruction": "make the ball gold"}, "base", "renders of the base: the instruction is about ball"),
        ({"pipeline": {"condition_on": "base"}}, "base", "renders of the base: as requested"),
    ],
)
def test_what_is_edited_and_how_is_said_and_recorded(tiny_edit, capsys, own, chosen, said, start):
    settings = {"guidance_scale": 8.5, "image_guidance_scale": 1.25, "diffusion_steps": 12, "edit_rate": 3}
    trainer = start(tiny_edit(**{**own, "pipeline": {**settings, **own.get("pipeline", {})}}))
    assert trainer.fit()
    assert " ".join(capsys.readouterr().out.split()).count(f"Edits change {said}") == 1
    record = read_record(trainer.base_dir / "edit.json")
    assert record.condition_on == chosen
    assert record.condition_reason
    assert record.condition_reason in said or said.endswith("about ball")
    assert (record.guidance_scale, record.image_guidance_scale, record.diffusion_steps) == (8.5, 1.25, 12)
    assert record.schedule == {
        "kind": "all-at-once",
        "edit_rate": 3,
        "edit_count": 1,
        "lower_bound": 0.02,
        "upper_bound": 0.98,
        "noise": "uniform",
    }
    assert record.lpips == "off"
    assert all(edit.instruction is None for edit in record.edits)


@pytest.mark.parametrize("there", [True, False])
def test_what_became_of_lpips_is_recorded(tiny_edit, monkeypatch, there, start):
    found = Path("lpips") if there else Unavailable("no weights of LPIPS", "fetch them")
    monkeypatch.setattr(patch_lpips, "lpips_weights", lambda: found)
    monkeypatch.setattr(patch_lpips, "lpips_loss", lambda rendered, wanted: (rendered - wanted).abs().mean())
    monkeypatch.setattr(edit_pipeline, "LPIPS_PATCH", 8)
    trainer = start(tiny_edit(pipeline={"lpips_weight": 1.0}, steps=1))
    assert trainer.fit()
    recorded = read_record(trainer.base_dir / "edit.json").lpips
    assert recorded == ("used" if there else "left out: no weights of LPIPS")


def test_loading_is_part_of_an_edits_time_also_when_it_goes_on(tiny_edit, monkeypatch, start, stop_after_one_step):
    read = pictures.read_image

    def slowly(*args):
        time.sleep(0.05)
        return read(*args)

    monkeypatch.setattr(pictures, "read_image", slowly)
    trainer = start(tiny_edit(steps=3))
    loading = 0.05 * len(trainer.pipeline.train_views)
    assert loading <= trainer.pipeline.stopwatch.seconds["rays"] <= trainer.clock.seconds
    stop_after_one_step(trainer)
    assert not trainer.fit()
    resumed = read_config(trainer.base_dir / "config.yml").setup(local_rank=0, world_size=1)
    resumed.prepare()
    assert resumed.fit()
    spent = resumed.pipeline.stopwatch.seconds
    assert spent["rays"] >= 2 * loading
    assert sum(spent.values()) <= resumed.clock.seconds
    times = read_record(trainer.base_dir / "edit.json").times
    assert times.other >= spent["rays"]
    assert times.total >= sum(spent.values())
