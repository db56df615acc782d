from __future__ import annotations

import json

import numpy as np
import pytest
from nerfstudio.data.dataparsers.blender_dataparser import BlenderDataParserConfig
from PIL import Image
from scipy.spatial.transform import Rotation

from editor3d.datasets import load_posed_images
from editor3d.datasets.views.images import read_image
from editor3d.errors import DataError


@pytest.fixture
def scene(tmp_path):
    for split, count in (("train", 4), ("test", 3), ("val", 2)):
        (tmp_path / split).mkdir()
        frames = []
        for index in range(count):
            pixels = np.random.default_rng(index).integers(0, 256, (16, 16, 4), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / split / f"r_{index}.png")
            pose = np.eye(4)
            pose[:3, :3] = Rotation.random(random_state=index).as_matrix()
            pose[:3, 3] = (index, 2, 3)
            frames.append({"file_path": f"./{split}/r_{index}", "rotation": 0.01, "transform_matrix": pose.tolist()})
        data = {"camera_angle_x": 0.6911112070083618, "frames": frames}
        (tmp_path / f"transforms_{split}.json").write_text(json.dumps(data))
    return tmp_path


def test_splits_are_the_files(scene):
    posed = load_posed_images(scene)
    assert posed.format == "nerf-synthetic"
    assert [view.name for view in posed.train_views] == [f"train/r_{index}" for index in range(4)]
    assert [view.name for view in posed.test_views] == [f"test/r_{index}" for index in range(3)]
    by_file = load_posed_images(scene / "transforms_train.json")
    assert [view.name for view in by_file.views] == [view.name for view in posed.views]


@pytest.mark.parametrize("split", ["train", "test"])
def test_cameras_and_pictures_equal_nerfstudios_blender_parser(scene, split):
    views = [view for view in load_posed_images(scene).views if view.split == split]
    outputs = BlenderDataParserConfig(data=scene).setup().get_dataparser_outputs(split)
    assert [view.image_path for view in views] == outputs.image_filenames
    cameras = outputs.cameras
    for index, view in enumerate(views):
        np.testing.assert_allclose(view.c2w, cameras.camera_to_worlds[index], atol=1e-6)
        ours = (view.fl_x, view.fl_y, view.cx, view.cy, view.width, view.height)
        theirs = [float(getattr(cameras, name)[index]) for name in ("fx", "fy", "cx", "cy", "width", "height")]
        assert ours == pytest.approx(theirs)
        with Image.open(view.image_path) as picture:
            rgba = np.asarray(picture, dtype=np.float64) / 255
        expected = rgba[..., :3] * rgba[..., 3:] + 1 - rgba[..., 3:]
        np.testing.assert_allclose(read_image(view).numpy() / 255, expected, atol=0.5001 / 255)


def test_without_a_test_file_the_interval_holds_out(scene):
    (scene / "transforms_test.json").unlink()
    assert [view.name for view in load_posed_images(scene).test_views] == ["train/r_0"]


def test_without_a_training_file_it_is_refused(scene):
    (scene / "transforms_train.json").unlink()
    with pytest.raises(DataError, match="no transforms_train.json"):
        load_posed_images(scene / "transforms_test.json")
