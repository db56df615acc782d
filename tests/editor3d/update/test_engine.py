"""What the engine asks an editor for, and what it does with the answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from editor3d.errors import CheckpointError, DataError, InstructionError
from editor3d.host.stopwatch import Stopwatch
from editor3d.run.stopping import StepInterrupted
from editor3d.types import EditorInfo, EditRequest, Intrinsics, View, ViewGeometry
from editor3d.update.engine import TRIES, DatasetUpdater
from editor3d.update.instruction import check_instruction
from editor3d.update.scene import Guidance, Scene
from editor3d.update.schedule import Schedule
from editor3d.update.state import EditState, PictureStore

N_VIEWS = 4
SIZES = [(6, 5), (7, 5), (6, 5), (4, 8)]


class RecordingEditor:
    """Remembers its requests; returns a picture that depends on all of them."""

    def __init__(self, **capabilities) -> None:
        self.info = EditorInfo("recording", "", "", **capabilities)
        self.requests: list[EditRequest] = []

    def validate(self, instruction, objects, views) -> None:
        if not instruction:
            raise InstructionError("empty")
        if "ball" in instruction and "ball" not in objects:
            raise InstructionError("no ball")

    def edit(self, request: EditRequest):
        self.requests.append(request)
        return (request.condition + 0.1 * len(self.requests)) % 1.0


class FollowingEditor(RecordingEditor):
    """Follows the surface where the instruction is about a material."""

    def follows_surface(self, instruction, objects) -> bool:
        return "wood" in instruction


class IdentityEditor(RecordingEditor):
    def edit(self, request: EditRequest):
        return request.condition


class World:
    """Pictures, the live training pixels, and renders that tell how often the field has been trained."""

    def __init__(self, folder: Path, editor, schedule: Schedule, **guidance) -> None:
        self.views = [
            View(
                name=f"frames/view {i}",
                image_path=Path(f"{i}.png"),
                split="train",
                c2w=np.eye(4)[:3],
                labels_path=Path("l"),
                **vars(Intrinsics(w, h, 1, 1, 1, 1)),
            )
            for i, (w, h) in enumerate(SIZES)
        ]
        generator = torch.Generator().manual_seed(1)
        self.originals = [torch.randint(256, (h, w, 3), generator=generator, dtype=torch.uint8) for w, h in SIZES]
        self.live = [picture.clone() for picture in self.originals]
        self.field, self.folder = 0, folder
        self.updater = DatasetUpdater(
            Scene(
                views=self.views,
                render=self.render,
                condition=lambda index: self.originals[index].float() / 255.0,
                object_names=("ball",),
                objects=lambda index: {"ball": torch.full(SIZES[index][::-1], bool(index % 2))},
                store=lambda index, picture: self.live[index].copy_(picture),
            ),
            editor,
            Guidance("make it so", editor.info.name, **guidance),
            schedule,
            EditState(torch.Generator().manual_seed(7)),
            PictureStore(folder),
            total_steps=20,
            stopwatch=Stopwatch(),
        )

    def render(self, index: int) -> torch.Tensor:
        return torch.full((*SIZES[index][::-1], 3), (self.field * 10 + index) / 255.0)

    def train(self, steps: range) -> None:
        for step in steps:
            self.updater.before_step(step)
            self.field += 1


@pytest.mark.parametrize("instruction", ["make it wood", "make it blue"])
def test_geometry_is_taken_only_for_instructions_that_follow_the_surface(tmp_path, instruction, capsys):
    editor = FollowingEditor(uses_geometry=True)
    world = World(tmp_path, editor, Schedule(edit_rate=2))
    world.updater.guidance = replace(world.updater.guidance, instruction=instruction)
    requested: list[int] = []
    nothing = torch.zeros(3, dtype=torch.float64)
    geometry = ViewGeometry(nothing, torch.zeros(4, 4, 3), torch.zeros(4, 4), None, nothing, nothing, nothing)

    def known(index: int) -> ViewGeometry | None:
        requested.append(index)
        return geometry if index == 0 else None

    world.updater.scene = replace(world.updater.scene, geometry=known)
    world.train(range(8))
    follows = instruction == "make it wood"
    assert requested == ([0, 1, 2, 3] if follows else [])
    assert [request.geometry is geometry for request in editor.requests] == [follows, False, False, False]
    assert capsys.readouterr().err.count("follows the surface") == int(follows)  # once, though three views lack it


def test_requests_carry_the_current_render_and_the_original(tmp_path):
    editor = RecordingEditor(uses_render=True, uses_noise_level=True, varies_with_seed=True)
    world = World(
        tmp_path, editor, Schedule(edit_rate=2), guidance_scale=11.0, image_guidance_scale=1.25, diffusion_steps=13
    )
    world.train(range(12))
    plan, reference = [], torch.Generator().manual_seed(7)
    for cursor, step in enumerate(range(0, 12, 2)):
        plan += Schedule(edit_rate=2).plan(step, 20, cursor, N_VIEWS, reference)
    assert [r.view for r in editor.requests] == [world.views[i].name for i in (0, 1, 2, 3, 0, 1)]
    for number, (request, due) in enumerate(zip(editor.requests, plan, strict=True)):
        assert torch.equal(request.render, torch.full_like(request.render, (2 * number * 10 + due.view) / 255.0))
        assert torch.equal(request.condition, world.originals[due.view].float() / 255.0)  # never an edited picture
        assert (request.noise_level, request.seed) == (due.noise_level, due.seed)
        assert (request.guidance_scale, request.image_guidance_scale, request.diffusion_steps) == (11.0, 1.25, 13)
        assert request.instruction == "make it so"
    noted = world.updater.state.edits
    assert [(e.step, e.view, e.noise_level, e.seed) for e in noted] == [
        (2 * i, r.view, r.noise_level, r.seed) for i, r in enumerate(editor.requests)
    ]


def test_what_an_editor_does_not_use_is_not_made(tmp_path):
    editor = RecordingEditor(varies_with_seed=True)
    world = World(tmp_path, editor, Schedule(edit_rate=1))
    world.render = None
    world.train(range(3))
    assert all(request.render is None and request.objects == {} for request in editor.requests)


def test_an_editor_of_objects_gets_the_masks_of_its_view(tmp_path):
    editor = RecordingEditor(edits_objects=True)
    World(tmp_path, editor, Schedule("all-at-once")).train(range(1))
    assert [bool(request.objects["ball"].all()) for request in editor.requests] == [False, True, False, True]


def test_the_identity_leaves_every_training_pixel_as_it_is(tmp_path):
    world = World(tmp_path, IdentityEditor(varies_with_seed=True), Schedule(edit_rate=1, edit_count=3))
    world.train(range(6))
    assert len(world.updater.state.edits) == 18
    assert all(torch.equal(live, original) for live, original in zip(world.live, world.originals, strict=True))


def test_an_edit_is_live_at_once_and_equals_the_picture_on_disk(tmp_path):
    editor = RecordingEditor(varies_with_seed=True)
    world = World(tmp_path, editor, Schedule(edit_rate=1))
    world.updater.before_step(0)
    expected = ((world.originals[0].float() / 255.0 + 0.1) % 1.0 * 255.0).round().to(torch.uint8)
    assert torch.equal(world.live[0], expected)
    assert torch.equal(world.updater.pictures.read(world.views[0].name, 1), expected)
    assert torch.equal(world.live[1], world.originals[1])


def test_values_outside_the_range_are_cut_not_wrapped(tmp_path):
    editor = RecordingEditor(varies_with_seed=True)
    editor.edit = lambda request: request.condition * 4.0 - 1.5
    world = World(tmp_path, editor, Schedule("all-at-once"))
    world.updater.before_step(0)
    wanted = (world.originals[0].float() / 255.0 * 4.0 - 1.5).clamp(0, 1)
    assert (world.live[0].float() / 255.0 - wanted).abs().max() <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize("schedule", [Schedule(edit_rate=1, edit_count=3), Schedule("all-at-once", edit_rate=2)])
def test_an_editor_whose_edit_is_final_edits_each_view_once(tmp_path, schedule):
    editor = RecordingEditor()
    world = World(tmp_path, editor, schedule)
    world.train(range(10))
    assert [request.view for request in editor.requests] == [view.name for view in world.views]
    assert world.updater.before_step(10) == 0


def test_a_stored_picture_answers_only_the_equal_request(tmp_path):
    def asked(seconds_life: dict, **guidance) -> int:
        editor = RecordingEditor(varies_with_seed=True)
        world = World(tmp_path, editor, Schedule("all-at-once", **seconds_life), **guidance)
        world.updater.before_step(0)
        return len(editor.requests)

    assert asked({}) == N_VIEWS
    assert asked({}) == 0  # as after a kill before the first checkpoint
    assert asked({}, guidance_scale=3.0) == N_VIEWS
    assert asked({"upper_bound": 0.5}, guidance_scale=3.0) == N_VIEWS
    assert asked({"upper_bound": 0.5}, guidance_scale=3.0) == 0


def test_a_stored_picture_that_was_cut_short_is_made_again(tmp_path):
    first = World(tmp_path, RecordingEditor(varies_with_seed=True), Schedule("all-at-once"))
    first.updater.before_step(0)
    path = first.updater.pictures.path(first.views[2].name, 3)
    path.write_bytes(path.read_bytes()[:-40])
    editor = RecordingEditor(varies_with_seed=True)
    World(tmp_path, editor, Schedule("all-at-once")).updater.before_step(0)
    assert [request.view for request in editor.requests] == [first.views[2].name]


def test_state_survives_and_the_rest_is_the_same(tmp_path):
    def world(folder):
        return World(folder, RecordingEditor(varies_with_seed=True), Schedule(edit_rate=1, edit_count=3))

    whole, first, second = world(tmp_path / "whole"), world(tmp_path / "cut"), world(tmp_path / "cut")
    whole.updater.editor.edit = first.updater.editor.edit = second.updater.editor.edit = lambda request: (
        (request.condition + request.seed % 97 / 97) % 1.0
    )
    whole.train(range(9))
    first.train(range(5))
    state = first.updater.state_dict()
    first.train(range(5, 7))  # lost: the state was taken before
    second.updater.load_state_dict(state)
    second.train(range(5, 9))
    assert all(torch.equal(a, b) for a, b in zip(second.live, whole.live, strict=True))
    assert second.updater.state.cursor == whole.updater.state.cursor == 27
    assert second.updater.state.revisions == whole.updater.state.revisions
    assert torch.equal(second.updater.state.generator.get_state(), whole.updater.state.generator.get_state())


def test_a_stop_between_two_edits_takes_the_step_back_and_keeps_the_pictures(tmp_path):
    editor = RecordingEditor(varies_with_seed=True)
    world = World(tmp_path, editor, Schedule("all-at-once", edit_rate=2))
    world.train(range(2))
    before = world.updater.state_dict()
    world.updater.should_stop = lambda: len(editor.requests) == N_VIEWS + 2
    with pytest.raises(StepInterrupted):
        world.updater.before_step(2)
    after = world.updater.state_dict()
    assert torch.equal(after.pop("generator"), before.pop("generator"))
    assert after == before
    world.updater.pictures.prune(world.updater.state.revisions, newest=len(world.updater.state.edits))
    world.updater.should_stop = lambda: False
    world.updater.before_step(2)
    assert len(editor.requests) == 2 * N_VIEWS  # the two made before the stop are found again


def test_reset_trains_on_the_originals_and_starts_over(tmp_path):
    editor = RecordingEditor(varies_with_seed=True)
    world = World(tmp_path, editor, Schedule(edit_rate=1))
    world.train(range(3))
    checkpoint = world.updater.state_dict()
    pictures = [live.clone() for live in world.live]
    world.updater.reset()
    assert all(torch.equal(live, original) for live, original in zip(world.live, world.originals, strict=True))
    world.train(range(3, 6))
    assert [request.view for request in editor.requests[3:]] == [view.name for view in world.views[:3]]
    # a run killed now goes on from the checkpoint before the reset: its pictures must not have been written over
    world.updater.load_state_dict(checkpoint)
    assert all(torch.equal(live, picture) for live, picture in zip(world.live, pictures, strict=True))


def test_reset_lets_a_final_editor_edit_again(tmp_path):
    editor = RecordingEditor()
    world = World(tmp_path, editor, Schedule("all-at-once", edit_rate=2))
    world.train(range(4))
    world.updater.reset()
    world.train(range(4, 8))
    assert len(editor.requests) == 2 * N_VIEWS


def test_restart_goes_on_with_another_instruction_from_the_first_view(tmp_path):
    editor = RecordingEditor(varies_with_seed=True)
    world = World(tmp_path, editor, Schedule(edit_rate=1))
    world.train(range(2))
    world.updater.restart(replace(world.updater.guidance, instruction="make the ball red", guidance_scale=2.0))
    world.train(range(2, 4))
    assert [(r.instruction, r.guidance_scale, r.view) for r in editor.requests[2:]] == [
        ("make the ball red", 2.0, view.name) for view in world.views[:2]
    ]
    with pytest.raises(InstructionError):
        world.updater.restart(replace(world.updater.guidance, instruction=""))
    assert world.updater.guidance.instruction == "make the ball red"
    assert world.updater.state.cursor == 2


def test_the_instruction_of_a_restart_is_part_of_the_state(tmp_path):
    world = World(tmp_path, RecordingEditor(varies_with_seed=True), Schedule(edit_rate=1))
    world.updater.restart(replace(world.updater.guidance, instruction="other"))
    state = world.updater.state_dict()
    again = World(tmp_path, RecordingEditor(varies_with_seed=True), Schedule(edit_rate=1))
    again.updater.load_state_dict(state)
    assert again.updater.guidance.instruction == "other"


def test_prune_keeps_what_the_state_names(tmp_path):
    world = World(tmp_path, RecordingEditor(varies_with_seed=True), Schedule(edit_rate=1))
    world.train(range(10))
    pictures, state = world.updater.pictures, world.updater.state
    unfinished = pictures.path(world.views[0].name, 3).with_name(".view 0.3.77.tmp.png")
    unfinished.write_bytes(b"half")
    pictures.prune(state.revisions, newest=len(state.edits))
    assert {p for p in tmp_path.rglob("*.png")} == {pictures.path(v, r) for v, r in state.revisions.items()}
    world.updater.restore()


def test_a_named_picture_that_is_gone_is_said(tmp_path):
    world = World(tmp_path, RecordingEditor(varies_with_seed=True), Schedule(edit_rate=1))
    world.train(range(1))
    world.updater.pictures.path(world.views[0].name, 1).unlink()
    with pytest.raises(CheckpointError, match="edited picture"):
        world.updater.restore()


def test_time_is_booked_where_it_goes(tmp_path):
    editor = RecordingEditor(uses_render=True)
    world = World(tmp_path, editor, Schedule("all-at-once"))
    world.train(range(1))
    assert set(world.updater.stopwatch.seconds) == {"render", "edit"}


def test_an_object_needs_labels_in_every_view(tmp_path):
    world = World(tmp_path, RecordingEditor(edits_objects=True), Schedule())
    views = [world.views[0], replace(world.views[1], labels_path=None)]
    editor = world.updater.editor
    check_instruction(editor, "make the ball red", ("ball",), world.views)
    check_instruction(editor, "make it red", ("ball",), views)
    with pytest.raises(DataError, match="view 1"):
        check_instruction(editor, "make the ball red", ("ball",), views)
    with pytest.raises(InstructionError, match="no ball"):
        check_instruction(editor, "make the ball red", (), views)


class LazyEditor(RecordingEditor):
    """Gives some requests back as they came: the `nothing`-th and later ones, `times` of them."""

    def __init__(self, nothing: int, times: int, **capabilities) -> None:
        super().__init__(**{"varies_with_seed": True, **capabilities})
        self.nothing = range(nothing, nothing + times)

    def edit(self, request: EditRequest):
        self.requests.append(request)
        lazy = len(self.requests) - 1 in self.nothing
        return request.condition if lazy else 1.0 - request.condition


@pytest.mark.parametrize("times", [1, 2])
def test_an_edit_that_comes_to_nothing_is_tried_again_with_another_seed(tmp_path, times):
    editor = LazyEditor(nothing=6, times=times)
    world = World(tmp_path, editor, Schedule(edit_rate=1))
    world.train(range(8))
    views = [world.views[i % N_VIEWS].name for i in range(8)]
    views[6:6] = times * [views[6]]
    assert [request.view for request in editor.requests] == views
    first, *further = editor.requests[6 : 7 + times]
    assert [request.seed - first.seed for request in further] == list(range(1, times + 1))
    assert [edit.seed for edit in world.updater.state.edits] == [request.seed for request in editor.requests]
    assert torch.equal(world.live[2], 255 - world.originals[2])
    assert world.updater.state.cursor == 8


def test_an_edit_that_always_comes_to_nothing_is_given_up(tmp_path):
    editor = LazyEditor(nothing=6, times=100)
    world = World(tmp_path, editor, Schedule(edit_rate=1))
    world.train(range(7))
    assert len(editor.requests) == 6 + TRIES
    assert torch.equal(world.live[2], world.originals[2])


def test_a_tried_again_edit_is_found_again_after_a_kill(tmp_path):
    editor = LazyEditor(nothing=6, times=1)
    world = World(tmp_path, editor, Schedule(edit_rate=1))
    world.train(range(8))
    again = World(tmp_path, RecordingEditor(varies_with_seed=True), Schedule(edit_rate=1))
    again.updater.guidance = world.updater.guidance = replace(world.updater.guidance, editor="recording")
    again.train(range(8))
    assert not again.updater.editor.requests
    assert all(torch.equal(one, other) for one, other in zip(world.live, again.live, strict=True))
    assert [edit.change for edit in again.updater.state.edits] == [e.change for e in world.updater.state.edits]


@pytest.mark.parametrize("capability", ["uses_noise_level", "remote"])
def test_editors_that_may_mean_it_or_cost_money_are_not_asked_again(tmp_path, capability):
    editor = LazyEditor(nothing=6, times=1, **{capability: True})
    world = World(tmp_path, editor, Schedule(edit_rate=1))
    world.train(range(8))
    assert len(editor.requests) == 8


def test_how_far_an_edit_went_is_told_where_it_could_go(tmp_path):
    """A view of which little may change is not taken for one that was left alone."""
    world = World(tmp_path, LazyEditor(nothing=0, times=0), Schedule(edit_rate=1))
    mask = torch.zeros(SIZES[0][::-1], dtype=torch.bool)
    mask[1, 2] = True
    world.updater.scene = replace(world.updater.scene, mask=lambda index: mask if index == 0 else None)
    world.train(range(1))
    wanted = (255 - 2 * world.originals[0][mask].float()).abs().mean() / 255.0
    assert world.updater.state.edits[0].change == pytest.approx(float(wanted), abs=1e-6)


def test_how_far_an_edit_went_is_noted(tmp_path):
    world = World(tmp_path, LazyEditor(nothing=1, times=1), Schedule(edit_rate=1))
    world.train(range(2))
    wanted = (255 - 2 * world.originals[0].float()).abs().mean() / 255.0
    changes = [edit.change for edit in world.updater.state.edits]
    assert changes == [pytest.approx(float(wanted), abs=1e-6), 0.0]


def test_what_edits_take_is_forecast_for_the_next_run(tmp_path):
    first = World(tmp_path / "one", RecordingEditor(), Schedule(edit_rate=2, edit_count=2))
    first.updater.pace = replace(first.updater.pace, folder=tmp_path)
    assert first.updater.forecast().seconds is None
    first.train(range(8))
    second = World(tmp_path / "two", RecordingEditor(), Schedule(edit_rate=2, edit_count=2))
    second.updater.pace = replace(second.updater.pace, folder=tmp_path)
    found = second.updater.forecast()
    assert found.seconds is not None
    assert found.seconds == pytest.approx(found.calls * second.updater.pace.seconds)
