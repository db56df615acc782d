"""What README.md and docs/ tell people to type is understood as it stands there."""

from __future__ import annotations

import re
import shlex
from copy import deepcopy
from pathlib import Path

import pytest
import tyro

from editor3d import api
from editor3d.cli import COMMANDS, main
from editor3d.cli.commands.edit import Edit
from editor3d.editors.catalogue import EDITORS
from editor3d.errors import ConfigError
from editor3d.plugin.train.presets import preset_names, read_preset
from editor3d.registry import METHODS, SCENE_FILES, SYSTEMS, load_target
from lab.subject import garment_path, subject_path

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands(start: str) -> list[str]:
    """The lines of code blocks that begin with `start`."""
    lines = [line for page in PAGES for line in page.read_text(encoding="utf-8").splitlines()]
    return [line.strip() for line in lines if re.match(rf"(    )?{start} ", line)]


@pytest.fixture
def configured(monkeypatch, tmp_path) -> list:
    """Configurations that would have been run, checked."""
    made = []
    monkeypatch.setattr(api, "_run", made.append)
    monkeypatch.chdir(tmp_path)
    for entry in EDITORS.values():  # services, of which nothing is asked
        for variable in entry.key_variables[:1]:
            monkeypatch.setenv(variable, "a-key")
    return made


def with_garment(words: list[str]) -> list[str]:
    """The same command with a picture of a garment that is there."""
    return [
        str(garment_path()) if before == "--garment" else word
        for before, word in zip(["", *words], words, strict=False)
    ]


@pytest.mark.parametrize("line", commands("editor3d edit"))
def test_documented_edits_are_understood(line, tiny_capture, configured):
    words = with_garment(shlex.split(line, comments=True)[2:])
    if "--garment" in words:  # which is put on people
        tiny_capture = subject_path()
    if Path(words[0]).suffix in SCENE_FILES:
        assert tyro.cli(Edit, args=words).options.instruction
        return
    if "strokes:bear.json" in words:
        Path("bear.json").write_text('{"strokes": [{"view": "view_01", "pixels": [[12, 10]]}]}')
    data = "demo" if words[0] == "demo" else str(tiny_capture)  # whose objects commands name
    words = [word.replace("folder:PICTURES", f"folder:{tiny_capture / 'images'}") for word in words]
    assert main(["edit", data, *words[1:]]) == 0
    assert len(configured) == 1


OF_SYSTEMS = [line for line in SYSTEMS.values() if line.startswith("ns-train ")]


@pytest.mark.parametrize("line", [*commands("ns-train"), *OF_SYSTEMS])
def test_documented_trainings_are_understood(line, tiny_capture):
    _, method, *flags = with_garment(shlex.split(line, comments=True))
    config = deepcopy(load_target(METHODS[method].target).config)
    config = tyro.cli(type(config), default=config, args=flags)
    assert config.data is not None
    config.pipeline.datamanager.data = subject_path() if "--garment" in flags else tiny_capture
    if "options" in vars(config) and (config.options.region or "").startswith("object:"):
        config.choose(region="object:ball")  # which this capture has
    config.check()


@pytest.mark.parametrize("system", [name for name, line in SYSTEMS.items() if line not in OF_SYSTEMS])
def test_systems_without_a_trainer_of_their_own_are_understood(system):
    program, name, *words = shlex.split(SYSTEMS[system])
    assert program == "editor3d"
    read = tyro.cli(load_target(COMMANDS[name].target), args=words)
    assert words[-1] in (vars(read).get("prompt"), vars(read).get("instruction"))


def test_there_are_commands_to_look_at():
    assert len(commands("editor3d edit")) >= 4
    assert len(commands("ns-train")) >= 4


@pytest.mark.parametrize("preset", preset_names())
def test_a_preset_brings_its_method(preset, tiny_capture, configured):
    api.load(tiny_capture).edit("make it look like winter", preset=preset, editor="procedural")
    assert [config.method_name for config in configured] == [read_preset(preset)["method"]]


def test_a_method_that_is_asked_for_is_not_changed_for_a_preset(tiny_capture, configured):
    with pytest.raises(ConfigError, match="is for in2n, not for igs2gs"):
        api.load(tiny_capture).edit("make it look like winter", preset="in2n-quick", method="igs2gs")
    with pytest.raises(ConfigError, match="did you mean in2n-quick"):
        api.load(tiny_capture).edit("make it look like winter", preset="in2n-quik")
    assert not configured


def test_condition_and_guidance_are_flags_that_win_over_the_preset(tiny_capture, configured):
    words = ["edit", str(tiny_capture), "--instruction", "make it night", "--preset", "in2n-paper"]
    assert main(words) == 0
    asked = ["--condition-on", "base", "--guidance-scale", "9", "--image-guidance-scale", "1.25"]
    assert main([*words, *asked]) == 0
    plans = [c.resolve(c.options, c.capture(), c.create_editor(c.options)) for c in configured]
    chosen = [(plan.condition_on, plan.guidance_scale, plan.image_guidance_scale) for plan in plans]
    assert chosen == [("original", 7.5, 1.5), ("base", 9.0, 1.25)]
    assert main([*words, "--guidance-scale", "-1"]) == 2
