from __future__ import annotations

import os

import cv2
import numpy as np
import pytest
from nerfstudio.data.utils import colmap_parsing_utils as colmap
from PIL import Image
from scipy.spatial.transform import Rotation

from editor3d.datasets import load_posed_images
from editor3d.datasets.views.images import read_mask
from editor3d.errors import DataError

OPENCV = ("OPENCV", (52.0, 50.0, 21.0, 14.0, 0.05, -0.02, 0.001, -0.002))
FISHEYE = ("OPENCV_FISHEYE", (52.0, 50.0, 21.0, 14.0, 0.05, -0.02, 0.01, -0.003))
RADIAL = ("SIMPLE_RADIAL", (52.0, 21.0, 14.0, 0.05))
PINHOLE = ("SIMPLE_PINHOLE", (52.0, 21.0, 14.0))


def write_model(root, place, suffix, camera=OPENCV, count=10):
    """A sparse model with random poses; returns rotations and translations (world to camera) by picture name."""
    rng = np.random.default_rng(5)
    (root / "images" / "left").mkdir(parents=True)
    model = root / place
    model.mkdir(parents=True)
    name, params = camera
    cameras = {3: colmap.Camera(id=3, model=name, width=40, height=30, params=np.array(params))}
    images, poses = {}, {}
    for index in range(count):
        picture = f"left/{index:02d}.jpg" if index % 2 else f"{index:02d}.png"
        Image.new("RGB", (40, 30)).save(root / "images" / picture)
        rotation = Rotation.random(random_state=index)
        x, y, z, w = rotation.as_quat()
        translation = rng.normal(size=3)
        poses[picture] = (rotation.as_matrix(), translation)
        images[index + 1] = colmap.Image(
            id=index + 1,
            qvec=np.array([w, x, y, z]),
            tvec=translation,
            camera_id=3,
            name=picture,
            xys=np.array([[1.5, 2.5]]),
            point3D_ids=np.array([7]),
        )
    points = {
        7 + i: colmap.Point3D(7 + i, np.array([i, 2.0, 3.0]), np.array([i, 20, 30]), 0.5, np.array([1]), np.array([0]))
        for i in range(4)
    }
    if suffix == ".bin":
        colmap.write_cameras_binary(cameras, model / "cameras.bin")
        colmap.write_images_binary(images, model / "images.bin")
        colmap.write_points3D_binary(points, model / "points3D.bin")
    else:
        colmap.write_cameras_text(cameras, model / "cameras.txt")
        colmap.write_images_text(images, model / "images.txt")
        colmap.write_points3D_text(points, model / "points3D.txt")
    return poses


def to_opencv(c2w, points):
    """World points [N, 3] in the OpenCV axes of an OpenGL camera."""
    return ((points - c2w[:, 3]) @ c2w[:, :3]) * np.array([1, -1, -1])


@pytest.mark.parametrize("place", ["sparse/0", "colmap/sparse/0", "sparse"])
@pytest.mark.parametrize("suffix", [".bin", ".txt"])
def test_poses_and_points_are_read_back(tmp_path, place, suffix):
    poses = write_model(tmp_path, place, suffix)
    posed = load_posed_images(tmp_path)
    assert posed.format == "colmap"
    assert [view.name for view in posed.views] == [name.rsplit(".", 1)[0] for name in poses]
    points = np.random.default_rng(0).normal(size=(20, 3))
    for view, (rotation, translation) in zip(posed.views, poses.values(), strict=True):
        np.testing.assert_allclose(to_opencv(view.c2w, points), points @ rotation.T + translation, atol=1e-9)
    np.testing.assert_array_equal(posed.points, [[i, 2, 3] for i in range(4)])
    np.testing.assert_array_equal(posed.point_colors, [[i, 20, 30] for i in range(4)])


def test_held_out_views_go_by_name(tmp_path):
    write_model(tmp_path, "sparse/0", ".bin")
    posed = load_posed_images(tmp_path, eval_interval=4)
    ordered = sorted(view.image_path for view in posed.views)
    assert {view.image_path for view in posed.test_views} == set(ordered[::4])


