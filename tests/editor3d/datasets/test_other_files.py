"""Files that are no scene here are named, with what takes them or how to convert them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import trimesh

from editor3d.cli import main
from editor3d.datasets import load_posed_images
from editor3d.datasets.locate import resolve_data
from editor3d.datasets.other_files import what_to_do
from editor3d.errors import DataError

FILES = {
    "a.ksplat": "splat-transform .*a.ksplat .*a.ply",
    "a.glb": "editor3d mesh style .*a.glb",
    "A.OBJ": "editor3d mesh style .*A.OBJ",
    "a.usdz": "Blender .*editor3d mesh style",
    "a.blend": "editor3d refine",
    "a.mp4": "ns-process-data video --data .*a.mp4",
    "a.zip": "unpack it",
    "a.splat.gz": "unpack it",
    "a.jpg": "ns-process-data images",
    "a.las": "points alone",
    "cameras.bin": "sparse/",
    "step-000000100.ckpt": "folder of the whole run",
    "poses_bounds.npy": "transforms.json",
}


@pytest.mark.parametrize(("name", "said"), FILES.items())
@pytest.mark.parametrize("read", [resolve_data, lambda path: load_posed_images(Path(path))])
def test_a_file_of_another_kind_is_named_with_what_to_do(tmp_path, name, said, read):
    path = tmp_path / name
    path.write_bytes(b"\0")
    with pytest.raises(DataError, match=said) as caught:
        read(str(path))
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text
    assert text.endswith(".")


@pytest.mark.parametrize("command", [["edit", "DATA", "--instruction", "make it red"], ["preview", "DATA"]])
def test_commands_say_it(tmp_path, capsys, command):
    path = tmp_path / "my scene.ksplat"
    path.write_bytes(b"PK")
    assert main([str(path) if word == "DATA" else word for word in command]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: Expected a capture's folder or a file of splats")
    assert re.search(r"splat-transform '.*my scene\.ksplat' '.*my scene\.ply'", error)


@pytest.mark.parametrize(
    "command",
    ["render DATA", "eval DATA", "resume DATA", "export DATA", "splats DATA --select sphere:0,0,0,1 --output o.ply"],
)
@pytest.mark.parametrize(("name", "said"), [("a.ksplat", "splat-transform"), ("a.obj", "editor3d mesh style")])
def test_commands_that_take_runs_say_it(tmp_path, capsys, command, name, said):
    path = tmp_path / name
    path.write_bytes(b"PK")
    assert main(command.replace("DATA", str(path)).split()) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: Expected the folder of a run")
    assert said in error


@pytest.mark.parametrize(
    "command", ["export DATA --output o.ply", "splats DATA --select sphere:0,0,0,1 --delete --output o.ply"]
)
def test_a_mesh_in_a_format_of_splats_is_named(tmp_path, capsys, command, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trimesh.creation.box().export(tmp_path / "box.glb")
    assert main(command.replace("DATA", "box.glb").split()) == 2
    assert "editor3d mesh style" in capsys.readouterr().err
    assert not (tmp_path / "o.ply").exists()


def test_a_file_of_splats_is_no_run(tmp_path, capsys):
    (tmp_path / "a.ply").write_bytes(b"ply\n")
    assert main(["render", str(tmp_path / "a.ply")]) == 2
    assert "edit it first, with `editor3d edit`" in capsys.readouterr().err


def test_scenes_are_none_of_them():
    assert all(
        what_to_do(Path(name)) is None for name in ("a.ply", "a.spz", "a.splat", "a.sog", "transforms.json", "capture")
    )


def test_a_folder_of_splats_unpacked(tmp_path):
    (tmp_path / "meta.json").write_text("{}")
    with pytest.raises(DataError, match="PlayCanvas' format: convert"):
        load_posed_images(tmp_path)


def test_a_folder_of_pictures_alone_says_what_finds_poses(tmp_path):
    with pytest.raises(DataError, match="ns-process-data images"):
        load_posed_images(tmp_path)
