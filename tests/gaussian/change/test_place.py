"""What moves looks from everywhere as it did where it was; the rest keeps every bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from editor3d.errors import ConfigError
from gaussian.change.place import extent, placed, similarity
from gaussian.files.contents import SplatFile
from gaussian.raster.rasterize import rasterization
from gaussian.splats import Splats, select

K = torch.tensor([[[90.0, 0, 48], [0, 90, 48], [0, 0, 1]]])


def seen(splats: Splats, camera: torch.Tensor) -> torch.Tensor:
    """From a camera [4, 4], world to camera."""
    picture, _, _ = rasterization(
        splats.means, splats.quats, splats.scales, splats.opacities, splats.sh, camera[None].float(), K, 96, 96,
        sh_degree=3,
    )  # fmt: skip
    return picture[0]


def test_a_moved_scene_from_a_moved_camera_is_the_same(ball):
    camera = torch.eye(4, dtype=torch.float64)
    camera[2, 3] = 3.0
    matrix = similarity((0.1, 0.2, 0.3), (1.0, -2.0, 0.5), (1.0, 2.0, -1.0), 77.0)
    moved = placed(SplatFile(ball), torch.ones(len(ball), dtype=torch.bool), matrix).splats
    whole = torch.cat([matrix, torch.tensor([[0.0, 0, 0, 1]], dtype=torch.float64)])
    before, after = seen(ball, camera), seen(moved, camera @ torch.linalg.inv(whole))
    assert before.std() > 0.05
    assert float(-10 * (before - after).double().square().mean().log10()) >= 60


def test_a_scaled_scene_from_farther_away_is_the_same(ball):
    camera = torch.eye(4, dtype=torch.float64)
    camera[2, 3] = 3.0
    doubled = placed(SplatFile(ball), torch.ones(len(ball), dtype=torch.bool), similarity((0, 0, 0), scale=2.0)).splats
    farther = camera.clone()
    farther[2, 3] = 6.0
    difference = (seen(ball, camera) - seen(doubled, farther)).double().square().mean()
    assert float(-10 * difference.log10()) >= 60


def test_the_rest_keeps_every_bit_and_copies_come_last(ball):
    which = ball.means[:, 2] > 0
    matrix = similarity((0, 0, 0), (0, 0, 1), degrees=30)
    moved, copied = (placed(SplatFile(ball), which, matrix, copy).splats for copy in (False, True))
    for name, values in ball.tensors.items():
        assert torch.equal(moved.tensors[name][~which], values[~which])
        assert torch.equal(copied.tensors[name][: len(ball)], values)
        assert torch.equal(copied.tensors[name][len(ball) :], moved.tensors[name][which])


def test_normals_and_filters_follow(ball):
    extra = np.zeros(len(ball), [("nx", "<f4"), ("ny", "<f4"), ("nz", "<f4"), ("filter_3D", "<f4"), ("id", "<i4")])
    extra["nx"], extra["filter_3D"], extra["id"] = 1.0, 0.25, np.arange(len(ball))
    which = torch.arange(len(ball)) % 2 == 0
    after = placed(SplatFile(ball, extra=extra), which, similarity((0, 0, 0), degrees=90, scale=2.0))
    assert np.allclose(after.extra["ny"], which.float(), atol=1e-6)
    assert np.allclose(after.extra["nx"], (~which).float(), atol=1e-6)
    assert np.allclose(after.extra["filter_3D"], np.where(which, 0.5, 0.25))
    assert np.array_equal(after.extra["id"], extra["id"])


def test_far_scenes_are_moved_about_where_they_are(ball):
    offset = (4e6, -3e6, 1e6)
    which = torch.ones(len(ball), dtype=torch.bool)
    after = placed(SplatFile(ball, offset), which, similarity(offset, degrees=90))
    turned = ball.means.double() @ torch.tensor([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]], dtype=torch.float64)
    assert torch.allclose(after.centres, turned + torch.tensor(offset, dtype=torch.float64), atol=1e-5)


def test_the_extent_of_a_part_leaves_strays_out(ball):
    which = torch.arange(len(ball)) < 600
    means = ball.means.clone()
    means[0] = 40.0
    low, high = extent(SplatFile(Splats(means, *list(ball.tensors.values())[1:])), which, torch.eye(3))
    assert torch.allclose(high - low, torch.full((3,), 1.08, dtype=torch.float64), atol=0.08)
    assert len(select(ball, which)) == 600


@pytest.mark.parametrize("numbers", [{"scale": 0.0}, {"axis": (0, 0, 0)}, {"by": (float("nan"), 0, 0)}])
def test_what_is_no_placing_is_refused(numbers):
    with pytest.raises(ConfigError, match="scale above 0"):
        similarity((0, 0, 0), **numbers)
