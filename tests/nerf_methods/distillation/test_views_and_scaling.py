"""Where random views stand and how large they are; how a field changes its number of voxels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nerfstudio.cameras.cameras import Cameras

from editor3d.errors import ConfigError
from nerf_methods.distillation.views import MULTIPLE, ViewSampler, fitted
from nerf_methods.scaling import Scaling, lattice_side, rescale
from nerf_methods.voxel.field import VoxelField
from nerf_methods.voxel.optimizer import VoxelAdam


def ring(count: int = 12, *, width: int = 120, height: int = 90) -> Cameras:
    """Cameras round the origin, z up, at distances of 2 to 3 and elevations of 10 to 40 degrees."""
    poses = []
    for index in range(count):
        turn, rise = 2 * np.pi * index / count, np.radians(10 + 30 * index / count)
        offset = (2 + index / count) * np.array(
            [np.cos(rise) * np.cos(turn), np.cos(rise) * np.sin(turn), np.sin(rise)]
        )
        z = offset / np.linalg.norm(offset)
        x = np.cross([0.0, 0.0, 1.0], z)
        x /= np.linalg.norm(x)
        poses.append(np.stack([x, np.cross(z, x), z, offset], 1))
    return Cameras(torch.tensor(np.stack(poses)).float(), 100.0, 110.0, width / 2, height / 2, width, height)


@settings(max_examples=30, deadline=None)
@given(
    width=st.integers(20, 900), height=st.integers(20, 900), sides=st.sampled_from([(64, 128), (512, 512), (32, 32)])
)
def test_a_fitted_view_sees_in_the_same_directions(width, height, sides):
    camera = ring(2, width=width, height=height)[:1]
    small = fitted(camera, sides)
    new_height, new_width = int(small.height), int(small.width)
    assert new_height % MULTIPLE == new_width % MULTIPLE == 0
    assert min(new_height, new_width) <= max(MULTIPLE, sides[0] + MULTIPLE / 2)
    assert max(new_height, new_width) <= sides[1] + MULTIPLE / 2
    scale = float(small.fx / camera.fx)
    # the picture's middle, and a point a tenth of the width beside it
    for offset in (0.0, 0.1 * width):
        u, new_u = width / 2 + offset, new_width / 2 + offset * scale
        expected = (u - float(camera.cx)) / float(camera.fx)
        assert (new_u - float(small.cx)) / float(small.fx) == pytest.approx(expected, abs=1e-5)


def test_views_of_the_data_are_its_own_cameras():
    cameras = ring()
    sampler = ViewSampler(cameras, (64, 64), "data")
    generator = torch.Generator().manual_seed(0)
    poses = {tuple(view.camera.camera_to_worlds.flatten().tolist()) for view in sampler.draw(200, generator)}
    assert poses == {tuple(pose.flatten().tolist()) for pose in cameras.camera_to_worlds}


def test_orbiting_views_look_at_the_centre_from_within_what_was_seen():
    sampler = ViewSampler(ring(), (64, 64), "orbit")
    for view in sampler.draw(50, torch.Generator().manual_seed(0)):
        pose = view.camera.camera_to_worlds[0].double().numpy()
        distance = np.linalg.norm(pose[:, 3] - sampler._center)
        assert np.allclose(pose[:, 3] - distance * pose[:, 2], sampler._center, atol=1e-4)
        assert min(sampler._distances) - 1e-4 <= distance <= max(sampler._distances) + 1e-4
        assert np.linalg.det(pose[:, :3]) == pytest.approx(1.0, abs=1e-5)


def test_angles_of_a_pose_are_those_it_was_made_from():
    from editor3d.guidance.prompts import camera_angles

    sampler = ViewSampler(ring(), (64, 64), "orbit", front=3)
    for azimuth, elevation in ((0.0, 20.0), (90.0, -10.0), (-135.0, 70.0)):
        found = camera_angles(sampler.pose(azimuth, elevation, 2.0), sampler._center, sampler._front, sampler._up)
        assert np.allclose(found, (azimuth, elevation), atol=1e-6)
    assert sampler._angles[3][0] == pytest.approx(0.0, abs=1e-6)


def test_views_of_one_batch_have_one_size():
    wide, tall = ring(4), ring(4, width=90, height=120)
    cameras = Cameras(
        *(
            torch.cat([getattr(wide, name), getattr(tall, name)])
            for name in ("camera_to_worlds", "fx", "fy", "cx", "cy")
        ),
        torch.cat([wide.width, tall.width]),
        torch.cat([wide.height, tall.height]),
    )
    sampler = ViewSampler(cameras, (32, 48), "data")
    generator = torch.Generator().manual_seed(0)
    sizes = [{view.size for view in sampler.draw(3, generator)} for _ in range(20)]
    assert all(len(size) == 1 for size in sizes)
    assert len(set.union(*sizes)) == 2


# Dynamic scaling


@pytest.mark.parametrize("resolution", [2, 16, 64, 100, 160, 176, 300])
def test_lattices_follow_dvgo_s_rule(resolution):
    assert lattice_side(resolution**3) == resolution
    for halvings in range(1, 4):
        count = resolution**3 / 2**halvings
        voxel = (2.0**3 / count) ** (1 / 3)  # of a cube of side 2
        if count >= 8 and abs(2.0 / voxel - round(2.0 / voxel)) > 1e-6:
            assert lattice_side(count) == int(2.0 / voxel)


def test_stages_share_the_steps_evenly_and_end_with_all_voxels():
    scaling = Scaling((0, 1, 2, 1, 0), 50)
    assert [scaling.level(step) for step in range(0, 50, 10)] == [0, 1, 2, 1, 0]
    assert [scaling.level(step) for step in (9, 10, 19, 20, 49)] == [0, 1, 1, 2, 0]


@pytest.mark.parametrize("halvings", [(), (0, 1), (-1, 0)])
def test_stages_that_lose_voxels_are_refused(halvings):
    with pytest.raises(ConfigError, match="scaling"):
        Scaling(halvings, 10)


def random_field(seed: int, resolution: int = 16) -> VoxelField:
    field = VoxelField(resolution)
    with torch.no_grad():
        field.grid.copy_(torch.randn(field.grid.shape, generator=torch.Generator().manual_seed(seed)))
    return field


def test_what_was_not_changed_comes_back_bit_for_bit():
    field, source = random_field(0), random_field(0)
    with torch.no_grad():
        field.grid[:3] += 1.0
    for resolution in (12, 8, 12, 16):
        rescale(field, resolution, source=source)
    assert torch.equal(field.grid[8:], source.grid[8:])
    assert float((field.grid[:2] - source.grid[:2] - 1.0).abs().max()) < 0.3


def test_without_a_source_the_scene_is_resampled():
    field, expected = random_field(0), random_field(0)
    rescale(field, 11)
    expected.resize(11)
    assert torch.equal(field.grid, expected.grid)


def test_the_optimiser_goes_on_with_its_moments():
    field, source = random_field(0), random_field(1)
    optimizer = VoxelAdam([field.grid], lr=0.1)
    field.grid.grad = torch.ones_like(field.grid)
    optimizer.step()
    rescale(field, 8, optimizer, source)
    state = optimizer.state[field.grid]
    assert state["exp_avg"].shape == state["exp_avg_sq"].shape == field.grid.shape == (8, 8, 8, 4)
    assert torch.allclose(state["exp_avg"], torch.tensor(0.1))
    field.grid.grad = torch.ones_like(field.grid)
    optimizer.step()
    assert state["step"] == 2
