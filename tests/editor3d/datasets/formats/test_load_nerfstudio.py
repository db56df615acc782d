from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from editor3d.datasets import load_posed_images
from editor3d.datasets.views.headers import PictureInfo, same_aspect
from editor3d.datasets.views.images import read_depth, read_image, read_mask, read_object_masks
from editor3d.datasets.views.intrinsics import parse_intrinsics
from editor3d.types import Intrinsics


def test_views_keep_the_files_order_poses_and_names(write_capture):
    path = write_capture(count=10)
    posed = load_posed_images(path.parent)
    frames = json.loads(path.read_text())["frames"]
    assert posed.format == "nerfstudio"
    assert [view.name for view in posed.views] == [f"frame_{index:03d}" for index in reversed(range(10))]
    for view, frame in zip(posed.views, frames, strict=True):
        np.testing.assert_array_equal(view.c2w, np.array(frame["transform_matrix"])[:3])
        assert view.image_path == path.parent / frame["file_path"]
        assert (view.width, view.height, view.fl_x, view.fl_y, view.cx, view.cy) == (40, 30, 36.5, 35.25, 19.25, 15.75)
        assert view.distortion == (0,) * 6
        assert not view.fisheye


def test_file_and_folder_are_the_same_capture(write_capture):
    path = write_capture(count=4)
    by_file, by_folder = load_posed_images(path), load_posed_images(path.parent)
    assert [view.name for view in by_file.views] == [view.name for view in by_folder.views]
    assert by_file.root == by_folder.root == path.parent


@pytest.mark.parametrize(("interval", "expected"), [(8, {0, 8}), (3, {0, 3, 6, 9}), (2, {0, 2, 4, 6, 8})])
def test_every_nth_view_by_name_is_held_out(write_capture, interval, expected):
    posed = load_posed_images(write_capture(count=10), eval_interval=interval)
    assert {view.name for view in posed.test_views} == {f"frame_{index:03d}" for index in expected}
    assert len(posed.train_views) == 10 - len(expected)


def test_listed_splits_go_before_the_interval(write_capture):
    def change(data):
        data["train_filenames"] = [f"images/frame_{index:03d}.png" for index in (1, 2, 3)]
        data["test_filenames"] = ["./images/frame_000.png"]
        data["val_filenames"] = ["images/frame_007.png"]

    posed = load_posed_images(write_capture(count=10, change=change))
    assert {view.name for view in posed.train_views} == {"frame_001", "frame_002", "frame_003"}
    assert {view.name for view in posed.test_views} == {"frame_000", "frame_007"}


@pytest.mark.parametrize(("key", "split"), [("test_filenames", "test"), ("train_filenames", "train")])
def test_the_side_that_is_not_listed_gets_the_rest(write_capture, key, split):
    def change(data):
        data[key] = ["images/frame_002.png", "images/frame_004.png"]

    posed = load_posed_images(write_capture(count=6, change=change))
    assert {view.name for view in posed.views if view.split == split} == {"frame_002", "frame_004"}
    assert len(posed.views) == 6


def test_keys_of_a_frame_go_before_those_of_the_file(write_capture):
    def change(data):
        data["frames"][1].update(fl_x=50.0, k1=0.1, camera_model="OPENCV_FISHEYE")

    posed = load_posed_images(write_capture(count=4, change=change))
    assert [view.fl_x for view in posed.views] == [36.5, 50.0, 36.5, 36.5]
    assert [view.distortion[0] for view in posed.views] == [0, 0.1, 0, 0]
    assert [view.fisheye for view in posed.views] == [False, True, False, False]


def test_distortion_is_in_the_notations_order(write_capture):
    named = {"k1": 0.1, "k2": 0.2, "k3": 0.3, "k4": 0.4, "p1": 0.5, "p2": 0.6}

    def as_list(data):
        data["distortion_params"] = list(named.values())

    for change in (lambda data: data.update(named), as_list):
        posed = load_posed_images(write_capture(count=3, change=change))
        assert all(view.distortion == (0.1, 0.2, 0.3, 0.4, 0.5, 0.6) for view in posed.views)


def test_a_field_of_view_stands_for_the_focal_length(write_capture):
    angle = 0.8
    posed = load_posed_images(write_capture(count=3, meta={"camera_angle_x": angle}))
    view = posed.views[0]
    assert (view.width, view.height, view.cx, view.cy) == (40, 30, 20, 15)
    # The ray of the right edge leaves at half the angle.
    assert np.arctan((view.width - view.cx) / view.fl_x) == pytest.approx(angle / 2)
    assert view.fl_y == view.fl_x


