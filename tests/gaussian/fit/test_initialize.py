"""Where the Gaussians of a new scene begin."""

from __future__ import annotations

import pytest
import torch

from gaussian.fit.initialize import from_points, random_points
from gaussian.splats import SH_C0


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_gaussian_is_as_wide_as_the_distance_to_its_neighbours():
    grid = torch.stack(torch.meshgrid(*[torch.arange(4) * 0.25] * 3, indexing="ij"), -1).reshape(-1, 3).float()
    colors = torch.rand(len(grid), 3, generator=generator())
    splats = from_points(grid, colors, 2, generator(), opacity=0.1)
    torch.testing.assert_close(splats.scales, torch.full((64, 3), 0.25))
    torch.testing.assert_close(splats.means, grid)
    torch.testing.assert_close(splats.opacities, torch.full((64,), 0.1))
    torch.testing.assert_close(0.5 + SH_C0 * splats.sh[:, 0], colors)
    assert splats.sh_degree == 2
    assert not splats.sh[:, 1:].any()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_points_or_equal_ones_are_enough(count):
    splats = from_points(torch.zeros(count, 3), torch.rand(count, 3), 0, generator(), opacity=0.5)
    assert len(splats) == count
    assert splats.log_scales.isfinite().all()


def test_random_points_fill_the_cube_and_depend_on_the_seed_alone():
    points, colors = random_points(4000, 1.5, generator())
    assert points.abs().max() <= 1.5
    assert (points.abs().amax(0) > 1.45).all()
    assert (points.mean(0).abs() < 0.1).all()
    assert 0 <= colors.min() < colors.max() <= 1
    assert torch.equal(points, random_points(4000, 1.5, generator())[0])
    assert not torch.equal(points, random_points(4000, 1.5, generator(1))[0])
