"""Settings of a job, and the words of the commands that they become."""

from __future__ import annotations

from pathlib import Path

import pytest
import tyro

from editor3d.cli.commands.edit import Edit
from editor3d.cli.commands.preview import Preview
from editor3d.errors import ConfigError
from editor3d.service.jobs.commands import Places, steps_of
from editor3d.service.jobs.requests import parse_request
from editor3d.types import Around


def request(kind: str = "scene", **settings):
    return parse_request(
        {"kind": kind, "instruction": "winter", "inputs": {"scene": {"path": "demo"}}, "settings": settings}, {}
    )


def command(folder: Path, kind: str, made: type, **settings):
    """What the command of a job's first step is given, as the command itself reads it."""
    words = steps_of(request(kind, **settings), Places(folder, folder / "runs"))[0].words({})
    return tyro.cli(made, args=list(words[1:]))


@pytest.mark.parametrize(("kind", "made"), [("scene", Edit), ("scene-preview", Preview)])
@pytest.mark.parametrize(
    ("settings", "around"),
    [
        ({}, None),
        ({"cameras": 24, "side": 128}, Around(24, 128)),
        ({"scene_up": "-y"}, Around(up=(0.0, -1.0, 0.0))),
        ({"scene_up": [0, -1, 1e-9]}, Around(up=(0.0, -1.0, 1e-9))),
        ({"center": [-1, 0, 2.5], "distance": 0.125}, Around(center=(-1.0, 0.0, 2.5), distance=0.125)),
        ({"center": [0, 0, 0]}, Around(center=(0.0, 0.0, 0.0))),
    ],
)
def test_cameras_round_a_file_of_splats_come_as_they_were_asked_for(tmp_path, kind, made, settings, around):
    asked = command(tmp_path, kind, made, **settings)
    assert asked.around.around() == around


def test_cameras_may_be_those_of_a_file(tmp_path):
    path = tmp_path / "-cameras with blanks.json"
    path.write_text("[]")
    asked = command(tmp_path, "scene", Edit, cameras={"path": str(path)})
    assert asked.around.around() == Around(path)


@pytest.mark.parametrize("name", ["force", "draft"])
def test_a_switch_is_on_where_it_was_asked_for(tmp_path, name):
    for settings, on in ({name: True}, True), ({}, False), ({name: False}, False):
        asked = command(tmp_path, "scene", Edit, **settings)
        assert (vars(asked) | vars(asked.options))[name] is on


@pytest.mark.parametrize(
    "settings",
    [
        {"force": 1},
        {"force": "yes"},
        {"draft": "--force"},
        {"center": [0, 0]},
        {"center": [0, 0, "--force"]},
        {"center": [0, 0, 1e300]},
        {"center": [0, 0, float("nan")]},
        {"center": [True, 0, 0]},
        {"distance": 0},
        {"distance": -1},
        {"distance": float("inf")},
        {"scene_up": "--force"},
        {"scene_up": "up"},
        {"scene_up": [0, 0, 0]},
        {"cameras": 1},
        {"cameras": 10**9},
        {"cameras": True},
        {"cameras": "24"},
        {"cameras": {"path": "cameras.json"}},
        {"cameras": {"path": "/no/such/cameras.json"}},
        {"cameras": {"upload": "1"}},
    ],
)
def test_a_setting_that_is_none_is_refused_by_its_name(settings):
    (name,) = settings
    with pytest.raises(ConfigError, match=name) as caught:
        request(**settings)
    assert "\n" not in str(caught.value)