def test_a_missing_suffix_is_found(write_capture):
    def change(data):
        for frame in data["frames"]:
            frame["file_path"] = "./" + frame["file_path"].removesuffix(".png")
        data["test_filenames"] = ["images/frame_003"]

    posed = load_posed_images(write_capture(count=5, change=change))
    assert all(view.image_path.suffix == ".png" for view in posed.views)
    assert [view.name for view in posed.test_views] == ["frame_003"]


def test_names_stay_unique_below_the_common_folder(write_capture, tmp_path):
    def change(data):
        for index, file_path in enumerate(("left/a.png", "right/a.png", "right/a.jpg")):
            (tmp_path / file_path).parent.mkdir(exist_ok=True)
            Image.new("RGB", (40, 30)).save(tmp_path / file_path)
            data["frames"][index]["file_path"] = file_path

    assert {view.name for view in load_posed_images(write_capture(count=3, change=change)).views} == {
        "left/a.png",
        "right/a.png",
        "right/a.jpg",
    }


def test_a_uniform_scale_of_the_axes_is_taken_out(write_capture):
    plain = load_posed_images(write_capture(count=4))

    def change(data):
        for frame in data["frames"]:
            pose = np.array(frame["transform_matrix"])
            pose[:3, :3] *= 2.5
            frame["transform_matrix"] = pose.tolist()

    scaled = load_posed_images(write_capture(count=4, change=change))
    for a, b in zip(plain.views, scaled.views, strict=True):
        np.testing.assert_allclose(a.c2w, b.c2w, atol=1e-12)


@given(
    width=st.integers(8, 4000),
    height=st.integers(8, 4000),
    factor=st.integers(1, 8),
    point=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
)
@settings(max_examples=200, deadline=None)
def test_downscaling_moves_every_pixel_by_the_ratio_of_the_sizes(width, height, factor, point):
    camera = Intrinsics(width, height, 0.9 * width, 1.1 * width, 0.4 * width, 0.6 * height)
    small = camera.downscaled(factor, "a view")
    assert (small.width, small.height) == (width // factor, height // factor)
    x, y = point
    for large_pixel, small_pixel, large_side, small_side in (
        (camera.fl_x * x + camera.cx, small.fl_x * x + small.cx, width, small.width),
        (camera.fl_y * y + camera.cy, small.fl_y * y + small.cy, height, small.height),
    ):
        assert small_pixel / small_side == pytest.approx(large_pixel / large_side, abs=1e-9)


@given(width=st.integers(16, 4000), height=st.integers(16, 4000), factor=st.integers(2, 8))
def test_any_rounding_of_a_downscaled_size_has_the_same_aspect(width, height, factor):
    for down in (np.floor, np.ceil, np.round):
        assert same_aspect((width, height), (int(down(width / factor)), int(down(height / factor))))


def test_another_aspect_is_told_apart():
    assert not same_aspect((640, 480), (480, 640))
    assert not same_aspect((512, 512), (512, 480))
    assert not same_aspect((1920, 1080), (640, 480))


def test_downscaled_capture_reads_pictures_of_its_size(write_capture):
    path = write_capture(count=3, size=(41, 30), meta={"w": 41, "h": 30, "fl_x": 40.0, "cx": 20.0, "cy": 15.0})
    posed = load_posed_images(path, downscale_factor=4)
    assert posed.downscale_factor == 4
    for view in posed.views:
        assert (view.width, view.height) == (10, 7)
        assert view.fl_x == pytest.approx(40.0 * 10 / 41)
        assert view.fl_y == pytest.approx(40.0 * 7 / 30)
        assert read_image(view).shape == (7, 10, 3)


def test_pictures_of_a_smaller_copy_scale_the_intrinsics(write_capture):
    posed = load_posed_images(
        write_capture(count=3, size=(20, 15), meta={"w": 40, "h": 31, "fl_x": 36.0, "fl_y": 31.0, "cx": 20, "cy": 15.5})
    )
    view = posed.views[0]
    assert (view.width, view.height, view.fl_x, view.cx) == (20, 15, 18.0, 10.0)
    assert (view.fl_y, view.cy) == pytest.approx((15.0, 7.5))


def test_mixed_and_portrait_sizes(write_capture, tmp_path):
    def change(data):
        for key in ("w", "h", "cx", "cy"):
            data.pop(key)
        for index, size in enumerate(((40, 30), (30, 40), (17, 23))):
            Image.new("RGB", size).save(tmp_path / data["frames"][index]["file_path"])

    posed = load_posed_images(write_capture(count=3, change=change))
    assert [(view.width, view.height) for view in posed.views] == [(40, 30), (30, 40), (17, 23)]
    assert [tuple(read_image(view).shape) for view in posed.views] == [(30, 40, 3), (40, 30, 3), (23, 17, 3)]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_tag_counts_only_where_the_camera_is_upright(orientation):
    stored = PictureInfo(40, 30, orientation)
    as_stored = {"w": 40, "h": 30, "fl_x": 36.0}
    upright = {"w": 30, "h": 40, "fl_x": 36.0}
    assert parse_intrinsics(as_stored, stored, "a frame").width == 40
    assert parse_intrinsics({"fl_x": 36.0}, stored, "a frame").width == 40
    assert stored.size_for(30, 40) == ((30, 40) if orientation >= 5 else (40, 30))
    if orientation >= 5:
        assert parse_intrinsics(upright, stored, "a frame").width == 30


def test_masks_labels_depth_and_objects(write_capture, tmp_path):
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, (30, 40), dtype=np.uint8)
    depth = rng.integers(0, 65536, (30, 40), dtype=np.uint16)

    def change(data):
        data["objects"] = {"teapot": 1, "cup": 2, "spoon": 9}
        data["depth_unit_scale_factor"] = 0.25
        for frame in data["frames"]:
            frame.update(mask_path="mask.png", labels_path="labels.png", depth_file_path="depth.png")
        Image.fromarray(((labels > 0) * 255).astype(np.uint8)).save(tmp_path / "mask.png")
        Image.fromarray(labels).save(tmp_path / "labels.png")
        Image.fromarray(depth).save(tmp_path / "depth.png")

    posed = load_posed_images(write_capture(count=3, change=change))
    assert dict(posed.objects) == {"teapot": 1, "cup": 2, "spoon": 9}
    assert posed.depth_scale == 0.25
    view = posed.views[0]
    np.testing.assert_array_equal(read_mask(view).numpy(), labels > 0)
    masks = read_object_masks(view, posed.objects)
    np.testing.assert_array_equal(masks["teapot"].numpy(), labels == 1)
    np.testing.assert_array_equal(masks["cup"].numpy(), labels == 2)
    assert not masks["spoon"].any()
    np.testing.assert_array_equal(read_depth(view, posed.depth_scale).numpy(), depth.astype(np.float32) / 4)


