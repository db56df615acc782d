"""Another instruction in the course of an edit: what was left open is chosen as a new edit would choose it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from editor3d import api
from editor3d.plan import EditPlan
from editor3d.plugin.bases.base import read_config
from editor3d.plugin.edit import settings as edit_settings
from editor3d.plugin.edit.conditions import CONDITIONS, with_detail
from editor3d.run import checkpoints
from editor3d.run.checkpoints import latest_checkpoint
from editor3d.run.record import read_record

OBJECT, WHOLE = "make the ball gold", "make it night"
CYCLIC = {"schedule": "cyclic", "edit_rate": 1, "edit_count": 1}
"""One edit before each step."""


def eight_bits(render: torch.Tensor) -> torch.Tensor:
    return (render.clamp(0, 1) * 255).round().to(torch.uint8)


def condition(trainer, index: int) -> torch.Tensor:
    """The picture that the next edit of a view changes: [H, W, 3] uint8."""
    return eight_bits(trainer.pipeline.updater.scene.condition(index))


@pytest.fixture
def renders(tiny_edit, start) -> list[torch.Tensor]:
    """What the base shows of the training views: [H, W, 3] uint8."""
    pipeline = start(tiny_edit(timestamp="base-only")).pipeline
    cameras = pipeline.datamanager.train_dataset.cameras
    return [eight_bits(pipeline.render_view(cameras, index)["rgb"]) for index in range(len(cameras))]


@pytest.fixture
def after_step():
    """Lets something be done after a step of a trainer, between two steps as the viewer's callbacks do it."""

    def arrange(trainer, step: int, act) -> None:
        train = trainer.train_iteration

        def train_then_act(now: int):
            result = train(now)
            if now == step:
                act()
            return result

        trainer.train_iteration = train_then_act

    return arrange


def apply(trainer, instruction: str, **scales: float) -> None:
    """What a person does in the panel."""
    panel = trainer.pipeline.edit_panel
    panel.instruction.value = instruction
    for name, value in scales.items():
        getattr(panel, name).value = value
    panel.apply_button.cb_hook(panel.apply_button)


def test_an_object_is_edited_in_renders_of_the_base_and_views_without_an_edit_show_it(
    tiny_edit, start, renders, after_step, training_pictures, photographs
):
    trainer = start(tiny_edit(instruction=WHOLE, editor="procedural-noisy", steps=8, pipeline=CYCLIC))
    assert torch.equal(condition(trainer, 0), photographs(trainer)[0])
    after_step(trainer, 1, lambda: apply(trainer, OBJECT))  # two views are edited by then
    seen = {}
    after_step(trainer, 2, lambda: seen.update(pictures=training_pictures(trainer), grid=grid(trainer)))
    assert trainer.fit()
    for index, render in enumerate(renders):
        assert torch.equal(condition(trainer, index), render)
    for render, picture in list(zip(renders, seen["pictures"], strict=True))[2:]:
        assert torch.equal(picture, render)
    ball = np.array(Image.open(trainer.pipeline.train_views[0].labels_path)) == 1
    assert torch.equal(seen["pictures"][0][~ball], renders[0][~ball])  # the first view, edited anew
    assert not torch.equal(seen["pictures"][1], renders[1])  # still the earlier edit
    assert not torch.equal(grid(trainer), seen["grid"])  # it is the edited scene that is trained on
    record = read_record(trainer.base_dir / "edit.json")
    assert (record.instruction, record.condition_on) == (OBJECT, "base")
    assert "about ball" in record.condition_reason


def grid(trainer) -> torch.Tensor:
    return trainer.pipeline.model.field.grid.detach().clone()


def test_the_whole_picture_is_edited_in_photographs_again(tiny_edit, start, renders, after_step, photographs, capsys):
    trainer = start(tiny_edit(instruction=OBJECT, editor="procedural-noisy", steps=5, pipeline=CYCLIC))
    assert torch.equal(condition(trainer, 0), renders[0])
    begun = (trainer.base_dir / "config.yml").read_bytes()
    after_step(trainer, 1, lambda: apply(trainer, WHOLE, guidance_scale=9.0))
    assert trainer.fit()
    assert torch.equal(condition(trainer, 0), photographs(trainer)[0])
    said = " ".join(capsys.readouterr().out.split())
    assert f'"{WHOLE}" by procedural-noisy (chosen by name)' in said
    assert "Edits change the original photographs: the instruction is about the whole picture" in said
    record = read_record(trainer.base_dir / "edit.json")
    assert (record.condition_on, record.guidance_scale) == ("original", 9.0)
    # the run's plan stays as it began; that of the other instruction is in the checkpoint
    assert (trainer.base_dir / "config.yml").read_bytes() == begun
    assert read_config(trainer.base_dir / "config.yml").pipeline.plan.instruction == OBJECT
    kept = EditPlan.from_state(checkpoints.load(latest_checkpoint(trainer.checkpoint_dir))["extra"]["plan"])
    assert (kept.instruction, kept.guidance_scale) == (WHOLE, 9.0)
    assert kept == trainer.pipeline.plan


