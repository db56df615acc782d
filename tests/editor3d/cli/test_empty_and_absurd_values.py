"""No flag of a command takes an empty or an absurd value without a word."""

from __future__ import annotations

from copy import deepcopy

import pytest

from editor3d import api
from editor3d.cli import main
from editor3d.errors import ConfigError, Editor3DError, RegionError


@pytest.fixture
def refused(capsys, tmp_path, monkeypatch):
    """Runs a command that is to be refused; gives the sentence."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> str:
        assert main(list(words)) == 2
        said = capsys.readouterr().err
        assert "Traceback" not in said
        assert not list(tmp_path.iterdir())
        return said

    return run


FLAGS = {
    "edit": ["--method", "--region", "--garment", "--editor", "--output", "--base", "--data", "--preset", "--cameras"],
    "render": ["--output", "--views", "--data"],
    "export": ["--output", "--data"],
    "eval": ["--truth", "--reference", "--data"],
    "resume": ["--data"],
    "preview": ["--views", "--output", "--editor", "--device"],
    "splats": ["--select", "--output", "--recolor"],
    "doctor": ["--output"],
    "serve": ["--state", "--folder"],
}


@pytest.mark.parametrize("value", ["", "  ", "\t"])
@pytest.mark.parametrize(("command", "flag"), [(command, flag) for command, flags in FLAGS.items() for flag in flags])
def test_an_empty_value_is_never_one(command, flag, value, refused):
    assert f"Expected a value after {flag}, got an empty one" in refused(command, "demo", flag, value)
    assert f"Expected a value after {flag}, got an empty one" in refused(command, "demo", f"{flag}={value}")


@pytest.mark.parametrize("command", ["edit", "render", "export", "eval", "resume", "preview", "splats", "refine"])
def test_an_empty_scene_is_none(command, refused):
    assert "an empty one" in refused(command, "")
    assert "NUL" in refused(command, "a\0b")


EDIT = ("edit", "demo", "--instruction", "make it gold", "--editor", "procedural", "--method", "in2n")


@pytest.mark.parametrize(
    ("flag", "value", "named"),
    [
        ("--region", "none", "not understood"),
        ("--region", "box:", "no number"),
        ("--region", "object:", "object"),
        ("--seed", "-1", "for seed"),
        ("--seed", "4294967296", "for seed"),
        ("--steps", "0", "for steps"),
        ("--steps", "-5", "for steps"),
        ("--base-steps", "0", "for base-steps"),
        ("--base-steps", "-1", "for base-steps"),
        ("--guidance-scale", "nan", "guidance-scale"),
        ("--guidance-scale", "-1", "guidance-scale"),
        ("--image-guidance-scale", "inf", "guidance-scale"),
        ("--downscale-factor", "0", "downscale factor"),
        ("--method", "none", "got 'none'"),
        ("--preset", "none", "no preset none"),
        ("--base", "nowhere", "found nothing"),
    ],
)
def test_an_absurd_setting_of_an_edit_is_refused_before_anything_is_made(flag, value, named, refused):
    assert named in refused(*EDIT, flag, value)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["export", "RUN", "--format", "mesh", "--resolution", "100000"], "8 to 1024"),
        (["export", "RUN", "--format", "mesh", "--resolution", "16", "--radius", "1e30"], "at most 1000"),
        (["export", "RUN", "--format", "mesh", "--resolution", "16", "--radius", "nan"], "radius"),
        (["export", "RUN", "--format", "mesh", "--resolution", "16", "--threshold", "nan"], "threshold"),
        (["export", "RUN", "--format", "mesh", "--resolution", "16", "--min-component", "nan"], "share of 0 to 1"),
        (["export", "RUN", "--format", "mesh", "--resolution", "16", "--min-component", "2"], "share of 0 to 1"),
        (["render", "RUN", "--path", "test", "--views", ","], "names of test views"),
        (["render", "RUN", "--fps", "100000"], "1 to 1000 frames"),
    ],
)
def test_an_absurd_setting_of_what_looks_at_a_run_is_refused(words, named, refused, tiny_base):
    assert named in refused(*(str(tiny_base) if word == "RUN" else word for word in words))


@pytest.mark.parametrize("region", ["", " ", "\n"])
def test_an_empty_region_is_refused_from_python_and_from_ns_train_as_well(region, tiny_capture, tiny_edit):
    with pytest.raises(RegionError, match="an empty one"):
        api.load(tiny_capture).edit("make it gold", region=region)
    with pytest.raises(RegionError, match="an empty one"):
        tiny_edit(region=region).check()


@pytest.mark.parametrize(("name", "value"), [("base_method", "none"), ("base_method", "in2n"), ("base_method", "")])
def test_a_base_is_made_by_a_method_that_makes_some(name, value, tiny_edit):
    with pytest.raises(ConfigError, match="as base-method"):
        tiny_edit(**{name: value}).check()


def test_a_seed_from_ns_train_is_bounded_too(tiny_edit):
    config = deepcopy(tiny_edit())
    config.machine.seed = -1
    with pytest.raises(Editor3DError, match="a seed of 0 to"):
        config.check()
