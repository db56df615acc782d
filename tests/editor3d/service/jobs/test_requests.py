"""Settings of a job, and the words of the commands that they become."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, get_type_hints

import msgspec
import pytest
import tyro
from hypothesis import example, given
from hypothesis import settings as checks
from hypothesis import strategies as st

from editor3d.cli.cameras import CameraOptions
from editor3d.cli.commands.edit import Edit
from editor3d.cli.commands.mesh import Mesh
from editor3d.cli.commands.preview import Preview
from editor3d.cli.commands.refine import Refine
from editor3d.errors import ConfigError
from editor3d.options import EditOptions, docs_of, schema_of
from editor3d.service.jobs.commands import Places, steps_of
from editor3d.service.jobs.requests import KINDS, parse_request
from editor3d.service.jobs.settings import (
    DECIDED,
    MeshSettings,
    PictureSettings,
    PreviewSettings,
    RefineSettings,
    SceneSettings,
)
from editor3d.types import Around


def request(kind: str = "scene", **settings):
    body = {"kind": kind, "instruction": "winter", "inputs": {"scene": {"path": "demo"}}, "settings": settings}
    return parse_request(json.dumps(body).encode(), {})


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


def test_every_option_of_an_edit_is_a_setting_and_reaches_the_command(tmp_path):
    """Those that are added to the options, too: none is named here."""
    names = {name for name in EditOptions.__dataclass_fields__ if name not in DECIDED}
    described = schema_of()["properties"]
    assert names <= set(SceneSettings.__struct_fields__)
    for name in names:
        part = described[name]
        values = [*part.get("enum", ()), *(value for one in part.get("anyOf", [part]) for value in examples(one))]
        for value in values:
            asked = command(tmp_path, "scene", Edit, **{name: value})
            assert getattr(asked.options, name) == value
            assert getattr(request(**{name: value}).options, name) == value


def examples(part: dict) -> list:
    """Values that a part of a schema allows, null aside."""
    if "enum" in part:
        return [value for value in part["enum"] if value is not None]
    kind = {"integer": [3], "number": [0.5], "string": ["sphere:0,0,0,1"], "boolean": [True], "null": []}
    return kind[part["type"]]


def test_the_garment_of_an_edit_is_an_input(tmp_path):
    (tmp_path / "shirt.png").write_bytes(b"png")
    uploads = {"1": tmp_path / "shirt.png"}
    body = {"kind": "scene", "instruction": "dress", "inputs": {"scene": {"path": "demo"}, "garment": {"upload": "1"}}}
    asked = parse_request(json.dumps(body).encode(), uploads)
    assert asked.options.garment == uploads["1"]
    words = steps_of(asked, Places(tmp_path, tmp_path))[0].words({})
    assert tyro.cli(Edit, args=list(words[1:])).options == replace(asked.options, output=tmp_path)


@pytest.mark.parametrize(("settings", "command"), [(MeshSettings, Mesh), (RefineSettings, Refine)])
def test_settings_of_meshes_and_refinements_are_declared_with_their_commands(settings, command):
    known, said = get_type_hints(command, include_extras=True), docs_of(command)
    for setting in msgspec.structs.fields(settings):
        assert setting.type == Annotated[known[setting.name], msgspec.Meta(description=said[setting.name])]
        assert setting.default == command.__dataclass_fields__[setting.name].default


def test_a_refinement_is_about_the_objects_that_a_client_names(tmp_path):
    for name in ("a.blend", "a.py"):
        (tmp_path / name).write_bytes(b"")
    inputs = {"blend": {"path": str(tmp_path / "a.blend")}, "program": {"path": str(tmp_path / "a.py")}}
    body = {"kind": "refine", "instruction": "turn the ball into gold", "inputs": inputs}
    for objects in ("", "Ball,Glass ball (left)"):
        asked = parse_request(json.dumps(body | {"settings": {"objects": objects} if objects else {}}).encode(), {})
        words = steps_of(asked, Places(tmp_path, tmp_path))[0].words({})
        assert tyro.cli(Refine, args=list(words[1:])).objects == objects
    with pytest.raises(ConfigError, match="Expected a name for objects"):
        parse_request(json.dumps(body | {"settings": {"objects": "Ball;rm"}}).encode(), {})


@pytest.mark.parametrize("settings", [PictureSettings, PreviewSettings])
def test_settings_of_previews_are_flags_of_their_command(settings):
    flags = {*Preview.__dataclass_fields__, *CameraOptions.__dataclass_fields__}
    renamed = {"scene_up": "up"}
    assert {renamed.get(name, name) for name in settings.__struct_fields__} <= flags


def test_settings_of_a_mesh_reach_its_command(tmp_path):
    (tmp_path / "a.glb").write_bytes(b"")
    settings = {"editor": "procedural", "steps": 7, "views": 5, "side": 64, "texture_size": 0, "displacement": 0.25}
    settings |= {"up": [0, -1, 1e-9], "front": [-1, 0, 0], "region": "sphere:-1,0,0,1", "guidance_scale": 3, "seed": 1}
    body = {"kind": "mesh", "instruction": "-gold", "inputs": {"mesh": {"path": str(tmp_path / "a.glb")}}}
    asked = parse_request(json.dumps(body | {"settings": settings}).encode(), {})
    words = steps_of(asked, Places(tmp_path, tmp_path))[0].words({})
    made = vars(tyro.cli(Mesh, args=list(words[1:])))
    assert made["instruction"] == "-gold"
    for name, value in settings.items():
        assert made[name] == (tuple(value) if isinstance(value, list) else value)


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
        {"center": [True, 0, 0]},
        {"distance": 0},
        {"distance": -1},
        {"viewer": True},
        {"output": "/"},
        {"instruction": "summer"},
        {"garment": "/a.png"},
        {"texture_size": 512},
        {"steps": 0},
        {"seed": -1},
        {"region": "box:0;rm"},
        {"region": "--force"},
        {"method": "--force"},
        {"condition_on": "nothing"},
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


BODY = b'{"kind":"scene","instruction":"it","inputs":{"scene":{"path":"demo"}},"settings":{"steps":2,"center":[0,0,1]}}'


PIECES = st.binary(max_size=5) | st.sampled_from([b"null", b"{}", b"1e999"])


@checks(deadline=None)
@example([(BODY.index(b"scene"), b"\n")])
@example([(BODY.index(b"path"), b"\n")])
@example([(BODY.index(b"steps"), b"x" * 10_000)])
@example([(BODY.index(b"scene"), b"x"), (len(BODY) - 4, b"\xf5")])
@example([(BODY.index(b"demo"), b"\\ud800")])
@example([(0, b"[" * 60_000)])
@given(
    st.lists(st.tuples(st.integers(0, len(BODY)), st.binary(max_size=5) | st.sampled_from([b"null", b"{}", b"1e999"])))
)
def test_whatever_is_no_job_is_refused_in_a_sentence(pieces):
    body = BODY
    for place, piece in pieces:
        body = body[:place] + piece + body[place + len(piece) :]
    said = "A job."
    try:
        assert parse_request(body, {}).kind in KINDS
    except ConfigError as error:
        said = str(error)
    assert len(said.splitlines()) == 1
    assert said.endswith(".")
    assert len(said) < 500