def test_an_editor_of_small_copies_gets_the_photographs_detail_for_the_whole_picture(
    tiny_edit, small_editor, start, renders, after_step, photographs
):
    trainer = start(tiny_edit(instruction=OBJECT, editor="procedural-noisy", steps=5, pipeline=CYCLIC))
    assert torch.equal(condition(trainer, 0), renders[0])
    after_step(trainer, 1, lambda: apply(trainer, WHOLE))
    assert trainer.fit()
    for index, (render, photograph) in enumerate(zip(renders, photographs(trainer), strict=True)):
        assert torch.equal(condition(trainer, index), eight_bits(with_detail(render / 255.0, photograph / 255.0, 8)))
    assert read_record(trainer.base_dir / "edit.json").condition_on == "detailed"


@pytest.mark.parametrize("asked", ["original", "base", "detailed"])
def test_what_was_asked_for_by_name_stays(tiny_edit, start, after_step, asked):
    pipeline = {**CYCLIC, "condition_on": asked}
    trainer = start(tiny_edit(instruction=WHOLE, editor="procedural-noisy", steps=4, pipeline=pipeline))
    before = condition(trainer, 0)
    after_step(trainer, 1, lambda: apply(trainer, OBJECT))
    assert trainer.fit()
    assert torch.equal(condition(trainer, 0), before)
    record = read_record(trainer.base_dir / "edit.json")
    assert (record.condition_on, record.condition_reason) == (asked, "as requested")
    assert (record.editor, record.editor_reason) == ("procedural-noisy", "chosen by name")


def test_auto_looks_for_its_editor_again(tiny_edit, start, after_step, monkeypatch):
    monkeypatch.setattr(edit_settings, "resolve_auto", lambda: ("procedural", "there was no other"))
    trainer = start(tiny_edit(instruction=WHOLE, editor="auto", steps=5, pipeline={"edit_rate": 2}))
    assert trainer.pipeline.updater.schedule.kind == "all-at-once"

    def arrives() -> None:
        monkeypatch.setattr(edit_settings, "resolve_auto", lambda: ("procedural-noisy", "it has arrived"))
        apply(trainer, OBJECT)

    after_step(trainer, 1, arrives)
    assert trainer.fit()
    assert trainer.pipeline.updater.schedule.kind == "all-then-cyclic"
    record = read_record(trainer.base_dir / "edit.json")
    assert (record.editor, record.editor_reason) == ("procedural-noisy", "it has arrived")
    assert record.schedule["kind"] == "all-then-cyclic"
    assert trainer.pipeline.updater.editor.info.name == "procedural-noisy"


@pytest.mark.parametrize("obstacle", ["instruction", "disk"])
def test_what_cannot_be_gone_on_with_changes_nothing(
    tiny_edit, start, after_step, training_pictures, monkeypatch, obstacle
):
    trainer = start(tiny_edit(instruction=WHOLE, editor="procedural-noisy", steps=4, pipeline=CYCLIC))
    before, said = condition(trainer, 3), []
    monkeypatch.setattr(trainer.pipeline.edit_panel, "_say", said.append)

    def ask() -> None:
        if obstacle == "disk":
            (trainer.base_dir / CONDITIONS).write_text("in the way of the renders of the base")
        apply(trainer, OBJECT if obstacle == "disk" else "make it look like a xylophone quartet")

    after_step(trainer, 1, ask)
    assert trainer.fit()
    assert any(("xylophone" if obstacle == "instruction" else "Could not write") in text for text in said)
    assert torch.equal(condition(trainer, 3), before)
    record = read_record(trainer.base_dir / "edit.json")
    assert (record.instruction, record.condition_on) == (WHOLE, "original")
    assert "whole picture" in record.condition_reason
    assert len(record.edits) == 4
    assert all(edit.instruction is None for edit in record.edits)
    assert trainer.pipeline.plan.instruction == WHOLE


def test_a_run_goes_on_with_what_was_chosen_last(tiny_edit, start, renders, after_step, same_runs):
    def begin(name: str):
        trainer = start(
            tiny_edit(instruction=WHOLE, editor="procedural-noisy", steps=6, pipeline=CYCLIC, timestamp=name)
        )
        after_step(trainer, 1, lambda: apply(trainer, OBJECT))
        return trainer

    whole = begin("whole")
    assert whole.fit()
    stopped = begin("stopped")
    after_step(stopped, 3, lambda: setattr(stopped, "stop_training", True))
    assert not stopped.fit()
    edit = api.resume(stopped.base_dir)
    assert (edit.record.instruction, edit.record.condition_on) == (OBJECT, "base")
    same_runs(stopped.base_dir, whole.base_dir)
