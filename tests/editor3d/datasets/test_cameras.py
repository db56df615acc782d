"""Cameras of files whose pictures may be gone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from editor3d.datasets.cameras import limit_side, load_cameras
from editor3d.errors import DataError

LENS = {"w": 640, "h": 480, "fl_x": 500.0, "fl_y": 510.0, "cx": 300.0, "cy": 250.0}


def poses(count: int) -> np.ndarray:
    """[count, 4, 4]: turned about z, moved along x."""
    made = np.tile(np.eye(4), (count, 1, 1))
    for index, pose in enumerate(made):
        angle = 0.3 * index
        pose[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        pose[0, 3] = index
    return made


def write_transforms(path: Path, count: int = 9, **more: object) -> Path:
    frames = [
        {"file_path": f"images/{k}.png", "transform_matrix": pose.tolist()} for k, pose in enumerate(poses(count))
    ]
    path.write_text(json.dumps({**LENS, **more, "frames": frames}))
    return path


def test_a_transforms_file_needs_no_pictures(tmp_path):
    path = write_transforms(tmp_path / "transforms.json", k1=0.1)
    for given in (path, tmp_path):
        views = load_cameras(given)
        assert [view.name for view in views] == [f"view_{k:03d}" for k in range(9)]
        assert [view.split for view in views] == ["test", *["train"] * 7, "test"]
        np.testing.assert_allclose(np.stack([view.c2w for view in views]), poses(9)[:, :3])
        first = views[0]
        assert (first.width, first.height, first.fl_x, first.fl_y, first.cx, first.cy) == tuple(LENS.values())
        assert first.distortion == (0.1, 0, 0, 0, 0, 0)


def test_the_size_of_a_picture_stands_in_for_one_that_is_not_told(tmp_path, tiny_capture):
    body = json.loads((tiny_capture / "transforms.json").read_text())
    del body["w"], body["h"]
    for frame in body["frames"]:
        frame["file_path"] = str(tiny_capture / frame["file_path"])
    (tmp_path / "transforms.json").write_text(json.dumps(body))
    assert {(view.width, view.height) for view in load_cameras(tmp_path)} == {(24, 20)}


def test_cameras_that_gaussian_splatting_wrote_are_turned_to_our_axes(tmp_path):
    opencv = poses(4)[:, :3, :3] * [1.0, -1.0, -1.0]
    cameras = [
        {"id": k, "img_name": f"{k}", "width": 640, "height": 480, "position": [k, 0, 0], "rotation": r.tolist(),
         "fx": 500.0, "fy": 510.0}
        for k, r in enumerate(opencv)
    ]  # fmt: skip
    (tmp_path / "cameras.json").write_text(json.dumps(cameras))
    views = load_cameras(tmp_path / "cameras.json")
    np.testing.assert_allclose(np.stack([view.c2w for view in views]), poses(4)[:, :3], atol=1e-12)
    assert (views[0].cx, views[0].cy, views[0].fl_y) == (320, 240, 510)
    assert len(load_cameras(tmp_path)) == 4


@pytest.mark.parametrize("place", ["", "sparse/0"])
def test_a_colmap_model_is_found_itself_or_in_a_capture(place, tmp_path):
    model = tmp_path / place
    model.mkdir(parents=True, exist_ok=True)
    (model / "cameras.txt").write_text("1 PINHOLE 640 480 500 510 300 250\n")
    (model / "images.txt").write_text("".join(f"{k + 1} 1 0 0 0 {-k} 0 0 1 im{k}.png\n\n" for k in range(5)))
    views = load_cameras(tmp_path)
    assert [view.c2w[0, 3] for view in views] == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(views[0].c2w[:, :3], np.diag([1.0, -1.0, -1.0]))


def test_large_cameras_are_reduced_over_the_same_field_of_view(tmp_path):
    view = load_cameras(write_transforms(tmp_path / "c.json"), longest_side=64)[0]
    assert (view.width, view.height) == (64, 48)
    assert view.fl_x / view.width == pytest.approx(500 / 640)
    assert view.cy / view.height == pytest.approx(250 / 480)
    assert limit_side(view, 64) is view


def bad_pose(body):
    body["frames"][2]["transform_matrix"][0][0] = float("nan")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body.update(frames=body["frames"][:2]),
        lambda body: body.update(frames=[]),
        lambda body: body.pop("frames"),
        lambda body: body.pop("w"),
        lambda body: body.update(w=0),
        lambda body: body.update(w="wide"),
        lambda body: body.update(fl_x=-1),
        lambda body: body.update(camera_model="EQUIRECTANGULAR"),
        lambda body: body["frames"][1].update(transform_matrix=[[1, 2], [3, 4]]),
        bad_pose,
    ],
)
def test_cameras_that_are_none_are_refused(spoil, tmp_path):
    path = write_transforms(tmp_path / "transforms.json")
    body = json.loads(path.read_text())
    spoil(body)
    path.write_text(json.dumps(body))
    with pytest.raises(DataError):
        load_cameras(path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", "[]"),
        ("a.json", "[1, 2, 3]"),
        ("a.json", "3"),
        ("a.json", "{"),
        ("a.json", '[{"position": [0, 0], "rotation": 1, "width": 4, "height": 4, "fx": 1, "fy": 1}]'),
        ("a.json", '[{"position": [0, 0, 0]}]'),
        ("a.txt", ""),
        ("cameras.txt", "1 PINHOLE nothing\n"),
    ],
)
def test_files_that_hold_no_cameras_are_refused(name, text, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError):
        load_cameras(tmp_path / name)
    with pytest.raises(DataError):
        load_cameras(tmp_path)
