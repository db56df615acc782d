"""Captures as programs and people write them: read as they are meant, or refused in one sentence."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from editor3d.datasets import load_posed_images
from editor3d.datasets.views.images import read_depth, read_mask
from editor3d.errors import DataError


def put(**keys):
    return lambda data: data.update(keys)


def rename(index, name):
    return lambda data: data["frames"][index].update(file_path=name)


@pytest.fixture(scope="module")
def cases() -> Path:
    shared = os.environ.get("EDITOR3D_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data")
    path = Path(shared).parent / "cases" / "captures"
    if not path.is_dir():
        pytest.skip("the collected captures are not there")
    return path


@pytest.mark.parametrize(
    ("name", "notes"),
    [
        ("is_fisheye", ("transforms.json",)),
        ("depth_as_npy", ("transforms.json",)),
        ("json_with_bom", ("transforms.json",)),
        ("colmap_names_with_spaces", ("model sparse/0 of 1",)),
        ("colmap_two_models", ("model sparse/1 of 2", "sparse/0 has 4 views")),
    ],
)
def test_collected_captures_are_read(cases, name, notes):
    posed = load_posed_images(cases / name)
    assert len(posed.views) == (32 if name == "is_fisheye" else 12)
    assert posed.notes == notes
    assert all(view.fisheye == (name == "is_fisheye") for view in posed.views)
    depth = read_depth(posed.views[0], posed.depth_scale)
    assert (depth is None) == (name != "depth_as_npy")
    if depth is not None:
        np.testing.assert_allclose(depth.numpy(), 0.001)


def test_the_collected_capture_with_a_camera_of_another_kind_is_refused(cases):
    with pytest.raises(DataError, match="camera model SIMPLE_DIVISION of image 1 .*not supported: undistort"):
        load_posed_images(cases / "colmap_unknown_camera")


# Lenses


@pytest.mark.parametrize("flag", [True, 1, False, 0])
def test_is_fisheye_says_the_lens(write_capture, flag):
    """instant-ngp's key, with whatever it writes beside."""
    more = {"aabb_scale": 16, "scale": 0.33, "offset": [0.5, 0.5, 0.5], "k1": 0.1, "k4": -0.01, "k3": 0.0, "k2": 0}
    posed = load_posed_images(write_capture(count=4, change=put(is_fisheye=flag, **more)))
    assert [view.fisheye for view in posed.views] == [bool(flag)] * 4
    assert posed.views[0].distortion == (0.1, 0, 0, -0.01, 0, 0)


def test_is_fisheye_of_one_frame(write_capture):
    def change(data):
        data["camera_model"] = "OPENCV"
        data["frames"][1]["is_fisheye"] = True
        data["frames"][2]["camera_model"] = "OPENCV_FISHEYE"

    posed = load_posed_images(write_capture(count=4, change=change))
    assert [view.fisheye for view in posed.views] == [False, True, True, False]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"is_fisheye": True, "camera_model": "OPENCV"}, "says both camera_model OPENCV and is_fisheye true"),
        ({"is_fisheye": False, "camera_model": "OPENCV_FISHEYE"}, "says both .*is_fisheye false"),
        ({"is_fisheye": "yes"}, "is_fisheye of frame 0 .* must be true or false, not 'yes'"),
        ({"ftheta_p0": 0.1}, "lens of frame 0 .* not supported .ftheta_p0."),
        ({"equirectangular": True}, "lens of frame 0 .* not supported"),
        ({"latlong": True}, "lens of frame 0 .* not supported"),
        ({"camera_model": ["OPENCV"]}, "camera model .'OPENCV'. of frame 0 .* not supported"),
    ],
)
def test_lenses_that_are_none_of_ours_are_refused(write_capture, keys, said):
    with pytest.raises(DataError, match=said):
        load_posed_images(write_capture(count=4, change=put(**keys)))


@pytest.mark.parametrize("fisheye", [True, False])
@pytest.mark.parametrize(("key", "unit"), [("camera_angle_x", 1.0), ("x_fov", 180 / math.pi)])
def test_a_focal_length_by_its_angle(write_capture, fisheye, key, unit):
    angle = 2 * math.atan(40 / (2 * 36.5))
    meta = {"w": 40.0, "h": "30", key: angle * unit, "is_fisheye": fisheye}
    view = load_posed_images(write_capture(count=3, meta=meta)).views[0]
    assert (view.width, view.height) == (40, 30)
    assert view.fl_x == view.fl_y == pytest.approx(36.5)


