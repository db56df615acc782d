"""Regions, frames and geometry of a capture millions of units from the origin are those of the same capture near it."""

from __future__ import annotations

import json
import shutil
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from editor3d.cli import main
from editor3d.datasets.dataparser import PosedImagesDataParserConfig
from editor3d.plugin.bases.captures import same_frame
from editor3d.plugin.confine.masks import SpaceRegion, geometry_of, pixels_that_meet
from editor3d.plugin.viewer.region_panel import ViewerFrame, beginning, written
from editor3d.plugin.views.rays import LensTable
from editor3d.regions import parse_region

PLACE = np.array([540_000.0, 5_400_000.0, -1.0])


@pytest.fixture
def far_capture(tiny_capture: Path, tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(tiny_capture, tmp_path / "far"))
    data = json.loads((folder / "transforms.json").read_text())
    for frame in data["frames"]:
        for row, shift in zip(frame["transform_matrix"][:3], PLACE, strict=True):
            row[3] += shift
    (folder / "transforms.json").write_text(json.dumps(data))
    return folder


def parsed(folder: Path):
    return PosedImagesDataParserConfig(data=folder).setup().get_dataparser_outputs("train")


def space_of(outputs, text: str) -> SpaceRegion:
    metadata = outputs.metadata
    return SpaceRegion.of(parse_region(text), outputs, outputs.cameras, metadata["views"], metadata["posed_images"])


@pytest.mark.parametrize("shape", ["box:{},{},{},0.3,0.2,0.1", "sphere:{},{},{},0.25"])
def test_a_region_given_in_far_coordinates_holds_to_the_digit(tiny_capture, far_capture, shape):
    middle = np.array([0.125, -0.25, 0.0625])
    near, far = parsed(tiny_capture), parsed(far_capture)
    one, other = space_of(near, shape.format(*middle)), space_of(far, shape.format(*(middle + PLACE)))
    points = torch.rand(5000, 3, generator=torch.Generator().manual_seed(0)) - 0.5
    assert (one.contains(points) == other.contains(points)).float().mean() > 0.9995
    assert torch.allclose(one.low, other.low, atol=2e-6)
    assert torch.allclose(one.high, other.high, atol=2e-6)
    masks = zip(pixels_that_meet(one, near.cameras), pixels_that_meet(other, far.cameras), strict=True)
    assert sum(int((a != b).sum()) for a, b in masks) <= 2
    distance = torch.full((int(near.cameras.height[0]), int(near.cameras.width[0])), 1.0)
    seen = [
        geometry_of(space, outputs.cameras, 0, distance, LensTable()) for space, outputs in ((one, near), (other, far))
    ]
    for name in ("origin", "low", "high"):
        shifted = getattr(seen[1], name).numpy() - PLACE
        assert np.abs(shifted - getattr(seen[0], name).numpy()).max() < 5e-6
    assert torch.allclose(seen[0].depth, seen[1].depth, rtol=1e-5)


@pytest.fixture
def far_base(far_capture: Path, tiny_edit, tmp_path: Path, finished) -> Path:
    """The run folder of a tiny voxel reconstruction of the far capture."""
    from nerf_methods.voxel.method import voxel

    config = deepcopy(voxel.config)
    config.pipeline.model = deepcopy(tiny_edit().pipeline.model)
    config.pipeline.model.occupancy_start, config.pipeline.model.learn_background = 10, False
    config.pipeline.datamanager.data, config.pipeline.datamanager.train_num_rays_per_batch = far_capture, 512
    config.output_dir, config.experiment_name, config.vis = tmp_path / "bases", "far", "tensorboard"
    config.max_num_iterations, config.machine.device_type, config.timestamp = 20, "cpu", "base"
    return finished(config)


def test_exports_of_a_far_capture_lie_where_those_of_a_near_one_do(far_base, tiny_base, tmp_path):
    middles, sizes = [], []
    for base in (tiny_base, far_base):
        found = []
        for words in (["--format", "mesh", "--resolution", "32", "--threshold", "1"], ["--format", "pointcloud"]):
            path = tmp_path / f"{base.parent.parent.name}-{words[1]}.ply"
            assert main(["export", str(base), *words, "--output", str(path)]) == 0
            found.append(np.asarray(trimesh.load(path, process=False).vertices))
        middles.append([(points.min(0) + points.max(0)) / 2 for points in found])
        sizes.append([np.ptp(points, axis=0) for points in found])
    size = float(np.max(sizes))
    assert np.abs(np.array(middles[1]) - PLACE - np.array(middles[0])).max() < 0.05 * size
    assert np.allclose(sizes[1], sizes[0], atol=0.1 * size)
    transforms = json.loads((far_base / "dataparser_transforms.json").read_text())
    assert np.linalg.norm(np.array(transforms["transform"])[:, 3]) == pytest.approx(np.linalg.norm(PLACE), abs=3)


def test_frames_of_far_captures_are_told_apart(tiny_capture, far_capture):
    near, far = parsed(tiny_capture), parsed(far_capture)
    transform, scale = far.dataparser_transform.numpy(), far.dataparser_scale
    assert same_frame(transform, scale, far)
    assert not same_frame(transform, scale, near)
    for moved in (0.1, 50.0):
        other = transform.copy()
        other[0, 3] += moved
        assert not same_frame(other, scale, far)
    assert not same_frame(transform, 1.1 * scale, far)


def test_the_viewers_handles_begin_where_a_far_region_lies(far_capture):
    text = f"box:{','.join(f'{number:.3f}' for number in PLACE)},0.3,0.2,0.125"
    outputs = parsed(far_capture)
    shape, stands = beginning(text, ViewerFrame.of(outputs))
    assert stands
    assert written(shape) == "box:540000,5400000,-1,0.3,0.2,0.125"
    frame = ViewerFrame.of(outputs)
    assert np.abs(frame.to_capture(frame.to_viewer(PLACE)) - PLACE).max() < 1e-6