@pytest.mark.parametrize("camera", [OPENCV, FISHEYE, RADIAL, PINHOLE])
def test_camera_models(tmp_path, camera):
    """What COLMAP's own model projects, OpenCV projects with the view's intrinsics."""
    write_model(tmp_path, "sparse/0", ".bin", camera)
    view = load_posed_images(tmp_path).views[0]
    name, params = camera
    k1, k2, k3, k4, p1, p2 = view.distortion
    matrix = np.array([[view.fl_x, 0, view.cx], [0, view.fl_y, view.cy], [0, 0, 1]])
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (30, 1, 3)) + [0, 0, 2]
    if view.fisheye:
        pixels = cv2.fisheye.projectPoints(points, np.zeros(3), np.zeros(3), matrix, np.array([k1, k2, k3, k4]))[0]
    else:
        assert k4 == 0
        pixels = cv2.projectPoints(points, np.zeros(3), np.zeros(3), matrix, np.array([k1, k2, p1, p2, k3]))[0]
    np.testing.assert_allclose(pixels[:, 0], colmap_projection(name, params, points[:, 0]), atol=1e-9)


def colmap_projection(model, params, points):
    """The formulas of COLMAP's documentation for its camera models."""
    u, v = points[:, 0] / points[:, 2], points[:, 1] / points[:, 2]
    r2 = u**2 + v**2
    if model == "OPENCV":
        fx, fy, cx, cy, k1, k2, p1, p2 = params
        radial = k1 * r2 + k2 * r2**2
        du = u * radial + 2 * p1 * u * v + p2 * (r2 + 2 * u**2)
        dv = v * radial + 2 * p2 * u * v + p1 * (r2 + 2 * v**2)
    elif model == "OPENCV_FISHEYE":
        fx, fy, cx, cy, k1, k2, k3, k4 = params
        theta = np.arctan(np.sqrt(r2))
        bent = theta * (1 + k1 * theta**2 + k2 * theta**4 + k3 * theta**6 + k4 * theta**8) / np.sqrt(r2)
        du, dv = u * bent - u, v * bent - v
    elif model == "SIMPLE_RADIAL":
        fx, cx, cy, k1 = params
        fy, du, dv = fx, u * k1 * r2, v * k1 * r2
    else:
        fx, cx, cy = params
        fy, du, dv = fx, 0, 0
    return np.stack([fx * (u + du) + cx, fy * (v + dv) + cy], axis=-1)


def test_unsupported_camera_model_is_refused(tmp_path):
    write_model(tmp_path, "sparse/0", ".bin", ("FULL_OPENCV", (52.0, 50.0, 21.0, 14.0) + (0.0,) * 8))
    with pytest.raises(DataError, match="FULL_OPENCV.*undistort"):
        load_posed_images(tmp_path)


@pytest.mark.parametrize("part", ["cameras", "images", "points3D"])
def test_a_truncated_model_is_refused(tmp_path, part):
    write_model(tmp_path, "sparse/0", ".bin")
    path = tmp_path / "sparse" / "0" / f"{part}.bin"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DataError, match=f"{part}.bin cannot be read"):
        load_posed_images(tmp_path)


def test_a_missing_part_is_named(tmp_path):
    write_model(tmp_path, "sparse/0", ".txt")
    (tmp_path / "sparse" / "0" / "images.txt").unlink()
    with pytest.raises(DataError, match="has no images.bin or images.txt"):
        load_posed_images(tmp_path)


def test_a_model_without_points_has_none(tmp_path):
    write_model(tmp_path, "sparse/0", ".txt")
    (tmp_path / "sparse" / "0" / "points3D.txt").unlink()
    assert load_posed_images(tmp_path).points is None


