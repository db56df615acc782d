"""Runs whose capture, or whose own folder, was moved."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from editor3d import api
from editor3d.cli import main
from editor3d.errors import CheckpointError, DataError, Editor3DError
from editor3d.plugin.bases.cameras import load_any_cameras
from editor3d.plugin.bases.captures import CAPTURE, FRAME
from editor3d.plugin.config.file import dump_config, read_config
from editor3d.plugin.results.runs import open_run


@pytest.fixture
def moved(tiny_edit, own_capture, tiny_base, tmp_path, start) -> tuple[Path, Path]:
    """The run of an edit, and where its capture and that of its base were moved to."""
    base = Path(shutil.copytree(tiny_base, tmp_path / "out" / "tiny" / "voxel" / "base"))
    own = read_config(base / "config.yml")
    own.pipeline.datamanager.data = own.pipeline.datamanager.dataparser.data = own_capture
    (base / "config.yml").write_text(dump_config(own))
    trainer = start(tiny_edit(data=own_capture, load_dir=base, output_dir=tmp_path / "out", steps=4))
    assert trainer.fit()
    return trainer.base_dir, own_capture.rename(tmp_path / "elsewhere")


def test_a_run_without_its_capture_names_the_flag(moved, capsys):
    run, _ = moved
    for words in (["render"], ["export", "--format", "mesh"], ["eval"], ["resume"], ["edit", "--instruction", "gold"]):
        assert main([words[0], str(run), *words[1:]]) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"error: Expected the capture of {run} at ")
        assert "--data FOLDER" in said
        assert said.count("\n") == 1


def test_every_command_takes_the_new_place(moved, tmp_path, capsys):
    run, place = moved
    with_data = ["--data", str(place)]
    assert main(["render", str(run), "--path", "test", "--output", str(tmp_path / "views"), *with_data]) == 0
    assert main(["export", str(run), "--format", "images", "--output", str(tmp_path / "images"), *with_data]) == 0
    assert main(["eval", str(run), *with_data]) == 0
    words = ["edit", str(run), "--instruction", "make it gold", "--editor", "procedural", "--method", "in2n", "--steps"]
    assert main([*words, "2", "--output", str(tmp_path / "again"), *with_data]) == 0
    assert len(list((tmp_path / "views").glob("*.png"))) == 2
    (again,) = (tmp_path / "again").rglob("edit.json")
    assert api.Edit(again.parent).record.data == str(place)
    capsys.readouterr()
    assert main(["render", str(run)]) == 2  # nothing was changed in the run


def test_a_resumed_run_names_the_new_place_from_then_on(moved, tmp_path):
    run, place = moved
    assert api.resume(run, data=place) == api.Edit(run)
    assert read_config(run / "config.yml").pipeline.datamanager.data == place
    assert main(["render", str(run), "--path", "test", "--output", str(tmp_path / "views")]) == 0


def _without_a_view(place: Path) -> None:
    body = json.loads((place / "transforms.json").read_text())
    body["frames"].pop()
    (place / "transforms.json").write_text(json.dumps(body))


def _another_view(place: Path) -> None:
    body = json.loads((place / "transforms.json").read_text())
    shutil.copy(place / "images/view_00.png", place / "images/view_99.png")
    body["frames"].append({**body["frames"][0], "file_path": "images/view_99.png"})
    (place / "transforms.json").write_text(json.dumps(body))


def _another_pose(place: Path) -> None:
    body = json.loads((place / "transforms.json").read_text())
    body["frames"][3]["transform_matrix"][0][3] += 0.01
    (place / "transforms.json").write_text(json.dumps(body))


def _another_lens(place: Path) -> None:
    body = json.loads((place / "transforms.json").read_text())
    (place / "transforms.json").write_text(json.dumps({**body, "fl_x": body["fl_x"] * 1.01}))


def _another_picture(place: Path) -> None:
    path = place / "images/view_04.png"
    pixels = np.asarray(Image.open(path)).copy()
    pixels[0, 0] ^= 1
    Image.fromarray(pixels).save(path)


def _another_size(place: Path) -> None:
    body = json.loads((place / "transforms.json").read_text())
    for path in (place / "images").glob("*.png"):
        Image.open(path).resize((48, 40)).save(path)
    for path in (place / "labels").glob("*.png"):
        Image.open(path).resize((48, 40), Image.Resampling.NEAREST).save(path)
    scaled = {key: body[key] * 2 for key in ("w", "h", "fl_x", "fl_y", "cx", "cy")}
    (place / "transforms.json").write_text(json.dumps({**body, **scaled}))


@pytest.mark.parametrize(
    ("alter", "named"),
    [
        (_without_a_view, "it lacks the view view_09"),
        (_another_view, "it has besides the view view_99"),
        (_another_pose, "the pose of view_03 differs"),
        (_another_lens, "the lens of view_00 differs"),
        (_another_picture, "the picture view_04 differs"),
        (_another_size, "the size of view_00 differs"),
    ],
)
def test_another_capture_is_refused_and_the_run_unchanged(moved, alter, named):
    run, place = moved
    before = (run / "config.yml").read_bytes()
    alter(place)
    for use in (
        lambda: open_run(run, data=place),
        lambda: api.resume(run, data=place),
        lambda: api.load(run, data=place),
    ):
        with pytest.raises(DataError, match=named):
            use()
    assert (run / "config.yml").read_bytes() == before


def test_a_run_from_before_captures_were_noted_is_compared_by_its_frame(moved):
    run, place = moved
    (run / CAPTURE).unlink()
    open_run(run, data=place)
    body = json.loads((place / "transforms.json").read_text())
    for frame in body["frames"]:
        frame["transform_matrix"][0][3] += 2.0 * frame["transform_matrix"][1][3]
    (place / "transforms.json").write_text(json.dumps(body))
    with pytest.raises(DataError, match="cameras lie otherwise"):
        open_run(run, data=place)


@pytest.mark.parametrize(
    "body", ["[]", "{", '{"views": 1}', '{"views": {"view_00": {}}}', '{"views": {"view_00": []}}']
)
def test_a_damaged_note_is_a_sentence(moved, body):
    run, place = moved
    (run / CAPTURE).write_text(body)
    with pytest.raises(Editor3DError):
        open_run(run, data=place)
    (run / CAPTURE).unlink()
    (run / FRAME).write_text(body)
    with pytest.raises(CheckpointError):
        open_run(run, data=place)


@pytest.mark.parametrize("beside", ["run", "outputs", "current folder"])
def test_a_relative_place_is_seen_from_the_run_as_well(moved, beside, tmp_path, monkeypatch):
    run, place = moved
    config = read_config(run / "config.yml")
    config.pipeline.datamanager.data = config.pipeline.datamanager.dataparser.data = Path("data/mine")
    (run / "config.yml").write_text(dump_config(config))
    monkeypatch.chdir("/")
    home = {"run": run, "outputs": run.parents[2], "current folder": tmp_path / "here"}[beside]
    (home / "data").mkdir(parents=True)
    place.rename(home / "data" / "mine")
    if beside == "current folder":
        monkeypatch.chdir(home)
    assert api.load(run).data == home / "data" / "mine"


def test_runs_moved_with_their_base_find_it(moved, tmp_path):
    run, place = moved
    (tmp_path / "out").rename(tmp_path / "new")
    run = tmp_path / "new" / run.relative_to(tmp_path / "out")
    assert api.Edit(run).evaluate(data=place)
    assert api.resume(run, data=place) == api.Edit(run)


def test_a_run_whose_folder_is_no_longer_named_after_its_method_is_not_begun_anew(moved, tmp_path):
    run, place = moved
    copy = Path(shutil.copytree(run, tmp_path / "a" / "b" / "mine"))
    with pytest.raises(CheckpointError, match="in a folder in2n"):
        api.resume(copy, data=place)
    assert sorted(path.name for path in (tmp_path / "a").rglob("*.yml")) == ["config.yml"]
    open_run(copy, data=place)  # which needs no such folder


def test_a_place_is_only_said_with_a_run(tiny_capture, capsys, tmp_path):
    assert main(["edit", str(tiny_capture), "--data", str(tiny_capture), "--instruction", "make it gold"]) == 2
    assert "with the folder of a run" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["", "nowhere", "\0", "x" * 5000])
def test_a_place_that_is_none_is_a_sentence(moved, place, capsys):
    assert main(["render", str(moved[0]), "--data", place]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_going_on_with_another_capture_is_refused(moved, start):
    run, place = moved
    _another_picture(place)
    config = read_config(run / "config.yml")
    config.pipeline.datamanager.data = config.pipeline.datamanager.dataparser.data = place
    with pytest.raises(DataError, match="the picture view_04 differs"):
        start(config)


def test_the_cameras_of_a_run_are_those_of_its_capture(tiny_base, tiny_capture, tmp_path, monkeypatch):
    run = Path(shutil.copytree(tiny_base, tmp_path / "out" / "tiny" / "voxel" / "run"))
    Path(shutil.copytree(tiny_capture, tmp_path / "out" / "capture"))
    own = read_config(run / "config.yml")
    own.pipeline.datamanager.data = own.pipeline.datamanager.dataparser.data = Path("capture")
    (run / "config.yml").write_text(dump_config(own))
    monkeypatch.chdir(tmp_path)  # the path in the configuration counts from another folder
    of_run, of_capture = load_any_cameras(run), load_any_cameras(tiny_capture)
    assert len(of_run) == len(of_capture) == 10
    assert np.allclose(sorted(v.c2w.tolist() for v in of_run), sorted(v.c2w.tolist() for v in of_capture))
    shutil.rmtree(tmp_path / "out" / "capture")
    with pytest.raises(DataError, match="give the capture itself"):
        load_any_cameras(run)


def test_a_run_that_needs_no_capture_is_refused(tmp_path):
    from nerfstudio.configs.method_configs import all_methods

    config = all_methods["generfacto"]
    (tmp_path / "config.yml").write_text(dump_config(config))
    with pytest.raises(DataError, match="of the method generfacto"):
        api.load(tmp_path)
    with pytest.raises(DataError, match="give the capture itself"):
        load_any_cameras(tmp_path)
