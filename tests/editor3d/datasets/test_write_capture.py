from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from editor3d.datasets import load_posed_images, write
from editor3d.datasets.views.images import read_mask
from editor3d.errors import ConfigError
from editor3d.outputs.surface import write_points


@pytest.fixture
def capture(write_capture, tmp_path):
    """Ten views with distortion, masks, sparse points, one with a lens of its own."""
    Image.fromarray(255 - np.eye(30, 40, dtype=np.uint8) * 255).save(tmp_path / "mask.png")
    write_points(tmp_path / "p.ply", np.eye(3, dtype=np.float32), np.array([[9, 8, 7]] * 3, np.uint8))

    def change(data):
        data |= {"k1": 0.1, "k2": -0.02, "p1": 0.003, "ply_file_path": "p.ply"}
        for frame in data["frames"]:
            frame["mask_path"] = "mask.png"
        data["frames"][2]["fl_x"] = 40.0

    return load_posed_images(write_capture(change=change))


def test_what_is_written_reads_back(capture, tmp_path):
    rng = np.random.default_rng(3)
    images = {view.name: rng.integers(0, 256, (view.height, view.width, 3), dtype=np.uint8) for view in capture.views}
    out = tmp_path / "out"
    assert write.write_capture(out, capture, capture.views, lambda index, view: images[view.name]) == len(capture.views)
    read = load_posed_images(out)
    by_name = {view.name: view for view in read.views}
    for view in capture.views:
        got = by_name[view.name]
        for key in ("width", "height", "fl_x", "fl_y", "cx", "cy", "distortion", "fisheye"):
            assert getattr(got, key) == getattr(view, key)
        assert np.array_equal(got.c2w, view.c2w)
        assert np.array_equal(np.asarray(Image.open(got.image_path)), images[view.name])
        assert np.array_equal(read_mask(got), read_mask(view))
    assert len({view.fl_x for view in read.views}) == 2
    assert np.array_equal(read.points, capture.points)
    assert np.array_equal(read.point_colors, capture.point_colors)
    # what all frames share stands at the top, where other programs look for it
    assert json.loads((out / "transforms.json").read_text())["k1"] == 0.1


def test_the_captures_own_folder_is_refused(capture):
    before = {path: path.read_bytes() for path in capture.root.rglob("*") if path.is_file()}
    with pytest.raises(ConfigError, match="another folder"):
        write.write_capture(capture.root, capture, capture.views, lambda index, view: np.zeros((30, 40, 3), np.uint8))
    assert before == {path: path.read_bytes() for path in capture.root.rglob("*") if path.is_file()}
