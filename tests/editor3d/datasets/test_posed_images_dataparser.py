from __future__ import annotations

import os
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from nerfstudio.cameras.cameras import CameraType
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from PIL import Image

from editor3d.datasets import load_posed_images
from editor3d.datasets.dataparser import PosedImagesDataParserConfig, PosedImagesDataset
from editor3d.datasets.views.images import read_image

LENS = {"k1": 0.05, "k2": -0.03, "k3": 0.01, "p1": 0.002, "p2": -0.001}
PLY = (
    "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
    "property uchar red\nproperty uchar green\nproperty uchar blue\nend_header\n"
    "1 2 3 1 2 3\n-1 0.5 2 4 5 6\n0 0 0 7 8 9\n"
)


def move_camera_keys_to_frames(data):
    keys = {key: data.pop(key) for key in list(data) if key not in ("frames", "camera_model")}
    for frame in data["frames"]:
        frame.update(keys)


@pytest.fixture
def capture(write_capture, tmp_path):
    (tmp_path / "points.ply").write_text(PLY)

    def write(per_frame=False, **keys):
        def change(data):
            data.update(keys)
            if per_frame:
                move_camera_keys_to_frames(data)
            data["ply_file_path"] = "points.ply"

        return write_capture(count=12, change=change)

    return write


CAMERAS = [{"camera_model": "OPENCV", **LENS}, {"camera_model": "OPENCV_FISHEYE", "k1": 0.05, "k4": -0.01}, {}]


@pytest.mark.parametrize("camera", CAMERAS, ids=["OPENCV", "OPENCV_FISHEYE", "none"])
@pytest.mark.parametrize("per_frame", [False, True])
@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_it_equals_nerfstudios_own_parser(capture, camera, per_frame, split):
    path = capture(per_frame, **camera)
    ours = PosedImagesDataParserConfig(data=path).setup().get_dataparser_outputs(split)
    stock = NerfstudioDataParserConfig(data=path, eval_mode="interval", downscale_factor=1)
    theirs = stock.setup().get_dataparser_outputs(split)
    assert ours.image_filenames == theirs.image_filenames
    assert torch.allclose(ours.dataparser_transform.float(), theirs.dataparser_transform, atol=1e-6)
    assert ours.dataparser_scale == theirs.dataparser_scale
    assert torch.equal(ours.scene_box.aabb, theirs.scene_box.aabb)
    rays = [
        outputs.cameras.generate_rays(camera_indices=torch.tensor([[1]]), coords=torch.tensor([[3.5, 8.5]]))
        for outputs in (ours, theirs)
    ]
    assert torch.equal(rays[0].origins, rays[1].origins)
    assert torch.equal(rays[0].directions, rays[1].directions)


@pytest.mark.parametrize("camera", CAMERAS, ids=["OPENCV", "OPENCV_FISHEYE", "none"])
@pytest.mark.parametrize("factor", [1, 3])
def test_a_points_ray_goes_through_its_pixel(capture, camera, factor):
    """A point in the file's frame, projected by OpenCV with the view, lies on nerfstudio's ray in the scene's frame."""
    outputs = (
        PosedImagesDataParserConfig(data=capture(**camera), downscale_factor=factor)
        .setup()
        .get_dataparser_outputs("train")
    )
    rng = np.random.default_rng(0)
    for index, view in enumerate(outputs.metadata["views"]):
        in_camera = np.array([rng.uniform(-0.4, 0.4), rng.uniform(-0.3, 0.3), 1.0]) * rng.uniform(1, 3)
        world = view.c2w[:, :3] @ (in_camera * [1, -1, -1]) + view.c2w[:, 3]
        matrix = np.array([[view.fl_x, 0, view.cx], [0, view.fl_y, view.cy], [0, 0, 1]])
        k1, k2, k3, k4, p1, p2 = view.distortion
        project = (cv2.fisheye if view.fisheye else cv2).projectPoints
        lens = np.array([k1, k2, k3, k4] if view.fisheye else [k1, k2, p1, p2, k3])
        pixel = project(in_camera[None, None], np.zeros(3), np.zeros(3), matrix, lens)[0][0, 0]

        ray = outputs.cameras.generate_rays(
            camera_indices=torch.tensor([[index]]), coords=torch.tensor(pixel[::-1].copy(), dtype=torch.float32)[None]
        )
        transform = outputs.dataparser_transform.double().numpy()
        point = (transform[:, :3] @ world + transform[:, 3]) * outputs.dataparser_scale
        towards = point - ray.origins[0].double().numpy()
        direction = ray.directions[0].double().numpy()
        assert np.linalg.norm(np.cross(towards, direction)) <= 2e-5 * np.linalg.norm(towards)
        assert towards @ direction > 0


