"""Every capture that cannot be trained on is refused with a sentence that says why, before anything else happens."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from editor3d.datasets import load_posed_images
from editor3d.errors import ConfigError, DataError


def set_pose(index, change):
    def edit(data):
        pose = np.array(data["frames"][index]["transform_matrix"])
        data["frames"][index]["transform_matrix"] = np.asarray(change(pose)).tolist()

    return edit


def with_entry(value):
    def change(pose):
        pose[1, 3] = value
        return pose

    return change


def put(**keys):
    return lambda data: data.update(keys)


def put_in_frame(index, **keys):
    return lambda data: data["frames"][index].update(keys)


def drop_from_frame(index, key):
    return lambda data: data["frames"][index].pop(key)


CASES = {
    "no frames": (put(frames=[]), "list of at least one frame"),
    "frames not a list": (put(frames={"a": 1}), "list of at least one frame"),
    "frame not an object": (put(frames=[3]), "Frame 0 of .* has no file_path"),
    "no file_path": (drop_from_frame(2, "file_path"), "Frame 2 of .* has no file_path"),
    "no pose": (drop_from_frame(2, "transform_matrix"), "Frame 2 of .* has no transform_matrix"),
    "path not text": (put_in_frame(2, file_path=5), "file_path of frame 2 .* must be a path, not 5"),
    "duplicate": (put_in_frame(2, file_path="./images/../images/frame_009.png"), "Frames 0 and 2 of .* both name"),
    "missing pictures": (
        lambda data: [frame.update(file_path=f"gone/{i}.png") for i, frame in enumerate(data["frames"][:3])],
        r"3 of 10 pictures .* are missing; the first is .*gone/0\.png",
    ),
    "missing mask": (
        lambda data: [frame.update(mask_path="gone.png") for frame in data["frames"]],
        r"10 of 10 masks .* are missing; the first is .*gone\.png",
    ),
    "missing labels": (put_in_frame(1, labels_path="gone.png"), "1 of 1 label pictures .* missing"),
    "some masks": (put_in_frame(1, mask_path="images/frame_000.png"), "1 of 10 frames .* have a mask_path"),
    "NaN pose": (set_pose(3, with_entry(np.nan)), r"pose of frame 3 \(images/frame_006.png\) .* NaN"),
    "infinite pose": (set_pose(3, with_entry(np.inf)), "pose of frame 3 .* infinite"),
    "pose of 3x3": (set_pose(3, lambda pose: pose[:3, :3]), "4x4 or 3x4 matrix, not 3x3"),
    "pose of a number": (put_in_frame(3, transform_matrix=2.0), "not a single number"),
    "ragged pose": (put_in_frame(3, transform_matrix=[[1, 2], [3]]), "pose of frame 3 .* must be a 4x4 matrix"),
    "pose of words": (put_in_frame(3, transform_matrix=[["a"] * 4] * 4), "pose of frame 3 .* 4x4 matrix of numbers"),
    "last row": (set_pose(3, lambda pose: pose + np.eye(4)[3][:, None] * 0.1), "last row .* must be 0 0 0 1"),
    "mirrored pose": (set_pose(3, lambda pose: pose * [-1, 1, 1, 1]), "mirrors space .determinant -1"),
    "zero pose": (set_pose(3, lambda pose: np.diag([0.0, 0, 0, 1])), "mirrors space .determinant 0"),
    "stretched pose": (set_pose(3, lambda pose: pose @ np.diag([1, 1.1, 1, 1])), "no rotation and translation"),
    "no focal length": (lambda data: data.pop("fl_x"), "focal length of frame 0 .* missing"),
    "zero focal length": (put(fl_x=0), "fl_x of frame 0 .* must be positive, not 0"),
    "negative focal length": (put_in_frame(4, fl_y=-3.0), "fl_y of frame 4 .* must be positive, not -3"),
    "NaN focal length": (put(fl_x=float("nan")), "fl_x of frame 0 .* finite number"),
    "centre not a number": (put(cx="left"), "cx of frame 0 .* finite number, not 'left'"),
    "field of view": (lambda data: (data.pop("fl_x"), data.update(camera_angle_x=200)), "angle between 0 and pi"),
    "broken size": (put(w=40.5), "w of frame 0 .* whole number"),
    "camera model": (put(camera_model="FISHEYE624"), "camera model 'FISHEYE624' of frame 0 .* use one of .*OPENCV"),
    "distortion": (put(distortion_params=[0.1, 0.2]), "distortion_params of frame 0 .* list of six"),
    "infinite distortion": (put(k1=float("inf")), "k1 of frame 0 .* finite"),
    "another aspect": (put(w=30, h=30), "frame 0 .* declares 30x30 pixels but its picture has 40x30"),
    "turned": (put(w=30, h=40), "declares 30x40 pixels but its picture has 40x30"),
    "unknown split name": (put(test_filenames=["images/frame_000.png", "x.png"]), "1 pictures .* no frame has.*x.png"),
    "split not a list": (put(train_filenames="images"), "train_filenames .* must be a list"),
    "both splits": (
        put(train_filenames=["images/frame_000.png"], test_filenames=["images/frame_000.png"]),
        "1 pictures both for training and as held out",
    ),
    "one training view": (put(train_filenames=["images/frame_000.png"]), "leaves 1 of 10 views for training"),
    "nothing held out": (put(test_filenames=[]), "no view out of training"),
    "object id": (put(objects={"cup": 0}), "id from 1 to 255"),
    "object id true": (put(objects={"cup": True}), "id from 1 to 255"),
    "object twice": (put(objects={"cup": 1, "pot": 1}), "one id to two objects"),
    "objects a list": (put(objects=["cup"]), "id from 1 to 255"),
    "depth scale": (put(depth_unit_scale_factor=0), "depth_unit_scale_factor .* positive"),
    "missing points": (put(ply_file_path="gone.ply"), "sparse points .*gone.ply are missing"),
    "points path": (put(ply_file_path=3), "ply_file_path of .* must be a path"),
}


@pytest.mark.parametrize(("change", "message"), CASES.values(), ids=CASES.keys())
def test_one_sentence_says_what_is_wrong(write_capture, change, message):
    path = write_capture(count=10, change=change)
    with pytest.raises(DataError, match=message) as caught:
        load_posed_images(path)
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert str(path.parent) in text


def test_missing_path(tmp_path):
    with pytest.raises(DataError, match="There is no .*nowhere"):
        load_posed_images(tmp_path / "nowhere")


def test_empty_folder_says_what_was_looked_for(tmp_path):
    with pytest.raises(DataError, match="transforms.json.*transforms_train.json.*sparse/0/, colmap/sparse/0/, sparse/"):
        load_posed_images(tmp_path)


def test_other_file(tmp_path):
    (tmp_path / "scene.ply").write_text("ply")
    with pytest.raises(DataError, match="neither a folder nor a .json"):
        load_posed_images(tmp_path / "scene.ply")


def test_broken_json_names_the_line(write_capture):
    path = write_capture(count=3)
    text = json.dumps(json.loads(path.read_text()), indent=1).splitlines()
    text[3] = text[3].replace(",", ";")
    path.write_text("\n".join(text))
    with pytest.raises(DataError, match="not valid JSON: line 4"):
        load_posed_images(path)


@pytest.mark.parametrize("content", [b"[1, 2]", b"\xff\xfe\x00"])
def test_other_content(tmp_path, content):
    (tmp_path / "transforms.json").write_bytes(content)
    with pytest.raises(DataError, match="transforms.json"):
        load_posed_images(tmp_path)


@pytest.mark.parametrize("content", ["not a cloud", "ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\n"])
def test_broken_points(write_capture, tmp_path, content):
    (tmp_path / "points.ply").write_text(content)
    with pytest.raises(DataError, match="points.ply cannot be read as a PLY"):
        load_posed_images(write_capture(count=3, change=put(ply_file_path="points.ply")))


def test_points_without_a_place(write_capture, tmp_path):
    header = (
        "ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\nend_header\n"
    )
    (tmp_path / "points.ply").write_text(header + "nan 0 0\n")
    with pytest.raises(DataError, match="points.ply has points with NaN"):
        load_posed_images(write_capture(count=3, change=put(ply_file_path="points.ply")))


def test_a_truncated_picture_is_named(write_capture, tmp_path):
    path = write_capture(count=10)
    damaged = tmp_path / "images" / "frame_004.png"
    damaged.write_bytes(damaged.read_bytes()[:-200])
    with pytest.raises(DataError, match="frame_004.png is damaged"):
        load_posed_images(path)


def test_a_companion_of_another_aspect_is_named(write_capture, tmp_path):
    Image.new("L", (30, 30)).save(tmp_path / "labels.png")
    path = write_capture(count=3, change=put_in_frame(1, labels_path="labels.png"))
    with pytest.raises(DataError, match="labels.png has 30x30 pixels, another aspect than the 40x30 of frame 1"):
        load_posed_images(path)


def test_flags_out_of_range(write_capture):
    path = write_capture(count=3)
    with pytest.raises(ConfigError, match="downscale factor must be .* not 0"):
        load_posed_images(path, downscale_factor=0)
    with pytest.raises(ConfigError, match="at most 30"):
        load_posed_images(path, downscale_factor=31)
    with pytest.raises(ConfigError, match="eval interval must be at least 2, not 1"):
        load_posed_images(path, eval_interval=1)
