"""A scene that was saved is looked at again: without the winner's picture it is not passed off as the result."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from editor3d.cli import main
from editor3d.programs.core.contracts import Candidate, RenderSettings
from editor3d.programs.rendering.pool import Workers
from editor3d.programs.rendering.result_scene import compared, write

FLAT = np.full((4, 4, 3), 100, np.uint8)


def test_equal_pictures_leave_no_doubt():
    told = compared("r.blend", FLAT + 50, FLAT, again=FLAT + 50, saved=FLAT + 50)
    assert told == {"difference": 0.0, "change": 50.0, "doubts": []}


@pytest.mark.parametrize(
    ("again", "saved", "said"),
    [
        (FLAT + 50, FLAT, "does not look like"),  # nothing of the change is there
        (FLAT + 50, FLAT + 40, "does not look like"),  # a fifth is missing
        (FLAT + 50, None, "no picture"),
        (FLAT, FLAT + 50, "process of its own"),
        (None, FLAT + 50, "process of its own"),
    ],
)
def test_what_is_not_the_winner_is_doubted(again, saved, said):
    (doubt,) = compared("r.blend", FLAT + 50, FLAT, again=again, saved=saved)["doubts"]
    assert said in doubt


def test_a_small_change_that_is_lost_is_seen():
    """However small the winning change: what counts is its part."""
    best = FLAT.copy()
    best[0, 0] += 20
    assert compared("r.blend", best, FLAT, again=best, saved=FLAT)["doubts"]
    assert compared("r.blend", best, None, again=best, saved=best)["doubts"] == []


SETTINGS = RenderSettings(48, 48, 2)
STRETCHED = """import bpy

for vertex in bpy.data.objects["Block"].data.vertices:
    vertex.co.z *= {factor}
"""


@pytest.fixture(scope="module")
def workers(blend):
    pytest.importorskip("bpy")
    with Workers(blend("lighting"), SETTINGS, allow_weaker_sandbox=True) as made:
        yield made


def _tried(workers: Workers, source: str) -> Candidate:
    return Candidate(source, workers.render(source).image)


def test_the_result_has_the_winner_s_picture(workers, programs, tmp_path):
    first, best = _tried(workers, "import bpy"), _tried(workers, programs["lighting"])
    told = write(workers, first, best, tmp_path / "result.blend")
    assert told["file"] == "result.blend"
    assert told["doubts"] == told["left_out"] == []
    assert told["difference"] == 0.0 < told["change"]


@pytest.mark.slow
def test_a_change_that_no_values_tell_is_doubted(workers, tmp_path):
    first, best = _tried(workers, "import bpy"), _tried(workers, STRETCHED.format(factor=2.5))
    told = write(workers, first, best, tmp_path / "result.blend")
    assert told["left_out"] == ["mesh Block"]
    (doubt,) = told["doubts"]
    assert "does not look like best.png" in doubt
    assert told["difference"] == pytest.approx(told["change"])


@pytest.mark.slow
def test_a_scene_that_was_saved_without_the_change_is_doubted(workers, programs, blend, tmp_path, monkeypatch):
    """Whatever went wrong on the way, and whether or not anything was said to be left out."""

    def unchanged(source: str, path: Path) -> list[str]:
        shutil.copy(blend("lighting"), path)
        return []

    monkeypatch.setattr(workers, "save_scene", unchanged)
    first, best = _tried(workers, "import bpy"), _tried(workers, programs["lighting"])
    (doubt,) = write(workers, first, best, tmp_path / "result.blend")["doubts"]
    assert "does not look like best.png" in doubt
    # nothing better was found, and the first program's own changes are missing
    (doubt,) = write(workers, best, best, tmp_path / "result.blend")["doubts"]
    assert "does not look like best.png" in doubt


@pytest.mark.slow
def test_the_command_says_what_the_result_lacks(blend, tmp_path, capsys):
    pytest.importorskip("bpy")
    program = tmp_path / "stretched.py"
    program.write_text(STRETCHED.format(factor=2.5))
    words = ["refine", str(blend("lighting")), "--program", str(program), "--instruction", "make it night"]
    words += ["--output", str(tmp_path / "run"), "--budget-renders", "1", "--width", "48", "--height", "48"]
    assert main([*words, "--allow-weaker-sandbox", "--proposer", "embedded"]) == 0
    told = capsys.readouterr().err
    assert "lacks what best.py does to: mesh Block" in told
    assert "warning: result.blend does not look like best.png" in told
    result = json.loads((tmp_path / "run/edit.json").read_text())["notes"]["result"]
    assert len(result["doubts"]) == 1


def test_a_run_s_folder_that_cannot_be_written_is_said(blend, tmp_path, capsys):
    program, blocked = tmp_path / "p.py", tmp_path / "file"
    program.write_text(STRETCHED.format(factor=1.0))
    blocked.write_text("a file where a folder should be")
    words = ["refine", str(blend("lighting")), "--program", str(program), "--instruction", "make it night"]
    assert main([*words, "--output", str(blocked / "run"), "--proposer", "embedded"]) == 2
    assert "--output" in capsys.readouterr().err


def test_a_winner_seen_small_is_compared_at_its_size():
    """Time may end before it is rendered whole."""
    large = np.full((8, 12, 3), 100, np.uint8)
    large[:, :6] = 140
    small = large[::2, ::2]
    found = compared("result.blend", small, np.full_like(small, 10), again=large, saved=large)
    assert found["difference"] == 0.0
    assert found["doubts"] == []
