"""Edits that are made ahead of their turn are those that would have been made then, and are made beside other work."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from editor3d.errors import ServiceError
from editor3d.host.stopwatch import Stopwatch
from editor3d.types import EditorInfo, EditRequest, Intrinsics, View
from editor3d.update.engine import DatasetUpdater
from editor3d.update.scene import Guidance, Scene
from editor3d.update.schedule import Schedule
from editor3d.update.state import EditState, PictureStore

VIEWS, STEPS = 8, 40


class SlowEditor:
    """Waits as for a server; its picture depends on all of the request and on nothing else."""

    def __init__(self, seconds: float = 0.0, **capabilities) -> None:
        self.info = EditorInfo("slow", "", "", varies_with_seed=True, uses_noise_level=True, **capabilities)
        self.seconds = seconds
        self.made: list[str] = []
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()

    def validate(self, instruction, objects, views) -> None: ...

    def edit(self, request: EditRequest):
        with self._lock:
            self.made.append(request.view)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(self.seconds)
        with self._lock:
            self.at_once -= 1
        generator = torch.Generator().manual_seed(request.seed)
        return (
            request.condition + request.noise_level * torch.rand(request.condition.shape, generator=generator)
        ) % 1.0


def updater_of(folder: Path, editor, schedule: Schedule) -> tuple[DatasetUpdater, list[torch.Tensor]]:
    lens = vars(Intrinsics(6, 5, 1, 1, 1, 1))
    views = [View(name=f"v{i}", image_path=Path("x"), split="train", c2w=np.eye(4)[:3], **lens) for i in range(VIEWS)]
    live = [torch.full((5, 6, 3), 20 * i, dtype=torch.uint8) for i in range(VIEWS)]
    originals = [picture.float() / 255.0 for picture in live]
    scene = Scene(
        views,
        lambda index: originals[index],
        lambda index: originals[index],
        (),
        lambda index: {},
        lambda index, picture: live[index].copy_(picture),
    )
    state, store = EditState(torch.Generator().manual_seed(7)), PictureStore(folder)
    guidance = Guidance("make it so", "slow")
    return DatasetUpdater(scene, editor, guidance, schedule, state, store, STEPS, Stopwatch()), live


def run(updater: DatasetUpdater, fit: float = 0.0, steps: range = range(STEPS)) -> float:
    started = time.perf_counter()
    for step in steps:
        updater.before_step(step)
        time.sleep(fit)
    return time.perf_counter() - started


@pytest.mark.parametrize("kind", ["cyclic", "all-at-once", "all-then-cyclic", "spread"])
def test_results_are_those_of_one_edit_after_the_other(tmp_path, kind):
    schedule = Schedule(kind=kind, edit_rate=8, edit_count=2)
    plain, together = SlowEditor(), SlowEditor(0.002, concurrent=3)
    alone, expected = updater_of(tmp_path / "alone", plain, schedule)
    run(alone)
    ahead, found = updater_of(tmp_path / "ahead", together, schedule)
    run(ahead)
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))
    shown = [[replace(edit, seconds=0.0) for edit in updater.state.edits] for updater in (alone, ahead)]
    assert shown[0] == shown[1]
    assert sorted(together.made) == sorted(plain.made)  # nothing is made, or paid, in vain
    assert together.most_at_once > 1


def test_edits_and_fit_go_on_beside_each_other(tmp_path):
    schedule, seconds, fit = Schedule(kind="spread"), 0.2, 0.04
    alone = run(updater_of(tmp_path / "alone", SlowEditor(seconds), schedule)[0], fit)
    updater, _ = updater_of(tmp_path / "beside", SlowEditor(seconds, concurrent=1), schedule)
    assert run(updater, fit) < 0.85 * alone  # ideal is a bit more than a half
    assert len(updater.state.edits) == VIEWS


def test_several_are_made_at_once(tmp_path):
    editor = SlowEditor(0.1, concurrent=4)
    updater, _ = updater_of(tmp_path, editor, Schedule(kind="all-at-once", edit_rate=STEPS))
    run(updater)
    assert editor.most_at_once == 4
    assert all(edit.seconds >= 0.1 for edit in updater.state.edits)  # its own, not those of waiting for it


def test_an_error_comes_at_the_turn_of_its_edit_and_the_run_is_resumed(tmp_path):
    schedule = Schedule(kind="spread")
    plain, expected = updater_of(tmp_path / "plain", SlowEditor(), schedule)
    run(plain)

    class Failing(SlowEditor):
        def edit(self, request: EditRequest):
            if request.view == "v3":
                raise ServiceError("no more")
            return super().edit(request)

    stopped, _ = updater_of(tmp_path / "run", Failing(concurrent=2), schedule)
    with pytest.raises(ServiceError, match="no more"):
        run(stopped)
    assert [edit.view for edit in stopped.state.edits] == ["v0", "v1", "v2"]
    again, found = updater_of(tmp_path / "run", SlowEditor(concurrent=2), schedule)
    run(again)
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))


def test_an_editor_that_looks_at_renders_is_asked_only_at_its_turn(tmp_path):
    editor = SlowEditor(uses_render=True, concurrent=4)
    updater, _ = updater_of(tmp_path, editor, Schedule(kind="spread"))
    updater.before_step(0)
    time.sleep(0.05)
    assert editor.made == ["v0"]


def test_another_instruction_drops_what_was_begun(tmp_path):
    editor = SlowEditor(concurrent=1)
    updater, live = updater_of(tmp_path, editor, Schedule(kind="spread"))
    updater.before_step(0)
    updater.restart(Guidance("make it other", "slow"))
    run(updater)
    assert {edit.instruction for edit in updater.state.edits[1:]} == {"make it other"}
