"""Results say what there is, and only that; what is said of an edit is read from the pictures that were written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from editor3d.host.stopwatch import Stopwatch
from editor3d.run import events
from editor3d.run.clock import RunClock
from editor3d.run.record import read_record
from editor3d.run.results import SHOWN_VIEWS, EditResults, shown_of

from .small_job import SCENE, SIDE, ShownColor

COLOR = torch.tensor([0.8, 0.2, 0.5])


class WithPictures(ShownColor):
    """A colour whose edit has edited pictures, too."""

    def publish(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "view0.png").write_bytes(b"")


class Elsewhere(ShownColor):
    """Is exported to where the user wants it."""

    def export(self, folder: Path) -> None:
        for _, path in self.exported(folder):
            path.write_bytes(b"")

    def exported(self, folder: Path) -> list[tuple[str, Path]]:
        return [("Scene", folder.parent / "elsewhere.ply")]


@pytest.fixture
def results(tmp_path):
    def make(kind: type[ShownColor] = ShownColor, frames: int = 0) -> EditResults:
        folder = tmp_path / "run"
        return EditResults(folder, kind(COLOR.clone(), folder), RunClock(), Stopwatch(), frames)

    return make


def finish(results: EditResults) -> None:
    results.save_before()
    results.save_after()
    results.save_record(5)


def announced(results: EditResults, capsys) -> set[Path]:
    """What is named in one line; what events say is the same."""
    told = results.folder.parent / "events.jsonl"
    capsys.readouterr()
    with events.writing(str(told)):
        results.announce()
    (line,) = capsys.readouterr().out.splitlines()
    folder, _, names = line.removeprefix("Results in ").partition(": ")
    said = {Path(folder) / name for name in names.split(", ")}
    seen = list(events.read(told.read_bytes().splitlines()))
    assert {Path(event.path) for event in seen} == said | {results.folder}
    return said


@pytest.mark.parametrize("kind", [ShownColor, WithPictures])
@pytest.mark.parametrize("frames", [0, 2])
def test_what_is_announced_exists_and_what_exists_is_announced(results, capsys, kind, frames):
    made = results(kind, frames)
    finish(made)
    said = announced(made, capsys)
    shown_only = {made.folder / "before", made.folder / "after"}  # on the sheet
    assert said == set(made.folder.iterdir()) - shown_only
    expected = {"before_after.png", "edit.json", *(path.name for _, path in made.shown.exported(made.folder))}
    expected |= {"turntable.mp4"} if frames else set()
    expected |= {"edited"} if kind is WithPictures else set()
    assert {path.name for path in said} == expected


def test_an_export_elsewhere_has_a_line_of_its_own(results, capsys, tmp_path):
    made = results(Elsewhere)
    finish(made)
    capsys.readouterr()
    made.announce()
    assert capsys.readouterr().out.splitlines()[1:] == [f"Scene: {tmp_path / 'elsewhere.ply'}"]


def test_a_run_is_complete_once_there_is_a_record(results):
    made = results()
    made.save_before()
    made.save_after()
    assert not made.complete
    made.save_record(5)
    assert made.complete


def test_pictures_show_the_scene_before_and_after(results):
    made = results()
    finish(made)
    for kind, color in (("before", torch.full((3,), 0.5)), ("after", COLOR)):
        for view in made.shown.views:
            picture = np.asarray(Image.open(made.folder / kind / f"{view.name}.png"))
            assert picture.shape == (SIDE, SIDE, 3)
            assert np.abs(picture / 255.0 - color.numpy()).max() <= 0.5 / 255.0 + 1e-6


def test_metrics_are_those_of_the_pictures_that_were_written(results):
    made = results()
    finish(made)
    record = read_record(made.folder / "edit.json")
    distance = float((COLOR - 0.5).abs().mean()) * len(made.shown.views)
    assert record.metrics["change"] == pytest.approx(distance, abs=2.0 / 255.0)
    assert record.metrics["views"] == ["view0", "view1"]
    assert record.steps == 5


@pytest.mark.parametrize("lost", ["view0", "view1"])
def test_an_unfinished_edit_has_a_record_without_metrics(results, lost):
    made = results()
    made.save_before()
    made.save_record(2)
    assert read_record(made.folder / "edit.json").metrics == {}
    made.save_after()
    (made.folder / "after" / f"{lost}.png").unlink()
    made.save_record(2)
    assert read_record(made.folder / "edit.json").metrics == {}


def test_progress_is_shown_until_the_record_is_written(results):
    made = results()
    told = made.folder.parent / "events.jsonl"
    made.save_before()
    with events.writing(str(told)):
        made.save_progress(1, 5)
    path = made.folder / "progress.png"
    assert list(events.read(told.read_bytes().splitlines())) == [events.Picture(path=str(path))]
    assert path.is_file()
    made.save_after()
    made.save_record(5)
    assert not path.exists()


def test_pictures_and_files_are_counted_apart(results):
    made = results(frames=2)
    finish(made)
    assert {kind for kind, seconds in made.stopwatch.seconds.items() if seconds > 0.0} == {"render", "export"}
    assert (made.folder / SCENE).read_text() == repr(COLOR.tolist())


@given(st.integers(1, 500))
def test_shown_views_are_a_few_evenly_spread(count):
    shown = shown_of(count)
    assert len(shown) == min(SHOWN_VIEWS, count)
    assert shown == sorted(set(shown))
    assert (shown[0], shown[-1]) == (0, count - 1)
    gaps = np.diff(shown)
    assert len(gaps) == 0 or gaps.max() - gaps.min() <= 1
