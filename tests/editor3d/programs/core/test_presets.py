"""Presets are the tasks of the paper; what a request says itself stays."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from editor3d.errors import ConfigError
from editor3d.programs.core.options import PresetName, RefineRequest
from editor3d.programs.core.presets import PRESETS, with_preset


def request(**values) -> RefineRequest:
    return RefineRequest(Path("scene.blend"), Path("program.py"), **values)


def test_each_name_has_a_preset() -> None:
    assert get_args(PresetName) == tuple(PRESETS)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_gives_the_papers_sizes(name: str) -> None:
    wanted = request(preset=name, instruction="darker", target=Path("target.png"))
    settled = with_preset(wanted)
    assert (settled.breadth, settled.depth) == (8, 4)
    assert settled.edits == ("tweak" if name in ("geometry-nodes", "shape-keys") else "alternate")


def test_what_the_request_says_itself_stays() -> None:
    settled = with_preset(request(preset="shape-keys", instruction="a smile", breadth=3, depth=2))
    assert (settled.breadth, settled.depth, settled.edits) == (3, 2, "tweak")


def test_without_a_preset_nothing_changes() -> None:
    assert with_preset(request()) == request()


def test_what_the_task_is_about_must_be_given() -> None:
    with pytest.raises(ConfigError, match="--target"):
        with_preset(request(preset="material-picture", instruction="marble"))
