"""Regions that masks tell: how they are written down, which ones a capture has, and how they combine with shapes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from editor3d.datasets import load_posed_images
from editor3d.errors import DataError, RegionError
from editor3d.regions import (
    Intersection,
    Invert,
    MasksRegion,
    ObjectRegion,
    Sphere,
    Union,
    chosen,
    from_json,
    parse_region,
    seen_parts,
    settled,
)

BALL = Sphere((0.0, 0.0, 0.0), 1.0)
LEFT, RIGHT = ObjectRegion("left"), ObjectRegion("right")
POINTS = torch.tensor([[-2.0, 0, 0], [-0.5, 0, 0], [0.5, 0, 0], [2.0, 0, 0]])
SIDES = {LEFT: torch.tensor([True, True, False, False]), RIGHT: torch.tensor([False, False, True, True])}


@pytest.fixture
def posed(tiny_capture):
    return load_posed_images(tiny_capture)


@pytest.fixture
def masks(tmp_path, posed):
    """Writes masks [H, W] bool by view name into a folder, and gives the region of it."""

    def write(pictures: dict[str, np.ndarray]) -> MasksRegion:
        for name, mask in pictures.items():
            Image.fromarray(mask.astype(np.uint8) * 255).save(tmp_path / f"{name}.png")
        return MasksRegion(tmp_path)

    return write


def whole(value: bool = True, width: int = 24, height: int = 20) -> np.ndarray:
    return np.full((height, width), value)


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        (LEFT, [1, 1, 0, 0]),
        (BALL, [0, 1, 1, 0]),
        (Union(LEFT, BALL), [1, 1, 1, 0]),
        (Intersection(LEFT, BALL), [0, 1, 0, 0]),
        (Invert(LEFT), [0, 0, 1, 1]),
        (Intersection(Invert(Union(LEFT, BALL)), RIGHT), [0, 0, 0, 1]),
        (Union(LEFT, RIGHT), [1, 1, 1, 1]),
    ],
)
def test_masks_combine_with_shapes(region, expected):
    assert chosen(region, POINTS, SIDES.__getitem__).tolist() == [bool(value) for value in expected]
    assert from_json(json.loads(json.dumps(region.to_json()))) == region


def test_the_parts_that_pictures_tell_are_found():
    assert seen_parts(Union(BALL, Invert(Intersection(LEFT, RIGHT)))) == [LEFT, RIGHT]
    assert seen_parts(Invert(BALL)) == []


def test_words_name_objects_and_folders(tmp_path):
    assert parse_region("object: tea pot") == ObjectRegion("tea pot")
    assert parse_region(f"masks:{tmp_path}") == MasksRegion(tmp_path)
    assert parse_region('{"type": "object", "name": "mug"}') == ObjectRegion("mug")


@pytest.mark.parametrize(
    "text",
    [
        "object:",
        "masks: ",
        '{"type": "object"}',
        '{"type": "object", "name": 3}',
        '{"type": "masks", "folder": 3}',
        '{"type": "masks", "name": "x"}',
        "{",
        "teapot",
    ],
)
def test_what_names_nothing_is_refused(text):
    with pytest.raises(RegionError):
        parse_region(text)


def test_settled_words_need_no_file_and_no_current_folder(tmp_path, monkeypatch):
    region = Union(BALL, MasksRegion(tmp_path / "masks"))
    (tmp_path / "region.json").write_text(json.dumps(region.to_json()))
    monkeypatch.chdir(tmp_path)
    words = settled("region.json"), settled("masks:masks")
    monkeypatch.chdir("/")
    (tmp_path / "region.json").unlink()
    assert parse_region(words[0]) == region
    assert parse_region(words[1]) == MasksRegion(tmp_path / "masks")
    assert [settled(word) for word in words] == list(words)
    assert settled("sphere:0,0,0,1") == "sphere:0,0,0,1"


def test_an_objects_masks_are_those_of_its_labels(posed):
    region = parse_region("object:ball")
    region.check(posed)
    found = region.masks(posed.train_views, posed.objects)
    assert sorted(found) == list(range(len(posed.train_views)))
    for index, mask in found.items():
        labels = np.array(Image.open(posed.train_views[index].labels_path))
        assert np.array_equal(mask.numpy(), labels == 1)


def test_an_object_that_is_not_there_is_refused_with_those_that_are(posed):
    with pytest.raises(RegionError, match="did you mean ball"):
        ObjectRegion("bal").check(posed)


def test_masks_are_found_by_the_names_of_views(posed, masks):
    half = whole()
    half[:, 12:] = False
    train, test = posed.train_views, posed.test_views
    region = masks({train[2].name: half, train[0].name: whole(), test[0].name: whole()})
    region.check(posed)
    found = region.masks(train, posed.objects)
    assert sorted(found) == [0, 2]
    assert np.array_equal(found[2].numpy(), half)


def test_a_mask_may_be_as_large_as_the_photograph(tiny_capture, masks):
    posed = load_posed_images(tiny_capture, downscale_factor=2)
    view = posed.train_views[0]
    region = masks({view.name: whole()})
    region.check(posed)
    assert region.masks(posed.train_views, {})[0].shape == (view.height, view.width) == (10, 12)


@pytest.mark.parametrize("size", [(20, 24), (12, 10), (48, 20), (25, 16)])
def test_a_mask_of_another_size_is_refused(posed, masks, size):
    region = masks({posed.train_views[0].name: whole(True, *size)})
    with pytest.raises(RegionError, match="24x20"):
        region.check(posed)


def test_folders_of_no_use_are_refused(posed, masks, tmp_path):
    with pytest.raises(RegionError, match="found none"):
        MasksRegion(tmp_path / "nowhere").check(posed)
    with pytest.raises(RegionError, match="found none"):
        MasksRegion(tmp_path).check(posed)
    name = posed.train_views[0].name
    black = masks({name: whole(False)})
    black.check(posed)
    with pytest.raises(RegionError, match="all black"):
        black.masks(posed.train_views, {})
    with pytest.raises(RegionError, match=f"did you mean {name}"):
        masks({f"{name}x": whole()}).check(posed)


def test_masks_of_held_out_views_alone_are_refused(posed, masks):
    with pytest.raises(RegionError, match="held-out"):
        masks({posed.test_views[0].name: whole()}).check(posed)


def test_a_damaged_mask_is_named(posed, masks, tmp_path):
    name = posed.train_views[0].name
    region = masks({name: whole()})
    content = (tmp_path / f"{name}.png").read_bytes()
    (tmp_path / f"{name}.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=name):
        region.check(posed)


def test_reading_a_region_imports_no_torch():
    code = "import sys, editor3d.regions as r; r.parse_region('object:x'); assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path("/"), timeout=120).returncode == 0
