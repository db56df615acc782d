"""What the page marks becomes a region that an edit takes: kept in a file, and looked at by the engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from editor3d.regions import parse_region
from editor3d.regions.strokes import StrokesRegion

STROKE = {"points": [[0.1, 0.2, 0.3], [0.1, 0.2, 0.4]], "inside": True}


@pytest.fixture
def seen(opened, monkeypatch):
    """A page with a scene, and what its engine was asked: the engine's own answers are tested with the engine."""
    page = opened()
    page.studio.project.open("demo")
    page.until(lambda state: bool(state["entries"]) and state["entries"][0]["there"])
    page.enter()
    asked: list[tuple[str, dict[str, Any]]] = []

    def call(act: str, **said: Any) -> tuple[Any, bytes]:
        asked.append((act, said))
        return {"parts": 3, "of": 9}, b"jpeg"

    monkeypatch.setattr(page.studio.frames, "call", call)
    return page, asked


def test_strokes_are_kept_once_and_read_as_a_region(seen) -> None:
    page, asked = seen
    body = {"entry": "0", "strokes": [STROKE, {**STROKE, "inside": False}]}
    answers = [page("POST", "/studio/region", body)[1] for _ in range(2)]
    assert answers[0] == answers[1]
    assert (answers[0]["parts"], answers[0]["of"]) == (3, 9)
    region = parse_region(answers[0]["region"])
    assert isinstance(region, StrokesRegion)
    assert [stroke.inside for stroke in region.strokes] == [True, False]
    assert asked[0][1]["region"] == answers[0]["region"]
    file = Path(answers[0]["region"].removeprefix("strokes:"))
    assert [one.name for one in file.parent.iterdir()] == [file.name]
    assert file.stat().st_mode & 0o077 == 0


def test_an_edit_takes_the_region_that_was_chosen(seen) -> None:
    page, _ = seen
    chosen = page("POST", "/studio/region", {"entry": "0", "strokes": [STROKE]})[1]["region"]
    body = {"instruction": "make it gold", "region": chosen}
    status, _, _ = page("POST", "/studio/edit", body)
    assert status == 200
    state = page.until(lambda state: len(state["entries"]) == 2 and state["entries"][1]["there"])
    assert state["entries"][1]["settings"]["region"] == chosen


@pytest.mark.parametrize(
    "body",
    [
        {"entry": "0", "strokes": [{"points": []}]},
        {"entry": "0", "strokes": [{"points": [[1, 2]]}]},
        {"entry": "0", "strokes": "all"},
        {"entry": "0", "region": "x" * 401},
    ],
    ids=json.dumps,
)
def test_marks_that_are_none_are_refused(seen, body) -> None:
    page, asked = seen
    status, said, _ = page("POST", "/studio/region", body)
    assert status == 400
    assert "error" in said
    assert asked == []


def test_a_frame_is_asked_for_at_a_strength_and_with_what_stands_out(seen) -> None:
    page, asked = seen
    pose = ",".join("0" * 12)
    address = f"/studio/frame?entry=0&c2w={pose}&fov=1&w=64&h=32&strength=0.25&region=object%3Ateapot"
    assert page("GET", address)[0] == 200
    ((act, said),) = asked
    assert (act, said["strength"], said["region"], said["width"]) == ("frame", 0.25, "object:teapot", 64)
    assert page("GET", address.replace("0.25", "much"))[0] == 400


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"format": "splats", "suffix": ".spz"}, "export RUN --format splats --output"),
        ({"format": "splats", "suffix": ".ply", "strength": 0.5}, "strength RUN 0.5 --output"),
        ({"format": "video", "suffix": ".mp4"}, "render RUN --output"),
    ],
    ids=str,
)
def test_each_kind_of_file_is_written_by_its_command(opened, said, words) -> None:
    page = opened(
        """
if words[0] in ("export", "render", "strength"):
    target = pathlib.Path(words[words.index("--output") + 1])
    target.parent.mkdir(exist_ok=True)
    target.write_text(" ".join(words))
else:
    made("base", "base")
"""
    )
    page.studio.project.open("demo")
    page.until(lambda state: bool(state["entries"]) and state["entries"][0]["there"])
    page.enter()
    assert page("POST", "/studio/export", {"entry": "0", **said})[0] == 200
    job = page.until(lambda state: state["exported"] is not None and state["exported"]["state"] == "done")["exported"]
    (name,) = job["files"]
    run = page.studio.project.run_of("0")
    text = page.studio.service.jobs.get(job["id"]).places.result.joinpath(name).read_text()
    assert name == f"{said['format']}{said['suffix']}"
    assert text.startswith(words.replace("RUN", run))


@pytest.mark.parametrize(
    "said", [{"format": "video", "suffix": ".ply"}, {"format": "mesh", "suffix": ".glb", "strength": 0.5}], ids=str
)
def test_a_file_that_cannot_be_is_refused(seen, said) -> None:
    page, _ = seen
    status, answer, _ = page("POST", "/studio/export", {"entry": "0", **said})
    assert status == 400
    assert answer["error"].startswith("Expected a ")
