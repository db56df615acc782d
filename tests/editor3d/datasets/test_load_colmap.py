from __future__ import annotations

import cv2
import numpy as np
import pytest
from nerfstudio.data.utils import colmap_parsing_utils as colmap
from PIL import Image
from scipy.spatial.transform import Rotation

from editor3d.datasets import load_posed_images
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
