"""Which pictures an edit changes and trains on: photographs or renders of the base, all of them or an object's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from editor3d.plugin.bases.base import read_config


def test_conditions_can_be_renders_of_the_base(tiny_edit, recorder, start):
    pipeline = {"edit_rate": 1, "condition_on": "base", "schedule": "cyclic"}
    trainer = start(tiny_edit(editor="recorder", pipeline=pipeline, steps=3))
    cameras = trainer.pipeline.datamanager.train_dataset.cameras
    base = [trainer.pipeline.render_view(cameras, index)["rgb"] for index in range(3)]
    assert trainer.fit()
    for request, render in zip(recorder.requests, base, strict=True):
        assert (request.condition - render.clamp(0, 1)).abs().max() <= 0.5 / 255 + 1e-6
    assert torch.equal(recorder.requests[0].render, base[0])


def test_an_edit_of_an_edit_is_conditioned_on_the_first_result(
    tiny_edit, recorder, start, edit_before_step_0, photographs
):
    first = start(tiny_edit(editor="recorder", timestamp="first", steps=2))
    assert first.fit()
    recorder.requests.clear()
    second = start(tiny_edit(editor="recorder", timestamp="second", steps=2, load_dir=first.base_dir))
    assert second.base.is_edit
    cameras = second.pipeline.datamanager.train_dataset.cameras
    rendered = second.pipeline.render_view(cameras, 0)["rgb"]
    edit_before_step_0(second)
    assert (recorder.requests[0].condition - rendered.clamp(0, 1)).abs().max() <= 0.5 / 255 + 1e-6

    recorder.requests.clear()
    asked = {"condition_on": "original"}
    third = start(tiny_edit(editor="recorder", timestamp="third", steps=2, load_dir=first.base_dir, pipeline=asked))
    edit_before_step_0(third)
    assert torch.equal(recorder.requests[0].condition, photographs(third)[0].float() / 255.0)


@pytest.mark.parametrize("condition_on", ["original", "auto"])
def test_an_object_is_edited_inside_its_mask_only(
    condition_on, tiny_edit, tiny_capture, start, edit_before_step_0, training_pictures
):
    trainer = start(tiny_edit(instruction="make the ball gold", pipeline={"condition_on": condition_on}))
    unedited = [picture.clone() for picture in training_pictures(trainer)]
    edit_before_step_0(trainer)
    for view, live, before in zip(trainer.pipeline.train_views, training_pictures(trainer), unedited, strict=True):
        inside = torch.from_numpy(np.array(Image.open(view.labels_path)) == 1)
        assert torch.equal(live[~inside], before[~inside])
        assert not torch.equal(live[inside], before[inside])


def test_an_edit_of_an_object_leaves_the_rest_as_the_base_shows_it(tiny_edit, tiny_capture, start, training_pictures):
    trainer = start(tiny_edit(instruction="make the ball gold"))
    cameras = trainer.pipeline.datamanager.train_dataset.cameras
    for index, live in enumerate(training_pictures(trainer)):
        render = trainer.pipeline.render_view(cameras, index)["rgb"]
        assert torch.equal(live, (render.clamp(0, 1) * 255).round().to(torch.uint8))


@pytest.fixture
def capture_of(own_capture: Path, change_transforms) -> Callable[[str], Path]:
    """A function of a name: the capture with its one object so called."""

    def rename(name: str) -> Path:
        change_transforms(own_capture, lambda data: data.update(objects={name: 1}))
        return own_capture

    return rename


@pytest.mark.parametrize(
    ("name", "instruction"),
    [
        ("mug", "make the cup gold"),
        ("ball", "make the balls gold"),
        ("books", "make the book gold"),
        ("book.001", "make the book gold"),
        ("toy duck", "make the duck gold"),
    ],
)
def test_an_object_named_in_other_words_leaves_the_rest_as_the_base_shows_it(
    tiny_edit, capture_of, name, instruction, start, edit_before_step_0, training_pictures, photographs
):
    trainer = start(tiny_edit(data=capture_of(name), instruction=instruction))
    renders = training_pictures(trainer)
    assert not any(torch.equal(a, b) for a, b in zip(renders, photographs(trainer), strict=True))
    edit_before_step_0(trainer)
    for view, live, render in zip(trainer.pipeline.train_views, training_pictures(trainer), renders, strict=True):
        inside = torch.from_numpy(np.array(Image.open(view.labels_path)) == 1)
        assert torch.equal(live[~inside], render[~inside])
        assert not torch.equal(live[inside], render[inside])
    plan = read_config(trainer.base_dir / "config.yml").pipeline.plan
    assert plan.condition_on == "base"
    assert name in plan.reasons["condition_on"]


@pytest.mark.parametrize("instruction", ["make it gold", "make the cup gold and let it snow", "make the scene gold"])
def test_what_changes_the_whole_picture_is_trained_on_photographs(
    tiny_edit, capture_of, instruction, start, training_pictures, photographs
):
    trainer = start(tiny_edit(data=capture_of("mug"), instruction=instruction))
    assert trainer.pipeline.plan.condition_on == "original"
    for picture, photograph in zip(training_pictures(trainer), photographs(trainer), strict=True):
        assert torch.equal(picture, photograph)
