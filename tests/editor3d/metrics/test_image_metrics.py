from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from editor3d.metrics.image import ALEXNET_FILE, lpips, lpips_weights, psnr, ssim
from editor3d.metrics.unavailable import Unavailable


def picture(seed: int, height: int = 24, width: int = 20) -> torch.Tensor:
    return torch.rand(height, width, 3, generator=torch.Generator().manual_seed(seed))


@given(st.floats(1e-4, 1.0), st.integers(0, 1000))
def test_psnr_of_a_uniform_error(error, seed):
    a = picture(seed).double()
    assert psnr(a, a + error) == pytest.approx(-20 * math.log10(error), rel=1e-9)


def test_psnr_equals_its_formula_in_numpy():
    a, b = picture(0), picture(1)
    mse = np.mean((a.numpy().astype(np.float64) - b.numpy().astype(np.float64)) ** 2)
    assert psnr(a, b) == pytest.approx(10 * np.log10(1 / mse), rel=1e-12)


def test_psnr_sees_only_the_mask():
    a = picture(0)
    mask = torch.zeros(24, 20, dtype=torch.bool)
    mask[3:9, 4:15] = True
    b = torch.where(mask[..., None], a + 0.1, torch.rand_like(a))
    assert psnr(a, b, mask) == pytest.approx(20.0, abs=1e-4)
    assert psnr(a, b, ~mask) < 15


def test_psnr_of_identical_pictures_is_infinite_and_of_nothing_is_refused():
    a = picture(0)
    assert psnr(a, a.clone()) == math.inf
    with pytest.raises(ValueError, match="empty"):
        psnr(a, a, torch.zeros(24, 20, dtype=torch.bool))


def test_ssim_agrees_with_scikit_image():
    from skimage.metrics import structural_similarity

    a = picture(0, 48, 40)
    b = (a + 0.2 * (picture(1, 48, 40) - 0.5)).clamp(0, 1)
    reference = structural_similarity(
        a.double().numpy(),
        b.double().numpy(),
        channel_axis=2,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    # The two treat a border of five pixels differently.
    assert ssim(a, b) == pytest.approx(reference, abs=0.01)
    assert ssim(a, a) == pytest.approx(1.0, abs=1e-6)
    assert ssim(a, b) < ssim(a, (a + 0.05 * (b - a)).clamp(0, 1))


def test_ssim_refuses_a_picture_smaller_than_its_window():
    with pytest.raises(ValueError, match="11 pixels"):
        ssim(picture(0, 10, 40), picture(1, 10, 40))


def test_lpips_without_weights_says_why_and_how(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    answer = lpips(picture(0, 40, 40), picture(1, 40, 40))
    assert isinstance(answer, Unavailable)
    assert str(tmp_path) in answer.reason
    assert "torchvision" in answer.remedy
    assert list(tmp_path.rglob("*")) == []


def test_lpips_with_weights_measures_a_distance(tmp_path, monkeypatch):
    from torchvision.models import alexnet

    with torch.device("meta"):
        shapes = alexnet().state_dict()
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, value in shapes.items():
        if name.startswith("classifier"):  # not part of LPIPS; one shared zero keeps the file small
            state[name] = torch.zeros(1).expand(value.shape)
        else:
            state[name] = torch.randn(value.shape, generator=generator) * 0.05
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(state, folder / ALEXNET_FILE)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    assert lpips_weights() == folder / ALEXNET_FILE
    a, b = picture(0, 64, 64), picture(1, 64, 64)
    assert lpips(a, a) == 0
    near, far = lpips(a, (a + 0.1 * (b - a)).clamp(0, 1)), lpips(a, b)
    assert 0 < near < far
    with pytest.raises(ValueError, match="32 pixels"):
        lpips(a[:20], b[:20])
