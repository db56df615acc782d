"""The structural similarity of training is the one that everybody computes, with its gradient."""

from __future__ import annotations

import pytest
import torch
from pytorch_msssim import ssim

from gaussian.fit.losses import WINDOW, fused_ssim


def pictures(height: int, width: int, channels: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(height * width)
    a = torch.rand(height, width, channels, generator=generator)
    return a, (a + 0.3 * torch.randn(height, width, channels, generator=generator)).clamp(0, 1)


@pytest.mark.parametrize(("height", "width", "channels"), [(40, 31, 3), (WINDOW, 25, 3), (30, 30, 1)])
def test_value_and_gradient_equal_the_library(height, width, channels):
    a, b = pictures(height, width, channels)
    ours, theirs = a.clone().requires_grad_(), a.clone().double().requires_grad_()
    mine = fused_ssim(ours, b)
    planes = (picture.permute(2, 0, 1)[None] for picture in (theirs, b.double()))
    right = ssim(*planes, data_range=1.0)
    assert abs(float(mine) - float(right)) <= 1e-5
    (3.0 * mine).backward()
    (3.0 * right).backward()
    assert (ours.grad - theirs.grad).norm() <= 1e-3 * theirs.grad.norm()


def test_the_same_picture_is_alike():
    a, _ = pictures(30, 30)
    a.requires_grad_()
    value = fused_ssim(a, a.detach())
    assert abs(float(value) - 1.0) <= 1e-5
    value.backward()
    assert a.grad.abs().max() <= 1e-5


def test_no_gradient_reaches_the_photograph():
    a, b = pictures(20, 20)
    b.requires_grad_()
    fused_ssim(a.requires_grad_(), b).backward()
    assert b.grad is None


def test_a_picture_smaller_than_the_window_has_nothing_to_compare():
    a, b = pictures(WINDOW - 1, 40)
    assert float(fused_ssim(a, b)) == 1.0
