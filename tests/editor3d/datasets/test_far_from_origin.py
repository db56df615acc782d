"""Captures whose coordinates are millions of units from the origin, as georeferenced ones are."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from editor3d.datasets import load_posed_images
from editor3d.datasets.dataparser import PosedImagesDataParserConfig
from editor3d.datasets.write import write_capture as write_views
from editor3d.outputs.surface import write_mesh, write_points

PLACES = [(540_000.0, 5_400_000.0, -1.0), (0.0, 1e7, 0.0), (4_200_123.4, 172_345.6, 4_780_567.8)]
POINTS = np.random.default_rng(5).normal(size=(40, 3)) * 2


@pytest.fixture
def moved(write_capture: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """Writes a capture with sparse points, `place` away from where it usually lies and of another scale."""

    def write(place: tuple[float, ...] = (0.0, 0.0, 0.0), scale: float = 1.0) -> Path:
        def change(data):
            for frame in data["frames"]:
                for row, shift in zip(frame["transform_matrix"][:3], place, strict=True):
                    row[3] = scale * row[3] + shift
            data["ply_file_path"] = "points.ply"

        write_points(tmp_path / "points.ply", scale * POINTS + place, np.full((40, 3), 90, np.uint8))
        return write_capture(change=change)

    return write


def parsed(path: Path, orientation: str = "up", centring: str = "poses"):
    config = PosedImagesDataParserConfig(data=path, orientation_method=orientation, center_method=centring)
    return config.setup().get_dataparser_outputs("train")


@pytest.mark.parametrize("orientation", ["pca", "up", "vertical", "none"])
@pytest.mark.parametrize("centring", ["poses", "focus"])
@pytest.mark.parametrize(("place", "scale"), [*zip(PLACES, [1.0] * 3, strict=True), ((5e5, 5e6, 0.0), 1000.0)])
def test_a_far_capture_is_trained_as_it_is_near(moved, orientation, centring, place, scale):
    near = parsed(moved(), orientation, centring)
    far = parsed(moved(place, scale), orientation, centring)
    assert far.dataparser_scale == pytest.approx(near.dataparser_scale / scale, rel=1e-5)
    poses = near.cameras.camera_to_worlds
    assert torch.allclose(far.cameras.camera_to_worlds, poses, atol=2e-6)
    points = near.metadata["points3D_xyz"]
    assert far.metadata["points3D_xyz"].dtype == points.dtype == torch.float32
    assert torch.allclose(far.metadata["points3D_xyz"], points, atol=5e-6)


@pytest.mark.parametrize("orientation", ["up", "none"])
@pytest.mark.parametrize("centring", ["poses", "focus", "none"])
@pytest.mark.parametrize("place", PLACES)
def test_the_way_back_keeps_the_digits(moved, orientation, centring, place, tmp_path):
    outputs = parsed(moved(place), orientation, centring)
    outputs.save_dataparser_transform(tmp_path / "frame.json")
    noted = json.loads((tmp_path / "frame.json").read_text())
    transform, scale = np.array(noted["transform"]), noted["scale"]
    for pose, view in zip(outputs.cameras.camera_to_worlds.double().numpy(), outputs.metadata["views"], strict=True):
        centre = (pose[:, 3] / scale - transform[:, 3]) @ transform[:, :3]
        assert np.abs(centre - view.c2w[:, 3]).max() < 1e-6
    back = outputs.transform_poses_to_original_space(outputs.cameras.camera_to_worlds, "opengl")
    expected = np.stack([view.c2w[:, 3] for view in outputs.metadata["views"]])
    assert np.abs(back[:, :, 3].numpy() - expected).max() < 1e-6


def test_a_near_capture_is_not_centred_where_that_is_not_asked_for(moved):
    outputs = parsed(moved(), "none", "none")
    assert torch.equal(outputs.dataparser_transform, torch.eye(4, dtype=torch.float64)[:3])


@pytest.mark.parametrize("place", PLACES)
def test_sparse_points_keep_their_digits(moved, place):
    posed = load_posed_images(moved(place))
    assert posed.points.dtype == np.float64
    assert np.abs(posed.points - place - POINTS).max() < 1e-8


def test_a_written_capture_keeps_its_digits(moved, tmp_path):
    posed = load_posed_images(moved(PLACES[0]))
    write_views(tmp_path / "out", posed, posed.views, lambda index, view: np.zeros((view.height, view.width, 3)))
    again = load_posed_images(tmp_path / "out")
    assert np.array_equal(again.points, posed.points)
    for one, other in itertools.zip_longest(again.views, posed.views):
        assert np.array_equal(one.c2w, other.c2w)


@pytest.mark.parametrize("suffix", [".ply", ".obj", ".glb"])
@pytest.mark.parametrize("place", [(0.0, 0.0, 0.0), *PLACES])
def test_meshes_keep_their_digits(suffix, place, tmp_path):
    mesh = trimesh.creation.icosphere(2)
    mesh.vertices = mesh.vertices + place
    colors = np.random.default_rng(0).integers(0, 255, (len(mesh.vertices), 3), dtype=np.uint8)
    mesh.visual.vertex_colors = colors
    write_mesh(tmp_path / f"mesh{suffix}", mesh)
    again = trimesh.load(tmp_path / f"mesh{suffix}", force="mesh", process=False)
    assert np.abs(again.vertices - mesh.vertices).max() < 1e-6
    assert np.array_equal(again.faces, mesh.faces)
    if suffix == ".ply":
        assert np.array_equal(again.visual.vertex_colors[:, :3], colors)
