"""The median depth of a picture, from slabs of depth."""

from __future__ import annotations

import pytest
import torch

from gaussian.draw.depth import SLABS, median_depth, slabs


def drawn(z: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """A picture of one pixel to which each Gaussian adds so much."""
    return (weights[:, None] * slabs(z)).sum(0)[None, None]


def test_every_gaussian_is_in_one_slab_with_its_depth():
    z = torch.rand(500, generator=torch.Generator().manual_seed(0)) * 8 - 1
    colors = slabs(z)
    assert colors.shape == (500, 2 * SLABS)
    assert torch.equal(colors[:, :SLABS].sum(1), torch.ones(500))
    assert torch.allclose(colors[:, SLABS:].sum(1), z)
    counts = colors[z > 0, :SLABS].sum(0)
    assert counts.max() - counts.min() <= 2


def test_haze_before_a_surface_does_not_count():
    z = torch.cat([torch.linspace(0.5, 2.0, 200), torch.linspace(3.0, 3.02, 200), torch.linspace(4.0, 9.0, 200)])
    weights = torch.cat([torch.full((200,), 0.3 / 200), torch.full((200,), 0.6 / 200), torch.full((200,), 0.1 / 200)])
    assert float((weights * z).sum()) < 3.0
    assert float(median_depth(drawn(z, weights))) == pytest.approx(3.01, abs=0.02)


def test_what_is_half_transparent_has_no_depth():
    z = torch.linspace(1.0, 5.0, 300)
    assert median_depth(drawn(z, torch.full((300,), 0.49 / 300))).isinf()
    assert median_depth(drawn(z, torch.full((300,), 0.51 / 300))).isfinite()


def test_one_gaussian_or_none_ahead_is_enough():
    assert float(median_depth(drawn(torch.tensor([2.0]), torch.tensor([0.9])))) == pytest.approx(2.0)
    assert median_depth(drawn(torch.tensor([-2.0]), torch.tensor([0.0]))).isinf()