def in_text(root, cameras="1 PINHOLE 40 30 52 50 21 14", place="sparse/0", names=None, poses=None):
    """A model in text of pictures that are there already, or of ten new ones."""
    model = root / place
    model.mkdir(parents=True, exist_ok=True)
    if names is None:
        names = [f"{index:02d}.png" for index in range(10)]
        (root / "images").mkdir(exist_ok=True)
        for name in names:
            Image.new("RGB", (40, 30)).save(root / "images" / name)
    poses = poses or ["1 0 0 0 0 0 0"] * len(names)
    lines = [f"{index} {pose} 1 {name}\n\n" for index, (name, pose) in enumerate(zip(names, poses, strict=True))]
    (model / "images.txt").write_text("".join(lines))
    (model / "cameras.txt").write_text(f"{cameras}\n")
    return names


@pytest.mark.parametrize("numbers", [(0, 1), (0, 10, 2)])
def test_the_largest_of_several_models_is_taken_and_it_says_so(tmp_path, numbers):
    names = in_text(tmp_path, place=f"sparse/{numbers[1]}")
    for number in (numbers[0], *numbers[2:]):
        in_text(tmp_path, place=f"sparse/{number}", names=names[:4])
    posed = load_posed_images(tmp_path)
    assert len(posed.views) == 10
    assert posed.notes[0] == f"model sparse/{numbers[1]} of {len(numbers)}"
    assert "sparse/0 has 4 views" in posed.notes


@pytest.mark.parametrize("place", ["colmap/sparse", "sparse/aligned", "."])
def test_models_are_found_in_other_places(tmp_path, place):
    in_text(tmp_path, place=place)
    assert load_posed_images(tmp_path).notes[0] == f"model {place} of 1"


@pytest.mark.parametrize("content", [b"", b"\1\0\0\0\0\0\0\0", b"\xff" * 64])
def test_a_damaged_model_beside_a_whole_one_is_left_out_and_it_says_so(tmp_path, content):
    in_text(tmp_path, place="sparse/1")
    (tmp_path / "sparse" / "0").mkdir()
    for part in ("cameras", "images", "points3D"):
        (tmp_path / "sparse" / "0" / f"{part}.bin").write_bytes(content)
    posed = load_posed_images(tmp_path)
    assert posed.notes[:2] == ("model sparse/1 of 2", "sparse/0 is damaged")


def test_files_of_one_kind_go_together(tmp_path):
    """A lone binary file beside a whole model in text is a leftover of another time."""
    write_model(tmp_path, "sparse/0", ".txt")
    (tmp_path / "sparse" / "0" / "cameras.bin").write_bytes(b"")
    assert len(load_posed_images(tmp_path).views) == 10


@pytest.mark.parametrize(
    ("model", "parameters", "fisheye", "distortion"),
    [
        ("SIMPLE_FISHEYE", (52.0, 21.0, 14.0), True, (0, 0, 0, 0, 0, 0)),
        ("FISHEYE", (52.0, 50.0, 21.0, 14.0), True, (0, 0, 0, 0, 0, 0)),
        ("SIMPLE_RADIAL_FISHEYE", (52.0, 21.0, 14.0, 0.05), True, (0.05, 0, 0, 0, 0, 0)),
        ("RADIAL_FISHEYE", (52.0, 21.0, 14.0, 0.05, -0.01), True, (0.05, -0.01, 0, 0, 0, 0)),
        ("RADIAL", (52.0, 21.0, 14.0, 0.05, -0.01), False, (0.05, -0.01, 0, 0, 0, 0)),
    ],
)
def test_models_that_are_opencvs_with_fewer_parameters(tmp_path, model, parameters, fisheye, distortion):
    in_text(tmp_path, f"1 {model} 40 30 {' '.join(map(str, parameters))}")
    view = load_posed_images(tmp_path).views[0]
    assert (view.fisheye, view.distortion) == (fisheye, distortion)
    assert (view.fl_x, view.cx, view.cy) == (52, 21, 14)
    assert view.fl_y == (50 if len(parameters) == 4 and model == "FISHEYE" else 52)


