"""Which Blender opens a scene."""

from __future__ import annotations

import stat
import sys

import pytest

from editor3d.cli import main
from editor3d.errors import ConfigError
from editor3d.programs.blenders import choice, environments
from editor3d.programs.blenders.interpreter import Interpreter

OWN = Interpreter(sys.executable, (4, 5, 15), (), True)


def other(*version: int) -> Interpreter:
    return Interpreter(f"/blender/{version}", version, (), False)


@pytest.fixture
def machine(monkeypatch):
    """A machine with Blender 4.5 of its own, and 4.2 and 5.2 besides."""
    there = [other(4, 2, 23), other(5, 2, 3)]
    monkeypatch.setattr(environments, "installed", lambda: there)
    monkeypatch.setattr(choice, "own_interpreter", lambda: OWN)
    return there


@pytest.fixture
def scene(tmp_path):
    def saved(head: bytes):
        path = tmp_path / "scene.blend"
        path.write_bytes(head)
        return path

    return saved


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"BLENDER-v405REND", (4, 5, 15)),
        (b"BLENDER-v402REND", (4, 2, 23)),
        (b"BLENDER-v304REND", (4, 5, 15)),
        (b"BLENDER17-01v0502", (5, 2, 3)),
        (b"BLENDER17-01v0501", (5, 2, 3)),
        (b"no head", (4, 5, 15)),
    ],
)
def test_the_version_that_saved_a_scene_opens_it_and_else_a_newer_one(head, expected, scene, machine):
    assert choice.choose(scene(head)).blender == expected


def test_an_older_one_is_refused_with_the_remedy_or_accepted(scene, machine):
    path = scene(b"BLENDER17-01v0503")
    with pytest.raises(ConfigError, match=r"saved by Blender 5\.3.*blender install 5\.3.*--allow-older-blender"):
        choice.choose(path)
    assert choice.choose(path, allow_older=True).blender == (5, 2, 3)
    with pytest.raises(ConfigError, match=r"install 5\.3"):
        choice.choose(path, "4.5")


def test_a_version_or_the_program_of_a_blender_names_one(scene, machine, tmp_path):
    path = scene(b"BLENDER-v405REND")
    assert choice.choose(path, "5.2").blender == (5, 2, 3)
    program = tmp_path / "blender"
    program.write_text("#!/bin/sh\necho 'Blender 5.2.1 LTS'\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    assert choice.choose(path, str(program)).blender == (5, 2, 3)
    for given, remedy in (("5.0", r"blender install 5\.0"), ("3.4", "4.2 or newer"), ("/no/blender", "check the path")):
        with pytest.raises(ConfigError, match=remedy):
            choice.choose(path, given)


def test_what_is_no_python_with_blender_is_refused(scene, machine):
    with pytest.raises(ConfigError, match="Expected a Python with Blender's module at"):
        choice.choose(scene(b"BLENDER-v405REND"), "/bin/true")


def test_the_command_lists_and_refuses(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv(environments.FOLDER_VARIABLE, str(tmp_path))
    assert main(["blender", "list"]) == 0
    assert "Blender" in capsys.readouterr().out
    for words, reason in (
        (["install"], "Expected a version"),
        (["install", "five"], "such as 5.2"),
        (["install", "2.79"], "4.2 or newer"),
        (["remove", "5.2"], "not installed"),
    ):
        assert main(["blender", *words]) == 2
        assert reason in capsys.readouterr().err


def test_a_blender_whose_python_is_missing_is_refused_by_its_name(monkeypatch, tmp_path):
    monkeypatch.setenv(environments.FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setattr(environments, "_pythons", lambda wanted: iter([sys.executable]))
    with pytest.raises(ConfigError, match=r"Blender 5\.2 needs Python 3\.13"):
        environments.install("5.2")
    assert not list(tmp_path.iterdir())
