"""Colour maps are found again from pictures that they made, whatever outliers say."""

from __future__ import annotations

import numpy as np
import torch

from editor3d.update.keys.colors import ColorMap, fit_map, identity_of


def picture(seed: int, side: int = 64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 9, 9, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bicubic")[0].permute(1, 2, 0)
    return smooth.clamp(0.05, 0.95) * 0.6 + 0.2


def test_the_identity_changes_nothing():
    for degree in (1, 2):
        assert torch.allclose(identity_of(degree)(picture(0)), picture(0), atol=1e-6)


def test_a_map_is_found_although_a_third_of_the_pixels_shows_something_else():
    start = np.zeros((6, 3))
    start[:3] = np.array([[0.8, 0.1, 0.0], [0.0, 0.9, 0.1], [0.05, 0.0, 0.7]])
    start[3], start[4] = 0.04, 0.05
    true = ColorMap(start, 1)
    source = picture(1)
    wanted = true(source)
    wanted[:20] = picture(2)[:20]
    found = fit_map([source], [wanted], [torch.ones(64, 64)], degree=1)
    assert (found(source) - true(source)).abs().mean() < 0.01


def test_pixels_without_weight_say_nothing():
    source, wanted, weight = picture(3), 1.0 - picture(3), torch.zeros(64, 64)
    assert torch.allclose(fit_map([source], [wanted], [weight], degree=1)(source), source, atol=1e-6)
