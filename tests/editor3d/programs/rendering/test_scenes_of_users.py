"""Scenes and programs as people bring them: rendered as they look, or with a word on what is missing."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from editor3d.cli import main
from editor3d.programs.core.contracts import RenderSettings
from editor3d.programs.rendering.pool import Workers
from editor3d.programs.sandbox import gate

pytest.importorskip("bpy")

SETTINGS = RenderSettings(width=48, height=48, samples=1)
BY_THEMSELVES = {"assert + raise", "capture items", "pair_with_output", "repeat_items", "node.label", "color curve"}
"""Programs that fail of themselves, or need a scene made for them."""
FACTORY = """
import bpy, os, sys
bpy.ops.wm.read_factory_settings()
bpy.data.lights["Light"].energy = 400
if sys.argv[2:]:
    bpy.data.objects["Cube"].name = "A"
    bpy.data.materials["Material"].name = bpy.data.lights["Light"].name = "A"
    bpy.data.objects["Light"].name = "L"
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[1])
os._exit(0)
"""


def factory(path: Path, *words: str) -> Path:
    """Blender's own default scene, saved; with any word, its things are named as in examples."""
    environment = os.environ | {"TMPDIR": str(path.parent)}
    subprocess.run([sys.executable, "-c", FACTORY, str(path), *words], check=True, capture_output=True, env=environment)
    return path


def test_a_refinement_of_blender_s_default_scene_runs(tmp_path, capsys):
    program = tmp_path / "lights 1.py"
    program.write_text('import bpy\nkey = bpy.data.objects["Light"]\nkey.data.energy = 100.0\n')
    scene = factory(tmp_path / "untitled.blend")
    words = [
        "refine",
        str(scene),
        "--program",
        str(program),
        "--instruction",
        "make it night",
        "--proposer",
        "embedded",
    ]
    words += ["--width", "32", "--height", "32", "--budget-renders", "4", "--output", str(tmp_path / "run")]
    assert main([*words, "--allow-weaker-sandbox"]) == 0
    told = json.loads((tmp_path / "run/edit.json").read_text())["notes"]
    assert told["candidates"]["ok"] == 4
    assert told["scene_notes"] == told["result"]["doubts"] == []
    assert "note:" not in capsys.readouterr().err


@pytest.mark.slow
def test_a_relative_picture_is_seen_or_named(cases, tmp_path):
    scene = Path(shutil.copy(cases / "relative_texture" / "scene.blend", tmp_path))
    with Workers(scene, SETTINGS, allow_weaker_sandbox=True) as workers:
        assert any("missing" in note and "chk.png" in note for note in workers.notes)
        without = workers.render("").image
    with Workers(cases / "relative_texture" / "scene.blend", SETTINGS, allow_weaker_sandbox=True) as workers:
        assert not any("missing, and" in note for note in workers.notes)
        assert (workers.render("").image != without).any()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("made_in_5_2.blend", ["saved by Blender 5.2 and is opened by 4.", "Radial Tiling", "SDF Grid", "Bundle"]),
        ("compositor_gpu_5_2.blend", ["saved by Blender 5.2", "the CPU"]),
        ("room.blend", []),
        ("geo.blend", []),
        ("material.blend", []),
    ],
)
def test_scenes_are_rendered_and_their_losses_said(name, said, cases):
    with Workers(cases / name, SETTINGS, allow_weaker_sandbox=True) as workers:
        told = workers.render("import bpy")
        assert told.status == "ok", told
        notes = " ".join(workers.notes)
        assert all(part in notes for part in said)
        assert bool(notes) == bool(said)


@pytest.mark.slow
def test_ordinary_programs_that_pass_the_gate_run(cases, tmp_path):
    spec = importlib.util.spec_from_file_location("ordinary_programs", cases / "ordinary_programs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    passed = {name: source for name, source in module.PROGRAMS.items() if gate.check(source) is None}
    assert len(passed) > 30
    with Workers(factory(tmp_path / "a.blend", "named"), SETTINGS, allow_weaker_sandbox=True) as workers:
        told = {name: workers.render(source) for name, source in passed.items() if name not in BY_THEMSELVES}
    assert {name: one.message for name, one in told.items() if one.status != "ok"} == {}


@pytest.mark.slow
def test_the_lights_of_a_room_are_found_as_well_as_ever(cases, tmp_path):
    words = ["refine", str(cases / "room.blend"), "--program", str(cases / "lights.py"), "--proposer", "embedded"]
    words += ["--target", str(cases / "room_target.png"), "--width", "64", "--clip", "off"]
    words += ["--budget-renders", "200", "--output", str(tmp_path / "run"), "--no-save-scene"]
    assert main([*words, "--allow-weaker-sandbox"]) == 0
    loss = json.loads((tmp_path / "run/edit.json").read_text())["notes"]["loss"]
    assert loss["after"] < 0.4 * loss["before"]
