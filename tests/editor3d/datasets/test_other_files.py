"""Files that are no scene here are named, with what takes them or how to convert them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from editor3d.cli import main
from editor3d.datasets import load_posed_images
from editor3d.datasets.locate import resolve_data
from editor3d.datasets.other_files import what_to_do
from editor3d.errors import DataError

FILES = {
    "a.sog": "splat-transform .*a.sog .*a.ply",
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
    path = tmp_path / "my scene.sog"
    path.write_bytes(b"PK")
    assert main([str(path) if word == "DATA" else word for word in command]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: Expected a capture's folder or a file of splats")
    assert re.search(r"splat-transform '.*my scene\.sog' '.*my scene\.ply'", error)


def test_scenes_are_none_of_them():
    assert all(what_to_do(Path(name)) is None for name in ("a.ply", "a.spz", "a.splat", "transforms.json", "capture"))


def test_a_folder_of_splats_unpacked(tmp_path):
    (tmp_path / "meta.json").write_text("{}")
    with pytest.raises(DataError, match="PlayCanvas' format: convert"):
        load_posed_images(tmp_path)


def test_a_folder_of_pictures_alone_says_what_finds_poses(tmp_path):
    with pytest.raises(DataError, match="ns-process-data images"):
        load_posed_images(tmp_path)