def test_a_lens_for_each_frame_and_no_size(write_capture):
    """As apps on phones write it."""

    def change(data):
        for index, frame in enumerate(data["frames"]):
            frame.update(fl_x=30.0 + index, fl_y=31.0 + index, cx=19.0, cy=None, timestamp=index, blur_score=0.3)

    posed = load_posed_images(write_capture(count=4, meta={"camera_model": "OPENCV"}, change=change))
    assert [(view.fl_x, view.fl_y, view.cx, view.cy) for view in posed.views] == [
        (30.0 + index, 31.0 + index, 19.0, 15.0) for index in range(4)
    ]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"fl_x": 0.6}, "fl_x of frame 0 .* focal length in pixels, not 0.6 for 40"),
        ({"fl_y": 1e9}, "fl_y of frame 0 .* focal length in pixels"),
        ({"cx": 1e6}, "cx of frame 0 .* near the picture"),
        ({"cy": -1e6}, "cy of frame 0 .* near the picture"),
        ({"k1": 1e20}, "k1 of frame 0 .* coefficient of a lens"),
        ({"distortion_params": [0, 0, 0, 0, 0, -1e9]}, "p2 of frame 0 .* coefficient of a lens"),
    ],
)
def test_lengths_that_are_no_pixels_are_refused(write_capture, keys, said):
    with pytest.raises(DataError, match=said):
        load_posed_images(write_capture(count=4, change=put(**keys)))


# Numbers


