"""Pictures edited elsewhere are matched by the view's name, and missing ones are refused before any work."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from editor3d.editors import create_editor
from editor3d.errors import EditorUnavailableError
from editor3d.types import EditRequest


def save(path, height: int, width: int, seed: int = 0) -> torch.Tensor:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return torch.from_numpy(pixels).float() / 255.0


def edit(folder, view: str, height: int = 12, width: int = 20) -> torch.Tensor:
    return create_editor(f"folder:{folder}").edit(EditRequest(view, "", torch.zeros(height, width, 3)))


def test_pictures_are_found_by_name_with_any_suffix(tmp_path):
    expected = {
        "a": save(tmp_path / "a.png", 12, 20, 1),
        "left/frame_1": save(tmp_path / "left" / "frame_1.PNG", 12, 20, 2),
        "right/frame_1": save(tmp_path / "right" / "frame_1.tiff", 12, 20, 3),
        "v1.5": save(tmp_path / "v1.5.png", 12, 20, 4),
    }
    (tmp_path / "a.txt").write_text("not a picture")
    create_editor(f"folder:{tmp_path}").validate("", [], list(expected))
    for view, picture in expected.items():
        edited = edit(tmp_path, view)
        assert edited.dtype == torch.float32
        assert torch.equal(edited, picture)


def test_missing_pictures_are_counted_and_the_first_is_named(tmp_path):
    save(tmp_path / "a.png", 12, 20)
    editor = create_editor(f"folder:{tmp_path}")
    editor.validate("anything", [], ["a"])
    with pytest.raises(EditorUnavailableError, match=r"3 views, but 2 are missing, the first 'b'"):
        editor.validate("", [], ["a", "b", "c"])


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(EditorUnavailableError, match="does not exist"):
        create_editor(f"folder:{tmp_path / 'nowhere'}").validate("", [], ["a"])


def test_two_pictures_of_one_view_are_refused(tmp_path):
    save(tmp_path / "a.png", 12, 20)
    save(tmp_path / "a.jpg", 12, 20)
    with pytest.raises(EditorUnavailableError, match=r"a.jpg and a.png"):
        create_editor(f"folder:{tmp_path}").validate("", [], ["a"])


@pytest.mark.parametrize("size", [(24, 40), (6, 10), (5, 8), (7, 11), (121, 200)])
def test_other_sizes_of_the_same_shape_are_scaled(tmp_path, size):
    save(tmp_path / "a.png", *size)
    edited = edit(tmp_path, "a")
    assert edited.shape == (12, 20, 3)
    assert edited.min() >= 0.0
    assert edited.max() <= 1.0


@pytest.mark.parametrize("size", [(20, 12), (12, 24), (16, 20), (512, 512)])
def test_another_shape_is_refused(tmp_path, size):
    save(tmp_path / "a.png", *size)
    with pytest.raises(EditorUnavailableError, match=f"20x12.*{size[1]}x{size[0]}"):
        edit(tmp_path, "a")


def test_a_truncated_picture_is_refused(tmp_path):
    save(tmp_path / "a.png", 12, 20)
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(EditorUnavailableError, match=r"a\.png"):
        edit(tmp_path, "a")
