"""`editor3d refine` on a real scene, in sandboxed Blender processes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from editor3d.cli import main
from editor3d.programs import Budget, RefineRequest, refine

pytest.importorskip("bpy")

DIM = """import bpy

bpy.data.lights["Key"].energy = {energy}
bpy.data.lights["Fill"].energy = 10.0
"""
WEAKER = ["--allow-weaker-sandbox"]  # what the machine lacks is for the tests of containment to say


@pytest.fixture(scope="module")
def lights(blend, tmp_path_factory) -> tuple[Path, Path]:
    program = tmp_path_factory.mktemp("programs") / "lights.py"
    program.write_text(DIM.format(energy=60.0))
    return blend("lighting"), program


@pytest.fixture(scope="module")
def target(lights, tmp_path_factory) -> Path:
    """The scene under a key light ten times as strong."""
    from editor3d.programs.core.contracts import RenderSettings
    from editor3d.programs.rendering.pool import Workers

    path = tmp_path_factory.mktemp("targets") / "target.png"
    with Workers(lights[0], RenderSettings(48, 48, 16, noise=0.05, denoise=True), allow_weaker_sandbox=True) as workers:
        Image.fromarray(workers.render(DIM.format(energy=600.0)).image).save(path)
    return path


def test_a_hidden_light_is_found_from_a_picture(lights, target, tmp_path, capsys):
    scene, program = lights
    before = scene.read_bytes()
    words = [
        "refine",
        str(scene),
        "--program",
        str(program),
        "--target",
        str(target),
        "--output",
        str(tmp_path / "run"),
    ]
    words += ["--width", "48", "--height", "48", *WEAKER]
    assert main([*words, "--budget-renders", "15", "--no-save-scene"]) == 0
    assert not (tmp_path / "run/result.blend").exists()
    assert "Resume with" not in capsys.readouterr().err
    assert main([*words, "--budget-renders", "40"]) == 2
    assert "--resume" in capsys.readouterr().err
    assert main([*words, "--budget-renders", "40", "--resume"]) == 0
    out, told = capsys.readouterr()
    made = "before_after.png, best.py, best.png, report.html, result.blend, edit.json"
    assert out.splitlines()[-1] == f"Results in {tmp_path / 'run'}: {made}"
    assert "loss" in told
    summary = json.loads((tmp_path / "run/edit.json").read_text())["notes"]
    assert summary["loss"]["after"] < 0.2 * summary["loss"]["before"]
    assert summary["spent"]["renders"] == 40
    assert summary["candidates"]["ok"] <= 40
    assert scene.read_bytes() == before
    result = summary["result"]
    assert (result["file"], result["left_out"], result["error"], result["doubts"]) == ("result.blend", [], "", [])
    assert summary["retried"] >= 0
    assert (tmp_path / "run/result.blend").read_bytes() != before
    picture = np.array(Image.open(tmp_path / "run/best.png")).astype(float)
    assert np.abs(picture - np.array(Image.open(target))).mean() < 10


def test_hostile_code_of_a_model_is_not_run_and_goes_back_to_it(lights, chat, vision, tmp_path, capsys):
    scene, program = lights
    hostile = f"import os\nos.system('touch {tmp_path}/was-here')\n"
    broken = "import bpy\nbpy.data.lights['Nobody'].energy = 3.0\n"
    chat.programs = [hostile, DIM.format(energy=500.0), broken, DIM.format(energy=200.0)]
    asked = RefineRequest(
        scene, program, "more light", proposer="vision", evaluator="vision", breadth=4, depth=1, width=32, height=32
    )
    done = refine(asked, tmp_path / "run", vision=vision, allow_weaker_sandbox=True, budget=Budget(seconds=120))
    assert done.program.read_text() == DIM.format(energy=500.0)
    assert not (tmp_path / "was-here").exists()
    assert done.summary["candidates"] == {"ok": 3, "failed": 1}
    assert (chat.proposals, chat.verdicts) == (6, 4)  # each time that it answers with it, it is called once more
    assert capsys.readouterr().err.count("`os` may not be imported") == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["no-such.blend"], "no-such.blend"),
        (["{scene}", "--program", "no-such.py"], "no-such.py"),
        (["{scene}", "--target", "no-such.png"], "no-such.png"),
        (["{scene}", "--evaluator", "target"], "--target"),
        (["{scene}", "--instruction", "frobnicate the whatsit", "--editor", "procedural"], "frobnicate"),
        (["{scene}"], "instruction"),
        (["{scene}", "--instruction", "make it night", "--budget-seconds", "-1"], "seconds"),
        (["{scene}", "--instruction", "make it night", "--camera", "Nobody", *WEAKER], "Nobody"),
        (["{program}", "--instruction", "make it night", *WEAKER], "save it again"),
    ],
)
def test_mistakes_are_told_in_one_sentence(words, told, lights, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scene, program = lights
    words = [word.format(scene=scene, program=program) for word in words]
    if "--program" not in words:
        words += ["--program", str(program)]
    assert main(["refine", *words, "--proposer", "embedded"]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.startswith("error:")
    assert "Traceback" not in error


def test_the_scene_itself_is_never_taken_for_an_earlier_result(lights, tmp_path, capsys):
    scene = tmp_path / "result.blend"
    scene.write_bytes(lights[0].read_bytes())
    words = ["refine", str(scene), "--program", str(lights[1]), "--instruction", "make it night"]
    assert main([*words, "--proposer", "embedded", "--output", str(tmp_path / "." / "x" / "..")]) == 2
    assert "--no-save-scene" in capsys.readouterr().err
    assert scene.read_bytes() == lights[0].read_bytes()