@pytest.mark.parametrize("orientation", ["pca", "up", "vertical", "none"])
@pytest.mark.parametrize("center", ["poses", "focus", "none"])
@pytest.mark.parametrize("scale_poses", [True, False])
def test_poses_lead_back_to_the_file(capture, orientation, center, scale_poses):
    parser = PosedImagesDataParserConfig(
        data=capture(),
        orientation_method=orientation,
        center_method=center,
        auto_scale_poses=scale_poses,
        scale_factor=0.5,
    ).setup()
    largest = 0.0
    for split in ("train", "test"):
        outputs = parser.get_dataparser_outputs(split)
        back = outputs.transform_poses_to_original_space(outputs.cameras.camera_to_worlds, camera_convention="opengl")
        expected = np.stack([view.c2w for view in outputs.metadata["views"]])
        np.testing.assert_allclose(back.numpy(), expected, atol=1e-5)
        assert outputs.scene_box.aabb.tolist() == [[-0.5] * 3, [0.5] * 3]
        largest = max(largest, float(outputs.cameras.camera_to_worlds[:, :, 3].abs().max()))
    if scale_poses:
        assert largest == pytest.approx(0.5)


def test_points_come_along(capture):
    parser = PosedImagesDataParserConfig(data=capture()).setup()
    posed = parser.posed_images
    for split in ("train", "val"):
        outputs = parser.get_dataparser_outputs(split)
        view, camera = outputs.metadata["views"][0], outputs.cameras.camera_to_worlds[0].double().numpy()
        seen_in_file = (posed.points - view.c2w[:, 3]) @ view.c2w[:, :3]
        seen_in_scene = (outputs.metadata["points3D_xyz"].double().numpy() - camera[:, 3]) @ camera[:, :3]
        np.testing.assert_allclose(seen_in_scene, seen_in_file * outputs.dataparser_scale, atol=1e-5)
        assert outputs.metadata["points3D_rgb"].tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


def test_points_without_colours_are_grey(capture):
    parser = PosedImagesDataParserConfig(data=capture()).setup()
    parser.posed_images = replace(parser.posed_images, point_colors=None)
    assert parser.get_dataparser_outputs("train").metadata["points3D_rgb"].tolist() == [[128] * 3] * 3


def test_views_are_those_of_the_cameras(capture):
    parser = PosedImagesDataParserConfig(data=capture(), downscale_factor=2).setup()
    for split, views in (
        ("train", parser.posed_images.train_views),
        ("val", parser.posed_images.test_views),
        ("test", parser.posed_images.test_views),
    ):
        outputs = parser.get_dataparser_outputs(split)
        assert outputs.metadata["views"] == views
        assert outputs.metadata["posed_images"] is parser.posed_images
        assert outputs.image_filenames == [view.image_path for view in views]
        assert outputs.cameras.width[:, 0].tolist() == [view.width for view in views]
        assert outputs.cameras.cy[:, 0].tolist() == pytest.approx([view.cy for view in views])


def test_fisheye_views_are_told_apart(write_capture):
    def change(data):
        data["frames"][0]["camera_model"] = "OPENCV_FISHEYE"

    outputs = PosedImagesDataParserConfig(data=write_capture(count=5, change=change)).setup()
    cameras = outputs.get_dataparser_outputs("train").cameras
    assert cameras.camera_type[:, 0].tolist() == [CameraType.PERSPECTIVE.value] * 3 + [CameraType.FISHEYE.value]


