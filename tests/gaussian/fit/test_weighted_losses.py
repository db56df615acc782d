"""Pixels count as much as they weigh."""

from __future__ import annotations

import torch

from gaussian.fit.losses import fused_ssim, photometric


def pair(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(24, 30, 3, generator=generator), torch.rand(24, 30, 3, generator=generator)


def test_full_weights_change_nothing():
    drawn, wanted = pair()
    plain, weighted = photometric(drawn, wanted, 0.2), photometric(drawn, wanted, 0.2, torch.ones(24, 30, 1))
    for name, loss in plain.items():
        assert torch.allclose(loss, weighted[name], atol=1e-6)


def test_what_weighs_nothing_gives_no_gradient():
    drawn, wanted = pair(1)
    drawn.requires_grad_()
    weight = torch.ones(24, 30, 1)
    weight[:, :15] = 0.0
    sum(photometric(drawn, wanted, 0.2, weight).values()).backward()
    assert torch.equal(drawn.grad[:, :10], torch.zeros(24, 10, 3))  # windows of pixels that count look no further
    assert bool((drawn.grad[:, 15:] != 0).any())


def test_the_gradient_of_weighted_windows_is_that_of_finite_differences():
    drawn, wanted = pair(2)
    drawn.requires_grad_()
    weight = torch.rand(24, 30, 1, generator=torch.Generator().manual_seed(3))
    fused_ssim(drawn, wanted, weight).backward()
    step = 1e-2
    for y, x, c in ((3, 4, 0), (12, 15, 1), (20, 25, 2)):
        up, down = drawn.detach().clone(), drawn.detach().clone()
        up[y, x, c] += step
        down[y, x, c] -= step
        slope = (fused_ssim(up, wanted, weight) - fused_ssim(down, wanted, weight)) / (2 * step)
        assert abs(slope - drawn.grad[y, x, c]) < 0.1 * drawn.grad.abs().max()
