"""Every command opens with one line of what it found in the capture."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from editor3d.cli import main
from editor3d.datasets.opening import announce, describe
from editor3d.run.opening import be_brief, begin_command
from editor3d.types import PosedImages, View

TINY = "/capture: 8 + 2 views, 24×20, 0 masks, 0 points, 1 object, transforms.json"


def view(index: int, **more) -> View:
    lens = {"width": 512, "height": 512, "fl_x": 1.0, "fl_y": 1.0, "cx": 0.0, "cy": 0.0}
    split = "train" if index % 8 else "test"
    return View(name=f"{index}", image_path=Path(f"{index}.png"), split=split, **{**lens, **more}, c2w=np.eye(4)[:3])


def capture(views: list[View], **more) -> PosedImages:
    return PosedImages(Path("captures/bear"), "colmap", tuple(views), notes=("model sparse/0 of 1",), **more)


def test_what_a_capture_holds() -> None:
    posed = capture([view(index) for index in range(96)], points=np.zeros((34_174, 3)))
    assert describe(posed) == "bear: 84 + 12 views, 512², 0 masks, 34 174 points, model sparse/0 of 1"


@pytest.mark.parametrize(("root", "said"), [("demo/data", "demo/data: "), ("a/capture", "a/capture: "), ("a/b", "b: ")])
def test_what_it_is_called(root: str, said: str) -> None:
    posed = replace(capture([view(1), view(8)]), root=Path(root))
    assert describe(posed).startswith(said)
    assert describe(posed, "scene.ply").startswith("scene.ply: ")


def test_what_only_some_have() -> None:
    views = [
        view(1, mask_path=Path("m.png"), fisheye=True),
        view(2, width=640, height=480),
        view(8, depth_path=Path("d")),
    ]
    said = describe(capture(views, objects={"a": 1, "b": 2}, points=np.zeros((1, 3))))
    assert said.startswith(
        "bear: 2 + 1 views, 512² to 640×480, 1 mask, 1 point, 1 of them fisheye, 1 with depth, 2 objects"
    )
    assert "fisheye, m" in describe(capture([replace(views[0], split=split) for split in ("train", "test")]))


def test_it_is_said_once_a_command(capsys) -> None:
    posed, other = capture([view(1), view(8)]), capture([view(1), view(2), view(8)])
    begin_command()
    for found in (posed, other, posed):
        announce(found)
    assert len(capsys.readouterr().err.splitlines()) == 2
    begin_command()
    announce(posed)
    assert capsys.readouterr().err == describe(posed) + "\n"


def test_a_brief_command_leaves_it_out(capsys) -> None:
    posed = capture([view(1), view(8)])
    begin_command()
    be_brief()
    announce(posed)
    assert capsys.readouterr().err == ""
    begin_command()
    announce(posed)
    assert capsys.readouterr().err == describe(posed) + "\n"


def test_preview(tiny_capture, tmp_path, capsys) -> None:
    words = [str(tiny_capture), "--instruction", "make it look like winter", "--editor", "procedural", "--count", "1"]
    assert main(["preview", *words, "--output", str(tmp_path)]) == 0
    assert capsys.readouterr().err.splitlines()[0].endswith(TINY)


def opens_with_it(capsys, *words: str) -> str:
    """What a command that looks at a run of the tiny capture prints, its opening line aside."""
    capsys.readouterr()
    assert main(list(words)) == 0
    captured = capsys.readouterr()
    assert captured.err.splitlines()[0].endswith(TINY)
    assert captured.err.count(TINY) == 1
    return captured.out


@pytest.mark.parametrize("command", [["render", "--path", "test"], ["export", "--format", "images"]])
def test_commands_that_look_at_a_base(tiny_base, tmp_path, capsys, command) -> None:
    opens_with_it(capsys, command[0], str(tiny_base), *command[1:], "--output", str(tmp_path / "out"))


@pytest.mark.slow
def test_judging_an_edit(tiny_edit, finished, capsys) -> None:
    """Its base has the same capture, of which nothing is said twice; the report stays JSON."""
    run = str(finished(tiny_edit()))
    json.loads(opens_with_it(capsys, "eval", run, "--json"))
    assert main(["eval", run, "--show", "summary"]) == 0
    captured = capsys.readouterr()
    assert TINY not in captured.err
    assert len(captured.out.splitlines()) == 1


@pytest.mark.slow
def test_training_by_nerfstudios_command_and_going_on(tiny_edit, saved, lab) -> None:
    """`ns-train` builds the configuration, saves it, and trains; `resume` goes on with it."""
    config = tiny_edit()
    code = (
        "import yaml\n"
        "config = yaml.load(open(path), Loader=yaml.Loader)\n"
        "config.save_config()\n"
        "trainer = config.setup(local_rank=0, world_size=1)\n"
        "trainer.setup()\n"
        "trainer.train()\n"
    )
    done = lab.run(code, path=saved(config))
    assert done.code == 0, done.stderr
    assert done.stderr.count(TINY) == 1
    again = lab.run("from editor3d.cli import main\nraise SystemExit(main(['resume', run]))", run=config.get_base_dir())
    assert again.code == 0, again.stderr
    assert again.stderr.splitlines()[0].endswith(TINY)
    assert again.stderr.count(TINY) == 1
