"""However a run is interrupted, its sittings together make what one sitting makes; what cannot start leaves nothing."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from editor3d.errors import CheckpointError, ConfigError
from editor3d.run import checkpoints, events, loop
from editor3d.run.folders import resume_command
from editor3d.run.record import read_record
from editor3d.run.stopping import StepInterrupted
from lab.references.contents import content

from .small_job import SCENE, SmallJob

STEPS, EVERY = 7, 3
PICTURES = [f"{kind}/view{index}.png" for kind in ("before", "after") for index in range(2)]


class Killed(BaseException):
    """The process ends here, as far as the loop can tell."""


def kill(step: int):
    """What ends the process in the course of a step."""

    def during(now: int) -> None:
        if now == step:
            raise Killed

    return during


def run(job: SmallJob, folder: Path, steps: int = STEPS, every: int = EVERY) -> bool:
    return loop.run(job, folder, name="colour", steps=steps, steps_per_save=every)


def newest(folder: Path) -> dict:
    (path,) = checkpoints.find_checkpoints(folder / loop.CHECKPOINTS).values()
    return checkpoints.load(path)


def assert_ended_alike(one: Path, other: Path) -> None:
    states = [newest(folder) for folder in (one, other)]
    assert states[0]["step"] == states[1]["step"]
    assert states[0]["pipeline"]["color"].equal(states[1]["pipeline"]["color"])
    assert states[0]["generator"].equal(states[1]["generator"])
    for name in [*PICTURES, "before_after.png", SCENE]:
        assert content(one / name) == content(other / name), name
    assert not (one / "progress.png").exists()
    records = [read_record(folder / "edit.json") for folder in (one, other)]
    assert (records[0].steps, records[0].metrics) == (records[1].steps, records[1].metrics)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, STEPS - 1), max_size=4), st.integers(1, STEPS + 1))
def test_a_run_that_was_killed_ends_as_an_uninterrupted_one(tmp_path_factory, deaths, every):
    whole, cut = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("cut")
    assert run(SmallJob(whole), whole, every=every)
    kept = 0
    for death in deaths:
        job = SmallJob(cut, kill(death))
        if death < kept:
            continue  # that step is not made again
        with pytest.raises(Killed):
            run(job, cut, every=every)
        assert job.made == list(range(kept, death))
        kept = death // every * every
        assert sorted(checkpoints.find_checkpoints(cut / loop.CHECKPOINTS)) == ([kept] if kept else [])
    last = SmallJob(cut)
    assert run(last, cut, every=every)
    assert last.made == list(range(kept, STEPS))
    assert_ended_alike(cut, whole)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, STEPS - 1), st.sampled_from([signal.SIGINT, signal.SIGTERM]))
def test_a_stop_finishes_the_step_and_saves(tmp_path_factory, asked, name):
    whole, stopped = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("stopped")
    assert run(SmallJob(whole), whole)
    before = signal.getsignal(name)
    job = SmallJob(stopped, lambda step: signal.raise_signal(name) if step == asked else None)
    assert run(job, stopped) == (asked == STEPS - 1)  # in the last step there is nothing left to stop
    assert signal.getsignal(name) is before
    assert job.made == list(range(asked + 1))
    assert newest(stopped)["step"] == asked + 1
    again = SmallJob(stopped)
    assert run(again, stopped)
    assert again.made == list(range(asked + 1, STEPS))
    assert_ended_alike(stopped, whole)


def test_a_stopped_run_says_how_to_go_on_and_has_no_results_yet(tmp_path, capsys):
    job = SmallJob(tmp_path, lambda step: signal.raise_signal(signal.SIGINT) if step == 1 else None)
    assert not run(job, tmp_path)
    assert f"Stopped after 2 of {STEPS} steps. Resume with: {resume_command(tmp_path)}" in capsys.readouterr().out
    assert not (tmp_path / "edit.json").exists()
    assert not (tmp_path / "after").exists()


def test_a_second_signal_stops_at_once(tmp_path):
    def twice(step: int) -> None:
        if step == 4:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)

    job = SmallJob(tmp_path, twice)
    with pytest.raises(KeyboardInterrupt):
        run(job, tmp_path)
    assert job.made == [0, 1, 2, 3]
    assert newest(tmp_path)["step"] == 3  # the one that was due before


@pytest.mark.parametrize("where", [0, 2])
def test_a_step_of_several_parts_ends_between_them_and_is_made_again(tmp_path, where):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert run(SmallJob(whole), whole)

    def between(step: int) -> None:
        if step == where:
            assert not job.parts.should_stop()
            signal.raise_signal(signal.SIGINT)
            assert job.parts.should_stop()
            raise StepInterrupted

    job = SmallJob(cut, between)
    assert not run(job, cut)
    assert job.made == list(range(where))
    assert job.saves == ([where] if where else [])  # before the first step there is nothing to save
    again = SmallJob(cut)
    assert run(again, cut)
    assert again.made == list(range(where, STEPS))
    assert_ended_alike(cut, whole)


def test_checkpoints_are_written_when_due_and_at_the_end(tmp_path):
    job = SmallJob(tmp_path)
    assert run(job, tmp_path)
    assert job.saves == [3, 6, 7]
    assert list(checkpoints.find_checkpoints(tmp_path / loop.CHECKPOINTS)) == [7]
    assert not list(tmp_path.rglob("*unfinished*"))


def test_a_run_can_end_where_a_checkpoint_is_due(tmp_path):
    job = SmallJob(tmp_path)
    assert run(job, tmp_path, steps=6)
    assert job.saves == [3, 6]


def test_a_finished_run_is_left_as_it_is(tmp_path, capsys):
    assert run(SmallJob(tmp_path), tmp_path)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    told = [line for line in capsys.readouterr().out.splitlines() if str(tmp_path) in line]
    again = SmallJob(tmp_path)
    assert run(again, tmp_path)
    assert again.made == again.shown.asked == []
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == files
    assert [line for line in capsys.readouterr().out.splitlines() if not line.startswith("Resuming")] == told


def test_a_run_that_died_after_its_last_step_writes_its_results(tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert run(SmallJob(whole), whole)
    job = SmallJob(cut)

    def dying(folder: Path) -> None:
        raise Killed

    job.shown.export = dying
    with pytest.raises(Killed):
        run(job, cut)
    again = SmallJob(cut)
    assert run(again, cut)
    assert again.made == []
    assert_ended_alike(cut, whole)


def test_the_unedited_scene_is_shown_before_the_first_step_only(tmp_path):
    job = SmallJob(tmp_path, kill(4))
    with pytest.raises(Killed):
        run(job, tmp_path)
    assert job.shown.asked == ["unedited", "edited"]  # the second at the checkpoint, as progress
    assert (tmp_path / "progress.png").is_file()
    again = SmallJob(tmp_path)
    assert run(again, tmp_path)
    assert "unedited" not in again.shown.asked


def test_a_start_that_fails_while_it_is_prepared_leaves_no_folder(tmp_path):
    def refuse() -> None:
        raise ConfigError("Expected a sentence, got none: say one.")

    job = SmallJob(tmp_path / "run", preparing=refuse)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ConfigError):
        run(job, tmp_path / "run")
    assert not list(tmp_path.iterdir())
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("damage", [b"", b"no checkpoint", None])
def test_what_cannot_be_resumed_is_refused_and_kept(tmp_path, damage):
    with pytest.raises(Killed):
        run(SmallJob(tmp_path, kill(4)), tmp_path)
    path = checkpoints.latest_checkpoint(tmp_path / loop.CHECKPOINTS)
    if damage is None:
        checkpoints.save(path, {"pipeline": {"shape": 1}, "step": 3})
    else:
        path.write_bytes(damage)
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    job = SmallJob(tmp_path)
    with pytest.raises(CheckpointError):
        run(job, tmp_path)
    assert job.made == []
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == files


def test_sittings_add_up_in_the_record(tmp_path):
    with pytest.raises(Killed):
        run(SmallJob(tmp_path, kill(4)), tmp_path)
    path = checkpoints.latest_checkpoint(tmp_path / loop.CHECKPOINTS)
    earlier = {**checkpoints.load(path), "seconds": 1000.0, "times": {"fit": 600.0, "render": 300.0}}
    checkpoints.save(path, earlier)
    assert run(SmallJob(tmp_path), tmp_path)
    times = read_record(tmp_path / "edit.json").times
    assert times.fit == 600.0
    assert 300.0 < times.render < 400.0
    assert 1000.0 < times.total < 1100.0


def test_events_tell_each_step_from_where_the_run_went_on(tmp_path):
    with pytest.raises(Killed):
        run(SmallJob(tmp_path, kill(4)), tmp_path)
    told = tmp_path / "events.jsonl"
    with events.writing(str(told)):
        assert run(SmallJob(tmp_path), tmp_path)
    seen = list(events.read(told.read_bytes().splitlines()))
    progress = [event for event in seen if isinstance(event, events.Progress)]
    assert {(event.what, event.total, event.unit) for event in progress} == {("colour", STEPS, "steps")}
    assert (progress[0].done, progress[-1].done) == (3, STEPS)
    kinds = [event.kind for event in seen if isinstance(event, events.Result)]
    assert set(kinds) >= {"run", "record", "before_after", "scene"}
