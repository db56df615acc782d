"""Objects that a user names: beside the capture, over its own labels, gone again when removed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from editor3d.datasets import load_posed_images
from editor3d.datasets.added_objects import OBJECTS_VARIABLE, add_object, added_names, folder_of, remove_object
from editor3d.datasets.dataparser import PosedImagesDataParserConfig
from editor3d.datasets.views.images import read_object_masks
from editor3d.errors import DataError


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv(OBJECTS_VARIABLE, str(tmp_path / "objects"))
    return tmp_path / "objects"


@pytest.fixture
def posed(tiny_capture, home):
    return load_posed_images(tiny_capture)


def corner(posed, rows: int) -> dict[str, np.ndarray]:
    """The top rows of every view."""
    return {view.name: np.arange(view.height)[:, None].repeat(view.width, 1) < rows for view in posed.views}


def masks_of(posed, index: int = 0) -> dict[str, torch.Tensor]:
    return read_object_masks(posed.views[index], posed.objects)


def test_a_named_object_is_one_of_the_capture_from_then_on(posed, tiny_capture, home):
    before = {path: path.read_bytes() for path in tiny_capture.rglob("*") if path.is_file()}
    ball = masks_of(posed)["ball"]
    add_object(posed, " floor ", corner(posed, 3))
    again = load_posed_images(tiny_capture)
    assert again.objects == {"ball": 1, "floor": 2}
    found = masks_of(again)
    top = torch.from_numpy(corner(posed, 3)[posed.views[0].name])
    assert torch.equal(found["floor"], top)
    assert torch.equal(found["ball"], ball & ~top)
    assert {path: path.read_bytes() for path in tiny_capture.rglob("*") if path.is_file()} == before
    assert folder_of(posed).parent == home


def test_smaller_pictures_show_the_same_object(posed, tiny_capture):
    add_object(posed, "floor", corner(posed, 4))
    small = load_posed_images(tiny_capture, downscale_factor=2)
    assert int(masks_of(small)["floor"].sum()) == 2 * 12


def test_removing_it_leaves_the_captures_own_labels(posed, tiny_capture):
    own = masks_of(posed)
    add_object(posed, "floor", corner(posed, 20))
    add_object(load_posed_images(tiny_capture), "sky", corner(posed, 2))
    both = load_posed_images(tiny_capture)
    assert not masks_of(both)["ball"].any()
    assert int(masks_of(both)["sky"].sum()) == 2 * 24
    remove_object(both, "floor")
    remove_object(load_posed_images(tiny_capture), "sky")
    after = load_posed_images(tiny_capture)
    assert after.objects == posed.objects
    assert torch.equal(masks_of(after)["ball"], own["ball"])


def test_adding_it_again_replaces_it(posed, tiny_capture):
    add_object(posed, "floor", corner(posed, 3))
    add_object(load_posed_images(tiny_capture), "floor", corner(posed, 1))
    again = load_posed_images(tiny_capture)
    assert again.objects == {"ball": 1, "floor": 2}
    assert int(masks_of(again)["floor"].sum()) == 24


def test_a_run_notes_where_they_were_and_a_moved_command_finds_them(posed, tiny_capture, tmp_path, monkeypatch):
    folder = add_object(posed, "floor", corner(posed, 3))
    config = PosedImagesDataParserConfig(data=tiny_capture)
    assert "floor" in config.posed_images().objects
    assert config.objects == folder
    monkeypatch.setenv(OBJECTS_VARIABLE, str(tmp_path / "elsewhere"))
    assert "floor" not in load_posed_images(tiny_capture).objects
    assert "floor" in PosedImagesDataParserConfig(data=tiny_capture, objects=folder).posed_images().objects


@pytest.mark.parametrize("name", ["", "   ", "-x", "a" * 65, "a\x00b"])
def test_what_is_no_name_is_refused(posed, name):
    with pytest.raises(DataError, match="name of 1 to 64"):
        add_object(posed, name, corner(posed, 3))


def test_the_captures_own_objects_are_not_replaced_or_removed(posed):
    with pytest.raises(DataError, match="another name"):
        add_object(posed, "ball", corner(posed, 3))
    with pytest.raises(DataError, match="there is none"):
        remove_object(posed, "ball")
    assert added_names(posed) == {}


@pytest.mark.parametrize("content", ["[]", "{", '{"objects": {"a": 1}}', '{"objects": {"a": 0}, "labels": "labels-1"}'])
def test_damaged_notes_are_refused_in_a_sentence(posed, tiny_capture, content):
    folder = add_object(posed, "floor", corner(posed, 3))
    (folder / "objects.json").write_text(content)
    with pytest.raises(DataError) as error:
        load_posed_images(tiny_capture)
    assert "objects.json" in str(error.value)
