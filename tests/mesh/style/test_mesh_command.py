"""`editor3d mesh style`, and what documentation says of it."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import tyro

from editor3d.cli import main
from editor3d.cli.commands.mesh import Mesh
from editor3d.metrics.clip_weights import packaged_clip
from mesh.io.read import read_mesh
from mesh.style.command import announce, config_of
from mesh.style.config import StyleConfig

ROOT = Path(__file__).parents[3]
SMALL = shlex.split("--steps 2 --views 3 --held-out 1 --side 32 --turntable-frames 0 --texture-size 32")


def test_a_mesh_is_styled_and_a_run_is_resumed_and_judged(ball_file, tmp_path, capsys):
    words = ["mesh", "style", str(ball_file), "--instruction", "make it bronze", "--editor", "procedural", *SMALL]
    assert main([*words, "--output", str(tmp_path / "out.glb"), "--runs", str(tmp_path / "runs")]) == 0
    assert len(read_mesh(tmp_path / "out.glb").faces) == 1280
    (run,) = (tmp_path / "runs" / "ball" / "mesh-style").iterdir()
    stamp = (run / "mesh.glb").stat().st_mtime_ns
    assert main(["resume", str(run)]) == 0
    assert (run / "mesh.glb").stat().st_mtime_ns == stamp  # a finished run is left as it is
    assert main(["eval", str(run)]) == 0
    assert (run / "eval.json").is_file()
    assert "gap" in capsys.readouterr().out
    assert main(["eval", str(run), "--truth", str(tmp_path)]) == 2


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (["--instruction", "make it bronze", "--output", "out.blend"], "glb"),
        ([], "instruction"),
        (["--instruction", "x", "--prompt", "y"], "both"),
        (["--instruction", "make it bronze", "--region", "sphere:99,0,0,1"], "holds none"),
        (["--instruction", "make it somehow nicer"], "nicer|understood"),
        (["--instruction", "make it bronze", "--displacement", "3"], "displacement"),
        (["--instruction", "make it bronze", "--up", "0", "0", "0"], "upwards"),
        (["--instruction", "make it bronze", "--elevations", "60", "20"], "elevations"),
    ],
)
def test_what_is_refused_is_one_sentence_and_leaves_nothing(flags, word, ball_file, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["mesh", "style", str(ball_file), "--editor", "procedural", *SMALL, *flags]) == 2
    told = capsys.readouterr().err
    assert re.search(word, told)
    assert told.count("\n") == 1
    assert not (tmp_path / "outputs").exists()


def test_a_file_that_is_no_mesh_is_refused(tmp_path, capsys):
    (tmp_path / "text.obj").write_text("nothing of the kind")
    assert main(["mesh", "style", str(tmp_path / "text.obj"), "--instruction", "make it bronze"]) == 2
    assert "mesh" in capsys.readouterr().err


def test_flags_reach_the_configuration(ball_file, tmp_path):
    flags = "--symmetry z --sigma 3 --displacement 0.2 --side 48 --up 0 0 1 --lights headlight --background 0 0 0"
    words = ["style", str(ball_file), "--instruction", "make it gold", *flags.split(), "--guidance-scale", "9"]
    config = config_of(tyro.cli(Mesh, args=words))
    assert (config.style.symmetry, config.style.sigma, config.style.displacement) == ("z", 3.0, 0.2)
    assert (config.views.side, config.views.up, config.lights.attached_to) == (48, (0.0, 0.0, 1.0), "camera")
    assert (config.background, config.edits.guidance_scale) == ((0.0, 0.0, 0.0), 9.0)
    assert config_of(tyro.cli(Mesh, args=["style", "a.obj", "--instruction", "gold"])).style.displacement == 0.0


def test_the_small_clip_gets_smooth_colours_alone_and_another_what_the_paper_has(tmp_path):
    def made(clip: str, *flags: str) -> StyleConfig:
        return config_of(tyro.cli(Mesh, args=["style", "a.obj", "--prompt", "a gold ball", "--clip", clip, *flags]))

    (tmp_path / "config.json").write_text("{}")
    small, other = made(str(packaged_clip())), made(str(tmp_path))
    assert (small.style.displacement, other.style.displacement) == (0.0, 0.1)
    assert small.style.sigma < 1.0 < other.style.sigma
    assert small.clip_loss.smoothness > other.clip_loss.smoothness == 0.0
    asked = made(str(packaged_clip()), "--displacement", "0.05", "--sigma", "4")
    assert (asked.style.displacement, asked.style.sigma) == (0.05, 4.0)


def documented() -> list[str]:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    lines = [line.strip() for page in pages for line in page.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line.startswith("editor3d mesh ")]


@pytest.mark.parametrize("line", documented())
def test_documented_commands_are_understood(line):
    words = shlex.split(line, comments=True)[2:]
    if "--events" in words:  # read by the command line itself, for all commands
        at = words.index("--events")
        words = words[:at] + words[at + 2 :]
    config = config_of(tyro.cli(Mesh, args=words))
    assert config.instruction or config.prompt


def test_there_are_documented_commands():
    assert len(documented()) >= 3


def test_the_engine_does_not_import_meshes():
    listing = "[name for name in sys.modules if name.startswith('mesh')]"
    code = f"import sys, editor3d, editor3d.cli.commands.mesh, editor3d.api; print({listing})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]"


def test_what_was_read_and_what_is_not_shown_is_said(checkered_box, tmp_path, capsys):
    checkered_box().export(tmp_path / "box.glb")
    announce(read_mesh(tmp_path / "box.glb"), "box.glb")
    assert capsys.readouterr().out == "Mesh box.glb: 8 vertices, 12 faces, 1 texture (72 x 48)\n"
    (tmp_path / "a.mtl").write_text("newmtl a\nKd 1 0 0\nmap_Kd gone.png\n")
    (tmp_path / "a.obj").write_text("mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nusemtl a\nf 1/1 2/1 3/1\n")
    announce(read_mesh(tmp_path / "a.obj"), "a.obj")
    first, second = capsys.readouterr().out.splitlines()
    assert first == "Mesh a.obj: 3 vertices, 1 faces, 1 plain colour"
    assert second == "  texture 'gone.png' not found, drawn without it"