@pytest.mark.parametrize("name", ["FOV", "SIMPLE_DIVISION", "EUCM", "PANORAMA"])
def test_other_models_are_refused_by_name(tmp_path, name):
    parameters = {"FOV": 5, "SIMPLE_DIVISION": 4}.get(name, 6)
    in_text(tmp_path, f"1 {name} 40 30 " + " ".join(["10"] * parameters))
    with pytest.raises(DataError, match=f"camera model {name} of image 0 .*not supported: undistort"):
        load_posed_images(tmp_path)


@pytest.mark.parametrize(
    ("cameras", "said"),
    [
        ("1 PINHOLE 40 30 -52 50 21 14", "fl_x of image 0 .* must be positive"),
        ("1 PINHOLE 40 30 nan 50 21 14", "fl_x of image 0 .* finite number"),
        ("1 PINHOLE 0 30 52 50 21 14", "w of image 0 .* must be positive"),
        ("1 PINHOLE 1e300 30 52 50 21 14", "w of image 0 .* finite number"),
        ("2 PINHOLE 40 30 52 50 21 14", "camera 1 of image 0 .* not in the model"),
    ],
)
def test_cameras_that_can_be_none_are_refused(tmp_path, cameras, said):
    in_text(tmp_path, cameras)
    with pytest.raises(DataError, match=said):
        load_posed_images(tmp_path)


@pytest.mark.parametrize("pose", ["0 0 0 0 1 2 3", "nan 0 0 0 1 2 3", "1 0 0 0 inf 2 3", "1 0 0 0 1e300 2 3"])
def test_poses_that_are_none_are_refused(tmp_path, pose):
    in_text(tmp_path, names=in_text(tmp_path), poses=[pose] * 10)
    with pytest.raises(DataError, match="pose of image 0"):
        load_posed_images(tmp_path)


def test_a_quaternion_of_another_length_is_the_same_rotation(tmp_path):
    in_text(tmp_path, names=in_text(tmp_path), poses=["1 0 2 0 1 2 3"] * 10)
    once = load_posed_images(tmp_path).views[0].c2w
    in_text(tmp_path, names=[f"{index:02d}.png" for index in range(10)], poses=["3 0 6 0 1 2 3"] * 10)
    np.testing.assert_allclose(load_posed_images(tmp_path).views[0].c2w, once, atol=1e-12)


@pytest.mark.parametrize(
    ("written", "there"),
    [
        ("a b/c (2).png", "a b/c (2).png"),
        (" lead.png", " lead.png"),
        ("  trail.png ", "trail.png"),
        ("sub\\d.png", "sub/d.png"),
        ("T\u00fcr.png", "Tu\u0308r.png"),
        ("UPPER.PNG", "UPPER.png"),
    ],
)
def test_pictures_are_found_however_their_names_are_spelt(tmp_path, written, there):
    names = in_text(tmp_path)
    path = tmp_path / "images" / there
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (40, 30)).save(path)
    in_text(tmp_path, names=[*names, written])
    assert load_posed_images(tmp_path).views[-1].image_path == path


@pytest.mark.parametrize("folder", ["masks", "mask"])
@pytest.mark.parametrize("name", ["{name}.jpg.png", "{name}.png", "{name}.jpg"])
def test_masks_are_read_as_colmap_names_them(tmp_path, folder, name):
    """`masks/a.jpg.png` for `images/a.jpg`, and its variants, in folders below too; black is not trained on."""
    (tmp_path / "images" / "left").mkdir(parents=True)
    names = ["left/0", "1", "left/2", "3"]
    for index, picture in enumerate(names):
        Image.new("RGB", (40, 30)).save(tmp_path / "images" / f"{picture}.jpg")
        mask = np.zeros((30, 40), np.uint8)
        mask[:, : 10 * (index + 1)] = 255
        path = tmp_path / folder / name.format(name=picture)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(path, quality=95)
    in_text(tmp_path, names=[f"{picture}.jpg" for picture in names])
    posed = load_posed_images(tmp_path)
    for index, view in enumerate(posed.views[:3]):
        inside = read_mask(view).numpy()
        assert inside[:, : 10 * (index + 1) - 8].all()
        assert not inside[:, 10 * (index + 1) + 8 :].any()