@pytest.mark.parametrize(
    "number", ["1e400", "-1e400", "NaN", "Infinity", "true", "1e35", "1" * 400, '"wide"', "[]", "{}"]
)
@pytest.mark.parametrize("key", ["fl_x", "w", "cx", "k1", "camera_angle_y", "pose"])
def test_numbers_that_are_none_are_refused(write_capture, key, number):
    path = write_capture(count=4, meta={"w": 40, "h": 30, "fl_x": 36.5})
    text = path.read_text()
    data = json.loads(text)
    if key == "pose":
        data["frames"][0]["transform_matrix"][1][3] = "HERE"
    elif key == "camera_angle_y":
        data |= {"camera_angle_x": 1.0, key: "HERE"}
        del data["fl_x"]
    else:
        data[key] = "HERE"
    path.write_text(json.dumps(data).replace('"HERE"', number))
    with pytest.raises(DataError) as caught:
        load_posed_images(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 800
    assert ("pose" if key == "pose" else key) in str(caught.value)


@pytest.mark.parametrize("key", ["depth_unit_scale_factor", "integer_depth_scale"])
@pytest.mark.parametrize("number", [True, 0, -1.0, float("nan"), 10**400, "x"])
def test_depth_scales_that_are_none_are_refused(write_capture, key, number):
    with pytest.raises(DataError, match=f"{key} of .* must be a positive number"):
        load_posed_images(write_capture(count=3, change=put(**{key: number})))


def test_a_quoted_value_stays_short(write_capture):
    with pytest.raises(DataError) as caught:
        load_posed_images(write_capture(count=3, change=put(objects={"x\n" * 10_000: 300})))
    assert len(str(caught.value)) < 800
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_json_of_every_encoding(write_capture, encoding):
    path = write_capture(count=3)
    path.write_bytes(path.read_text().encode(encoding))
    assert len(load_posed_images(path).views) == 3


def test_json_nested_out_of_bounds_is_refused(write_capture):
    path = write_capture(count=3)
    path.write_text('{"frames": ' + "[" * 100_000)
    with pytest.raises(DataError, match="nested a few levels deep"):
        load_posed_images(path)


# Names


@pytest.mark.parametrize(
    ("written", "there"),
    [
        ("./images/a b.png", "images/a b.png"),
        ("images\\a.png", "images/a.png"),
        (".\\images\\a.png", "images/a.png"),
        ("images/a%20b%28.png", "images/a b(.png"),
        ("images/100%.png", "images/100%.png"),
        ("images/A.PNG", "images/a.png"),
        ("images/a", "images/a.webp"),
        ("images/u\u0308.png", "images/\u00fc.png"),
        ("/home/someone/capture/images/a.png", "images/a.png"),
        ("C:\\scans\\capture\\images\\a.png", "images/a.png"),
        ("images/sub//a.png", "images/sub/a.png"),
    ],
)
def test_pictures_are_found_however_their_names_are_spelt(write_capture, tmp_path, written, there):
    path = write_capture(count=4, change=rename(1, written))
    (tmp_path / there).parent.mkdir(exist_ok=True)
    Image.new("RGB", (40, 30)).save(tmp_path / there)
    view = load_posed_images(path).views[1]
    assert view.image_path.samefile(tmp_path / there)
    assert view.name == Path(there).relative_to("images").with_suffix("").as_posix()


def test_lists_of_splits_are_spelt_like_frames(write_capture):
    def change(data):
        data["test_filenames"] = ["images\\frame_001.png", "/home/me/images/frame_000.png"]

    posed = load_posed_images(write_capture(count=6, change=change))
    assert {view.name for view in posed.test_views} == {"frame_000", "frame_001"}


@pytest.mark.parametrize(
    "name", ["images/" + "a" * 300 + ".png", "images/\ud800.png", "/", "..", "images", "a/" * 3000]
)
def test_names_that_can_be_no_file_are_missing(write_capture, name):
    with pytest.raises(DataError, match="^.{,400}1 of 4 pictures .{,400} missing.{,400}$"):
        load_posed_images(write_capture(count=4, change=rename(1, name)))


@pytest.mark.parametrize("name", ["images/\0.png", "", 3, None, ["a"], {"a": 1}])
def test_names_that_are_no_paths_are_refused(write_capture, name):
    with pytest.raises(DataError, match="file_path"):
        load_posed_images(write_capture(count=4, change=rename(1, name)))


def test_many_missing_pictures_are_counted_soon(write_capture):
    def change(data):
        frame = data["frames"][0]
        data["frames"] = [{**frame, "file_path": f"gone/{index}"} for index in range(5000)]

    with pytest.raises(DataError, match="5000 of 5000 pictures .* missing"):
        load_posed_images(write_capture(count=3, change=change))


# Links, pipes and devices


@pytest.mark.parametrize("key", ["file_path", "mask_path", "labels_path", "depth_file_path", "ply_file_path"])
@pytest.mark.parametrize("of", ["file", "folder"])
def test_links_out_of_a_capture_are_not_followed(write_capture, tmp_path_factory, tmp_path, key, of):
    outside = tmp_path_factory.mktemp("outside")
    Image.new("L", (40, 30), 255).save(outside / "secret.png")
    if of == "file":
        (tmp_path / "link.png").symlink_to(outside / "secret.png")
    else:
        (tmp_path / "link").symlink_to(outside)
    name = "link.png" if of == "file" else "link/secret.png"

    def change(data):
        if key == "ply_file_path":
            data[key] = name
        else:
            for index, frame in enumerate(data["frames"]):
                if key != "file_path" or index == 0:
                    frame[key] = name

    with pytest.raises(DataError, match="found a link out of it"):
        load_posed_images(write_capture(count=3, change=change))


def test_a_transforms_file_that_is_a_link_out_is_not_followed(write_capture, tmp_path):
    path = write_capture(count=3)
    other = tmp_path / "capture"
    other.mkdir()
    (other / "transforms.json").symlink_to(path)
    with pytest.raises(DataError, match="found a link out of it"):
        load_posed_images(other)


@pytest.mark.parametrize("key", ["file_path", "ply_file_path", "depth_file_path"])
def test_pipes_and_devices_are_not_waited_for(write_capture, tmp_path, key):
    os.mkfifo(tmp_path / "pipe")

    def change(data):
        (data if key == "ply_file_path" else data["frames"][0])[key] = "pipe"

    path = write_capture(count=3, change=change)
    if key == "depth_file_path":  # nothing needs it
        assert "1 of 1 depth files missing" in load_posed_images(path).notes
        return
    with pytest.raises(DataError, match="pipe"):
        load_posed_images(path)


def test_a_pipe_in_place_of_a_capture_is_refused(tmp_path):
    os.mkfifo(tmp_path / "transforms.json")
    with pytest.raises(DataError, match="holds no posed pictures"):
        load_posed_images(tmp_path)
    with pytest.raises(DataError, match="found a pipe"):
        load_posed_images(tmp_path / "transforms.json")


# What is not needed


def with_depth(name):
    def change(data):
        for frame in data["frames"]:
            frame["depth_file_path"] = name

    return change


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"v/1\1", b"RIFF"])
@pytest.mark.parametrize("suffix", [".exr", ".npy", ".png", ".tiff"])
def test_depth_that_nothing_needs_refuses_nothing(write_capture, tmp_path, content, suffix):
    (tmp_path / f"depth{suffix}").write_bytes(content)
    posed = load_posed_images(write_capture(count=3, change=with_depth(f"depth{suffix}")))
    with pytest.raises(DataError, match=f"depth{suffix}"):
        read_depth(posed.views[0], posed.depth_scale)


