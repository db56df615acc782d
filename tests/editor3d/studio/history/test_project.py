"""The history: a tree of edits that outlives page and studio."""

from __future__ import annotations

from pathlib import Path

import pytest

from editor3d.errors import ConfigError
from editor3d.studio.history.project import DEMO_STEPS, ROOT

ENDLESS = "time.sleep(600)"


def idle(state) -> bool:
    return all(entry["state"] not in ("running", "queued") for entry in state["entries"]) and bool(state["entries"])


def test_edits_make_a_tree_and_the_newest_is_shown(opened) -> None:
    page = opened()
    project = page.studio.project
    project.open("demo")
    assert page.until(idle)["current"] == ROOT
    first = project.edit("make it winter", {"quick": True})
    assert page.until(idle)["current"] == first.id
    second = project.edit("make it night", {"quick": True})
    page.until(idle)
    project.select(first.id)
    third = project.edit("make the teapot gold", {"quick": True})
    state = page.until(idle)
    assert [entry["parent"] for entry in state["entries"]] == ["", ROOT, first.id, first.id]
    assert len({project.run_of(one.id) for one in (first, second, third)}) == 3
    project.remove(first.id)
    state = project.state()
    assert [entry["id"] for entry in state["entries"]] == [ROOT]
    assert state["current"] == ROOT


def test_the_demo_is_reconstructed_as_its_command_does(opened) -> None:
    page = opened("tell('error', sentence=' '.join(words)); sys.exit(2)")
    page.studio.project.open("demo")
    state = page.until(idle)
    assert f"--steps={DEMO_STEPS}" in state["entries"][0]["error"]


def test_a_studio_that_is_started_anew_has_the_same_history(opened) -> None:
    page = opened()
    page.studio.project.open("demo")
    page.until(idle)
    page.studio.project.edit("make it winter", {"quick": True})
    before = page.until(idle)
    after = opened().studio.project.state()
    assert after["entries"] == before["entries"]
    assert after["current"] == before["current"]


def test_what_a_studio_that_was_ended_left_unfinished_is_taken_up(opened) -> None:
    page = opened(ENDLESS)
    page.studio.project.open("demo")
    page.until(lambda state: state["job"] is not None and state["job"]["state"] == "running")
    page = opened()
    state = page.until(idle)
    assert state["entries"][0]["state"] == "done"
    assert Path(page.studio.project.run_of(ROOT)).is_dir()


def test_a_cancelled_reconstruction_can_be_continued(opened) -> None:
    page = opened(ENDLESS)
    project = page.studio.project
    project.open("demo")
    page.until(lambda state: state["job"] is not None and state["job"]["state"] == "running")
    with pytest.raises(ConfigError, match="A job runs"):
        project.open("demo")
    project.cancel()
    assert page.until(idle)["entries"][0]["state"] == "cancelled"
    project.again()
    assert project.state()["entries"][0]["state"] == "running"


def test_a_job_that_fails_leaves_its_sentence(opened) -> None:
    page = opened("tell('error', sentence='Expected a capture, got none: name one.'); sys.exit(2)")
    page.studio.project.open("demo")
    (root,) = page.until(idle)["entries"]
    assert (root["state"], root["there"]) == ("failed", False)
    assert root["error"] == "Expected a capture, got none: name one."


def test_scenes_that_were_opened_before_come_back_with_their_edits(opened, tmp_path) -> None:
    page = opened()
    project = page.studio.project
    project.open("demo")
    page.until(idle)
    project.edit("make it winter", {"quick": True})
    page.until(idle)
    other = tmp_path / "capture"
    other.mkdir()
    project.open(str(other))
    assert len(page.until(idle)["entries"]) == 1
    project.open("demo")
    assert len(project.state()["entries"]) == 2


@pytest.mark.parametrize("act", ["edit", "select", "remove", "run_of", "export"])
def test_what_is_not_there_is_refused(opened, act) -> None:
    project = opened().studio.project
    words = {"edit": ("make it winter", {}), "export": ("9", "splats", ".ply")}.get(act, ("9",))
    with pytest.raises(ConfigError, match="open"):
        getattr(project, act)(*words)


def test_a_source_that_is_not_there_opens_nothing(opened) -> None:
    project = opened().studio.project
    with pytest.raises(ConfigError, match="There is no /nowhere"):
        project.open("/nowhere")
    assert project.state()["source"] == ""


def test_runs_of_the_user_are_never_removed(opened) -> None:
    page = opened()
    project = page.studio.project
    project.open("demo")
    page.until(idle)
    for number in range(12):
        project.select(ROOT)
        project.edit(f"make it night {number}", {"quick": True})
        page.until(idle)
    runs = [project.run_of(entry["id"]) for entry in project.state()["entries"]]
    assert len(set(runs)) == 13
    assert all((Path(run) / "config.yml").is_file() for run in runs)
