"""The distance by the package's encoder, beside a transcription of its formula and torchmetrics' parts of LPIPS."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.functional.image.lpips import _normalize_tensor, _spatial_average

from editor3d.metrics.clip_weights import packaged_clip
from editor3d.metrics.scores.perceptual import NAME, features, measure_perceptual, perceptual_distance

from ..wall import wall_views


def noisy(picture: torch.Tensor, sigma: float) -> torch.Tensor:
    return (picture + sigma * torch.randn(picture.shape, generator=torch.Generator().manual_seed(2))).clamp(0, 1)


def test_the_distance_is_its_formula_in_numpy():
    a = wall_views([0.0])[0].photo
    b = noisy(a, 0.1)
    wanted = 0.0
    for x, y in zip(features(packaged_clip(), a), features(packaged_clip(), b), strict=True):
        x, y = x.numpy(), y.numpy()
        x, y = (v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (x, y))
        wanted += ((x - y) ** 2).sum(-1).mean()
    assert perceptual_distance(a, b) == pytest.approx(wanted, rel=1e-9)


def test_the_distance_is_torchmetrics_lpips_with_weights_of_one():
    a = wall_views([0.0])[0].photo
    b = noisy(a, 0.1)

    def grid(layer: torch.Tensor) -> torch.Tensor:
        return layer.T.reshape(1, layer.shape[1], 8, 8)

    wanted = sum(
        _spatial_average((_normalize_tensor(grid(x)) - _normalize_tensor(grid(y))).square().sum(1, keepdim=True)).item()
        for x, y in zip(features(packaged_clip(), a), features(packaged_clip(), b), strict=True)
    )
    assert perceptual_distance(a, b) == pytest.approx(wanted, rel=1e-6)


def test_it_is_a_distance_that_grows_with_the_noise():
    a = wall_views([0.0])[0].photo
    assert perceptual_distance(a, a) == 0
    found = [perceptual_distance(a, noisy(a, sigma)) for sigma in (0.02, 0.1, 0.3)]
    assert found == sorted(found)
    assert perceptual_distance(noisy(a, 0.1), a) == pytest.approx(found[1])


def test_the_score_has_a_name_of_its_own():
    found = measure_perceptual(wall_views([0.0, 0.3], lambda index, picture: 1 - picture))
    assert found.name == NAME
    assert found.to_photo == 0 < found.to_base