def test_a_mask_that_one_picture_lacks_is_named(tmp_path):
    names = in_text(tmp_path)
    (tmp_path / "masks").mkdir()
    for name in names[1:]:
        Image.new("L", (40, 30), 255).save(tmp_path / "masks" / f"{name}.png")
    with pytest.raises(DataError, match=r"9 of 10 pictures have a mask in .*00\.png has none"):
        load_posed_images(tmp_path)


@pytest.mark.parametrize("name", ["", ".", "..", "/", "a" * 5000, "\0", "../images/00.png"])
def test_names_that_can_be_no_picture_are_refused(tmp_path, name):
    names = in_text(tmp_path)
    (tmp_path / "masks").mkdir()
    for picture in names:
        Image.new("L", (40, 30), 255).save(tmp_path / "masks" / picture)
    in_text(tmp_path, names=[*names, name])
    with pytest.raises(DataError) as caught:
        load_posed_images(tmp_path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 800


def test_masks_of_other_pictures_are_said(tmp_path):
    in_text(tmp_path)
    (tmp_path / "masks").mkdir()
    Image.new("L", (40, 30), 255).save(tmp_path / "masks" / "other.png")
    posed = load_posed_images(tmp_path)
    assert "masks names none of the pictures" in posed.notes
    assert all(view.mask_path is None for view in posed.views)


def test_points_without_a_place_are_left_out_and_it_says_so(tmp_path):
    in_text(tmp_path)
    points = tmp_path / "sparse" / "0" / "points3D.txt"
    points.write_text("1 0 0 0 9 9 9 0.5\n2 nan 0 0 1 1 1 0.5\n3 1 inf 0 1 1 1 0.5\n4 1 2 3 7 7 7 0.5\n")
    posed = load_posed_images(tmp_path)
    np.testing.assert_array_equal(posed.points, [[0, 0, 0], [1, 2, 3]])
    np.testing.assert_array_equal(posed.point_colors[:, 0], [9, 7])
    assert "2 points without a place left out" in posed.notes


def test_points_as_a_ply_file_alone(tmp_path):
    in_text(tmp_path)
    header = "ply\nformat ascii 1.0\nelement vertex 1\n" + "".join(f"property float {axis}\n" for axis in "xyz")
    (tmp_path / "sparse" / "0" / "points3D.ply").write_text(f"{header}end_header\n1 2 3\n")
    np.testing.assert_array_equal(load_posed_images(tmp_path).points, [[1, 2, 3]])


@pytest.mark.parametrize("link", ["images", "sparse", "sparse/0/images.txt", "images/00.png", "masks"])
def test_links_out_of_a_capture_are_not_followed(tmp_path, link):
    capture, other = tmp_path / "capture", tmp_path / "other"
    capture.mkdir()
    names = in_text(capture)
    (capture / "masks").mkdir()
    for name in names:
        Image.new("L", (40, 30), 255).save(capture / "masks" / name)
    load_posed_images(capture)
    other.mkdir()
    (capture / link).rename(other / "moved")
    (capture / link).symlink_to(other / "moved")
    with pytest.raises(DataError, match="found a link out of it"):
        load_posed_images(capture)


def test_links_within_a_capture_are_followed(tmp_path):
    in_text(tmp_path)
    (tmp_path / "images").rename(tmp_path / "photographs")
    (tmp_path / "images").symlink_to("photographs")
    assert len(load_posed_images(tmp_path).views) == 10


def test_a_pipe_among_the_pictures_is_not_waited_for(tmp_path):
    in_text(tmp_path)
    (tmp_path / "images" / "00.png").unlink()
    os.mkfifo(tmp_path / "images" / "00.png")
    with pytest.raises(DataError, match=r"00\.png"):
        load_posed_images(tmp_path)