def test_one_standpoint_does_not_divide_by_zero(write_capture):
    def change(data):
        for frame in data["frames"]:
            for row in frame["transform_matrix"][:3]:
                row[3] = 0.0

    outputs = PosedImagesDataParserConfig(data=write_capture(count=4, change=change)).setup().get_dataparser_outputs()
    assert outputs.dataparser_scale == 1
    assert torch.isfinite(outputs.cameras.camera_to_worlds).all()


def test_the_config_survives_nerfstudios_yaml(capture):
    config = PosedImagesDataParserConfig(data=capture(), downscale_factor=2, eval_interval=5)
    again = yaml.load(yaml.dump(config), Loader=yaml.Loader)
    assert again == config


def test_the_dataset_reads_scaled_pictures_and_masks(write_capture, tmp_path):
    inside = np.zeros((30, 40), np.uint8)
    inside[10:20, 4:30] = 255
    Image.fromarray(inside).save(tmp_path / "mask.png")

    def change(data):
        for frame in data["frames"]:
            frame["mask_path"] = "mask.png"

    path = write_capture(count=4, change=change)
    outputs = PosedImagesDataParserConfig(data=path, downscale_factor=2).setup().get_dataparser_outputs("train")
    assert outputs.mask_filenames == [tmp_path / "mask.png"] * 3
    dataset = PosedImagesDataset(outputs)
    view = outputs.metadata["views"][2]
    entry = dataset[2]
    assert torch.equal((entry["image"] * 255).round().to(torch.uint8), read_image(view))
    assert torch.equal(dataset.get_data(2, "uint8")["image"], read_image(view))
    assert entry["mask"].shape == (15, 20, 1)
    np.testing.assert_array_equal(entry["mask"][..., 0].numpy(), inside[::2, ::2] > 0)

    halved = PosedImagesDataset(outputs, scale_factor=0.5)
    assert halved[0]["image"].shape == (7, 10, 3)
    assert halved[0]["mask"].shape == (7, 10, 1)


def test_metadata_can_be_copied(capture):
    outputs = PosedImagesDataParserConfig(data=capture()).setup().get_dataparser_outputs("train")
    copied = deepcopy(outputs.metadata)
    assert [view.name for view in copied["views"]] == [view.name for view in outputs.metadata["views"]]
    assert torch.equal(copied["points3D_xyz"], outputs.metadata["points3D_xyz"])


@pytest.fixture(scope="module")
def bear():
    shared = os.environ.get("EDITOR3D_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data")
    path = Path(shared) / "bear"
    if not path.is_dir():
        pytest.skip("the bear capture is not there")
    return path


def test_the_bear_capture_loads(bear):
    posed = load_posed_images(bear, downscale_factor=2)
    assert len(posed.views) == 96
    assert len(posed.test_views) == 12
    assert {view.name for view in posed.test_views} == {f"frame_{index:05d}" for index in range(1, 97, 8)}
    assert all((view.width, view.height) == (256, 256) for view in posed.views)
    assert posed.points.shape == posed.point_colors.shape == (34174, 3)


def test_the_bears_points_are_before_its_cameras(bear):
    """Poses and points share a frame: of the points, most project into any view, in front of it."""
    posed = load_posed_images(bear)
    shares = []
    for view in posed.views:
        seen = (posed.points - view.c2w[:, 3]) @ view.c2w[:, :3]
        front = seen[seen[:, 2] < -0.1]
        x = view.fl_x * front[:, 0] / -front[:, 2] + view.cx
        y = view.fl_y * -front[:, 1] / -front[:, 2] + view.cy
        shares.append(((x > 0) & (x < view.width) & (y > 0) & (y < view.height)).sum() / len(posed.points))
    assert np.median(shares) > 0.3


def test_the_bear_in_nerfstudios_frame(bear):
    ours = PosedImagesDataParserConfig(data=bear).setup().get_dataparser_outputs("train")
    stock = NerfstudioDataParserConfig(data=bear, eval_mode="interval", downscale_factor=1)
    theirs = stock.setup().get_dataparser_outputs("train")
    assert ours.image_filenames == theirs.image_filenames
    assert torch.equal(ours.cameras.camera_to_worlds, theirs.cameras.camera_to_worlds)
    assert torch.equal(ours.cameras.distortion_params, theirs.cameras.distortion_params)