PLY_HEADER = "ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\nproperty float y\nproperty float z\n"


def test_sparse_points_are_taken_as_they_are(write_capture, tmp_path):
    def change(data):
        data["ply_file_path"] = "points.ply"
        data["applied_transform"] = [[0, 1, 0, 5], [1, 0, 0, 6], [0, 0, -1, 7]]

    colored = PLY_HEADER + "property uchar red\nproperty uchar green\nproperty uchar blue\nend_header\n"
    (tmp_path / "points.ply").write_text(colored + "1 2 3 10 20 30\n4 5 6.5 255 0 7\n")
    posed = load_posed_images(write_capture(count=3, change=change))
    np.testing.assert_array_equal(posed.points, np.array([[1, 2, 3], [4, 5, 6.5]], np.float32))
    np.testing.assert_array_equal(posed.point_colors, np.array([[10, 20, 30], [255, 0, 7]], np.uint8))

    (tmp_path / "points.ply").write_text(PLY_HEADER + "end_header\n1 2 3\n4 5 6.5\n")
    posed = load_posed_images(tmp_path)
    assert posed.points.shape == (2, 3)
    assert posed.point_colors is None


def test_an_empty_cloud_is_none(write_capture, tmp_path):
    (tmp_path / "points.ply").write_text(PLY_HEADER.replace("vertex 2", "vertex 0") + "end_header\n")
    posed = load_posed_images(write_capture(count=3, change=lambda data: data.update(ply_file_path="points.ply")))
    assert posed.points is None
    assert posed.point_colors is None


def test_a_phone_picture_on_its_side_is_read_upright(write_capture, tmp_path):
    """Stored landscape with the EXIF tag of a turn, calibrated as the portrait that viewers show."""
    stored = Image.new("RGB", (40, 30), (0, 0, 255))
    stored.paste((255, 0, 0), (0, 0, 20, 30))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise: the left half comes to the top

    def change(data):
        data.update(w=30, h=40, cx=15.0, cy=20.0)
        for frame in data["frames"]:
            stored.save(tmp_path / frame["file_path"], exif=exif)

    posed = load_posed_images(write_capture(count=3, change=change), downscale_factor=2)
    view = posed.views[0]
    assert (view.width, view.height, view.cx, view.cy) == (15, 20, 7.5, 10.0)
    pixels = read_image(view)
    assert (pixels[:10] == pixels.new_tensor([255, 0, 0])).all()
    assert (pixels[10:] == pixels.new_tensor([0, 0, 255])).all()
