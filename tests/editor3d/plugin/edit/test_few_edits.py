"""Edits of a few views that are carried over to the others: what is announced, what is made, and what survives."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from editor3d.api import resume
from editor3d.editors import EDITORS, EditorEntry
from editor3d.editors.procedural.editor import ProceduralEditor
from editor3d.errors import ConfigError
from editor3d.plugin.edit.settings import EditPipelineConfig
from editor3d.run import checkpoints, events
from editor3d.types import EditorInfo
from lab.references.contents import content


class Counting:
    """A paid editor: it counts what it is asked for, and can fail at one of them."""

    def __init__(self) -> None:
        self.info = replace(
            EDITORS["procedural"].info,
            name="counting",
            remote=True,
            price=0.25,
            effortless=False,
            tells_objects=False,
            uses_geometry=False,
        )
        self.asked: list[str] = []

    def validate(self, instruction, objects, views) -> None:
        pass

    def edit(self, request):
        self.asked.append(request.view)
        return ProceduralEditor().edit(request)


@pytest.fixture
def counting(monkeypatch) -> Counting:
    made = Counting()
    monkeypatch.setitem(EDITORS, "counting", EditorEntry(made.info, "unused:unused"))
    monkeypatch.setattr(EditPipelineConfig, "create_editor", lambda self, spec, device: made)
    return made


def events_in(path) -> list:
    return list(events.read(path.read_bytes().splitlines(keepends=True)))


def test_no_more_is_paid_than_was_announced(tiny_edit, start, counting, tmp_path):
    with events.writing(str(tmp_path / "events")):
        trainer = start(tiny_edit(editor="counting", edits=4, steps=4))
        assert trainer.fit()
    (plan,) = [event for event in events_in(tmp_path / "events") if isinstance(event, events.Plan)]
    assert plan.edits == len(counting.asked) == 4
    assert list(plan.views) == counting.asked
    assert plan.cost == 1.0
    record = json.loads((trainer.base_dir / "edit.json").read_text())
    assert record["counts"]["edits_2d"] == 4
    assert [key["view"] for key in record["notes"]["keys"]["accepted"]] == counting.asked


def test_all_views_are_trained_on_what_keys_say(tiny_edit, start, counting, training_pictures, photographs):
    trainer = start(tiny_edit(editor="counting", edits=5, steps=1))
    assert trainer.fit()
    pictures = trainer.pipeline.datamanager.train_pictures
    keys = {trainer.pipeline.train_views[i].name for i in trainer.pipeline.updater.keys.order}
    for index, (now, before) in enumerate(zip(training_pictures(trainer), photographs(trainer), strict=True)):
        assert not torch.equal(now, before)
        if trainer.pipeline.train_views[index].name in keys:
            assert bool((pictures.weight(index) == 255).all())
    assert bool((pictures.weights < 255).any())


def test_an_interrupted_edit_pays_for_no_picture_twice(tiny_edit, start, counting, same_state):
    whole = start(tiny_edit(editor="counting", edits=4, steps=4, timestamp="whole"))
    assert whole.fit()
    expected, counting.asked = counting.asked, []
    for place in range(4):
        trainer = start(tiny_edit(editor="counting", edits=4, steps=4, timestamp="cut"))

        def stop(done: int, due: int, trainer=trainer) -> None:
            trainer.stop_training = True

        trainer.pipeline.updater.on_progress = stop
        trainer.fit()
        assert len(counting.asked) <= place + 1
    trainer = start(tiny_edit(editor="counting", edits=4, steps=4, timestamp="cut"))
    assert trainer.fit()
    assert counting.asked == expected
    one, other = (checkpoints.load(checkpoints.latest_checkpoint(t.checkpoint_dir)) for t in (trainer, whole))
    for part in ("pipeline", "optimizers", "generators", "extra"):
        same_state(one[part], other[part])
    for folder in ("edited", "targets", "edit_state"):
        expected = {path.name: content(path) for path in (whole.base_dir / folder).rglob("*.png")}
        assert expected
        assert expected == {path.name: content(path) for path in (trainer.base_dir / folder).rglob("*.png")}


@pytest.mark.parametrize("alike", [True, False])
def test_keys_are_edited_by_the_anchors_seed_where_that_makes_edits_alike(tiny_edit, start, counting, alike):
    counting.info = replace(counting.info, varies_with_seed=True, alike_by_seed=alike)
    trainer = start(tiny_edit(editor="counting", edits=3, steps=1))
    assert trainer.fit()
    anchor, *others = trainer.pipeline.updater.state.edits
    first = {edit.view: edit.seed for edit in reversed(others)}  # later ones repeat an edit that was not right
    assert len(first) >= 2
    assert all((seed == anchor.seed) == alike for seed in first.values())


def test_the_first_edit_is_shown_and_accepted_or_made_again(tiny_edit, start, counting, monkeypatch):
    config = tiny_edit(editor="counting", edits=3, steps=2, approve=True)
    trainer = start(config)
    assert not trainer.fit()
    assert trainer.awaited.is_file()
    assert len(counting.asked) == 1
    with pytest.raises(ConfigError, match="got both"):
        resume(trainer.base_dir, accept=True, again=3)
    resume(trainer.base_dir, again=3)
    assert len(counting.asked) == 2
    done = resume(trainer.base_dir, accept=True)
    assert len(counting.asked) == 4
    assert [edit.seed for edit in done.record.edits][1] == 3
    assert done.record.steps == 2


def test_a_schedule_of_all_views_is_no_edit_by_keys(tiny_edit, start):
    trainer = start(tiny_edit(editor="procedural", edits="auto", steps=1))
    assert trainer.pipeline.plan.keys is None
    with pytest.raises(ConfigError, match="got all"):
        start(tiny_edit(editor="procedural", edits="all", approve=True))


def test_editors_that_differ_from_call_to_call_get_keys(tiny_edit, start):
    trainer = start(tiny_edit(editor="procedural-noisy", edits="auto", steps=1))
    assert trainer.pipeline.plan.keys.edits == 12
    assert EditorInfo("x", "", "").effortless is False
