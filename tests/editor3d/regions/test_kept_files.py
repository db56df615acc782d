"""A region's files, kept with a run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from editor3d.errors import Editor3DError
from editor3d.regions import (
    REGION_FILES,
    Box,
    Dilate,
    HullRegion,
    Intersection,
    Invert,
    MasksRegion,
    MeshRegion,
    Union,
    files_in,
    keep_files,
    parse_region,
)

POINTS = torch.rand(4000, 3, generator=torch.Generator().manual_seed(0)) * 4 - 2


@pytest.fixture
def mesh(tmp_path) -> Path:
    """A ball with a hole, off the origin, in a format that names another file, without which it holds nothing."""
    ball = trimesh.creation.icosphere(2, 1.0).apply_translation([1 / 3, 0.1, -0.2])
    ball.update_faces(np.arange(len(ball.faces)) != 7)
    (tmp_path / "given").mkdir()
    ball.export(tmp_path / "given" / "ball.gltf")
    assert len(list((tmp_path / "given").iterdir())) > 1
    return tmp_path / "given" / "ball.gltf"


@pytest.fixture
def masks(tmp_path) -> Path:
    folder = tmp_path / "masks"
    (folder / "left").mkdir(parents=True)
    for index, name in enumerate(("0", "left/1")):
        Image.fromarray(np.full((4, 4), 255 * index, np.uint8)).save(folder / f"{name}.png")
    return folder


def pictures(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_region_stays_as_it_was_when_its_files_go(mesh, masks, tmp_path):
    given = Union(Invert(Intersection(Dilate(MeshRegion(mesh), 0.1), Box((0, 0, 0), (1, 1, 1)))), HullRegion(masks))
    before = given.regions[0].contains(POINTS)
    shown = pictures(masks)
    text = keep_files(json.dumps(given.to_json()), tmp_path / "run" / REGION_FILES)
    shutil.rmtree(mesh.parent)
    shutil.rmtree(masks)
    kept = parse_region(text)
    assert torch.equal(kept.regions[0].contains(POINTS), before)
    assert type(kept.regions[1]) is HullRegion
    assert pictures(kept.regions[1].folder) == shown
    assert {path.parent.parent for path in (tmp_path / "run").rglob("*.obj")} == {tmp_path / "run"}


def test_a_mesh_is_kept_to_the_last_bit(mesh, tmp_path):
    given = MeshRegion(mesh).mesh
    kept = parse_region(keep_files(f"mesh:{mesh}", tmp_path)).mesh
    assert kept.is_watertight
    assert np.array_equal(kept.triangles, given.triangles)


def test_copies_are_not_copied_again(mesh, masks, tmp_path):
    given = json.dumps({"type": "union", "regions": [MeshRegion(mesh).to_json(), MasksRegion(masks).to_json()]})
    folder = tmp_path / REGION_FILES
    text = keep_files(given, folder)
    held = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert keep_files(text, folder) == text
    assert keep_files(given, folder) == text
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == held


def test_changed_files_are_other_copies(masks, tmp_path):
    first = parse_region(keep_files(f"masks:{masks}", tmp_path / "kept")).folder
    (masks / "0.png").unlink()
    assert parse_region(keep_files(f"masks:{masks}", tmp_path / "kept")).folder != first
    assert (first / "0.png").is_file()


def test_words_without_files_stay(tmp_path):
    for text in ("sphere:0,0,0,1", "object:ball", json.dumps(Box((0, 0, 0), (1, 1, 1)).to_json()), "masks:/gone"):
        assert keep_files(text, tmp_path / "kept") == text
        assert files_in(text, tmp_path / "kept") == text
    assert list(tmp_path.iterdir()) == []


def test_a_moved_run_names_its_own_files(mesh, masks, tmp_path):
    given = Union(MeshRegion(mesh), MasksRegion(masks))
    text = keep_files(json.dumps(given.to_json()), tmp_path / "run" / REGION_FILES)
    assert files_in(text, tmp_path / "run" / REGION_FILES) == text
    (tmp_path / "run").rename(tmp_path / "moved")
    moved = parse_region(files_in(text, tmp_path / "moved" / REGION_FILES))
    assert moved.regions[0].file.parent == moved.regions[1].folder.parent == tmp_path / "moved" / REGION_FILES
    assert pictures(moved.regions[1].folder) == pictures(masks)
    assert files_in(json.dumps(given.to_json()), tmp_path / "moved" / REGION_FILES) == json.dumps(given.to_json())


@pytest.mark.parametrize("kind", ["mesh", "masks"])
def test_a_folder_that_cannot_be_written_is_a_sentence(kind, mesh, masks, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Editor3DError, match="Could not"):
        keep_files(f"{kind}:{mesh if kind == 'mesh' else masks}", tmp_path / "file" / REGION_FILES)