def test_missing_depth_is_said(write_capture):
    posed = load_posed_images(write_capture(count=3, change=with_depth("gone.png")))
    assert "3 of 3 depth files missing" in posed.notes
    assert all(view.depth_path is None for view in posed.views)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.uint16, np.int32, ">f4"])
@pytest.mark.parametrize("shape", [(30, 40), (30, 40, 1), (1, 30, 40)])
def test_depth_of_numpy_arrays(write_capture, tmp_path, dtype, shape):
    values = np.arange(1200).reshape(30, 40)
    np.save(tmp_path / "depth.npy", values.reshape(shape).astype(dtype))
    posed = load_posed_images(write_capture(count=3, change=with_depth("depth.npy")))
    np.testing.assert_allclose(read_depth(posed.views[0], 0.5).numpy(), values * 0.5)


def test_depth_of_instant_ngps_names(write_capture, tmp_path):
    np.save(tmp_path / "depth.npy", np.full((30, 40), 3, np.uint16))

    def change(data):
        data["integer_depth_scale"] = 0.25
        for frame in data["frames"]:
            frame["depth_path"] = "depth.npy"

    posed = load_posed_images(write_capture(count=3, change=change))
    assert (read_depth(posed.views[0], posed.depth_scale) == 0.75).all()


def test_depth_without_a_value_is_unknown(write_capture, tmp_path):
    values = np.ones((30, 40))
    values[0, :3] = np.nan, np.inf, -np.inf
    np.save(tmp_path / "depth.npy", values)
    posed = load_posed_images(write_capture(count=3, change=with_depth("depth.npy")))
    assert read_depth(posed.views[0], 1.0).sum() == 1200 - 3


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.ones((40, 30)), "another aspect"),
        (np.ones((3, 30, 40)), "Expected depth as numbers in height x width"),
        (np.ones(5), "Expected depth as numbers"),
        (np.array([{"a": 1}], dtype=object), "damaged or no .npy file"),
        (np.array([["a"]]), "Expected depth as numbers"),
        (np.ones((30, 40), complex), "Expected depth as numbers"),
        (np.ones((0, 40)), "Expected depth as numbers"),
    ],
)
def test_arrays_that_are_no_depth_are_refused_where_they_are_needed(write_capture, tmp_path, array, said):
    np.save(tmp_path / "depth.npy", array)
    posed = load_posed_images(write_capture(count=3, change=with_depth("depth.npy")))
    with pytest.raises(DataError, match=said):
        read_depth(posed.views[0], 1.0)


def test_an_array_is_not_longer_than_its_file(write_capture, tmp_path):
    np.save(tmp_path / "depth.npy", np.ones((30, 40)))
    content = (tmp_path / "depth.npy").read_bytes()
    (tmp_path / "depth.npy").write_bytes(content.replace(b"(30, 40)", b"(2**40,)".replace(b"2**40", b"99999")))
    posed = load_posed_images(write_capture(count=3, change=with_depth("depth.npy")))
    with pytest.raises(DataError, match="damaged or no .npy file"):
        read_depth(posed.views[0], 1.0)


def test_masks_named_by_another_system(write_capture, tmp_path):
    (tmp_path / "masks").mkdir()

    def change(data):
        for index, frame in enumerate(data["frames"]):
            Image.new("L", (40, 30), 255).save(tmp_path / "masks" / f"{index} m.png")
            frame["mask_path"] = f"masks\\{index}%20m.png"

    posed = load_posed_images(write_capture(count=3, change=change))
    assert all(read_mask(view).all() for view in posed.views)
