"""An edited picture that an editor shifted here and there is moved back to its photograph."""

from __future__ import annotations

import torch

from editor3d.metrics.image import psnr
from editor3d.update.keys.registration import registered
from lab.editors.noisy import drawn_colors, perturb
from tests.natural import natural_picture


def wintry(picture: torch.Tensor) -> torch.Tensor:
    return (0.25 + 0.7 * picture.square() @ torch.tensor([[0.7, 0.2, 0.1], [0.2, 0.7, 0.2], [0.1, 0.1, 0.8]])).clamp(
        0, 1
    )


def test_a_smooth_warp_is_undone():
    for seed in (0, 1):
        draws = drawn_colors(seed)
        assert draws is not None
        original, noisy = natural_picture(seed), torch.Generator().manual_seed(seed)
        torch.rand((), generator=noisy)  # whether it changes anything
        shifted = perturb(wintry(original), noisy)
        true = draws(wintry(original))
        assert psnr(registered(shifted, original), true) > max(32.0, psnr(shifted, true) + 6.0)


def test_what_was_not_shifted_stays_where_it_is():
    original = natural_picture(2, 96, 112)
    assert psnr(registered(wintry(original), original), wintry(original)) > 40.0


def test_only_what_may_change_is_looked_at():
    original = natural_picture(3)
    mask = torch.zeros(original.shape[:2], dtype=torch.bool)
    mask[30:-30, 30:-30] = True
    edited = torch.where(mask[..., None], wintry(original), torch.rand(original.shape))
    found = registered(edited, original, mask)
    assert psnr(found[40:-40, 40:-40], wintry(original)[40:-40, 40:-40]) > 36.0
    nowhere = torch.zeros_like(mask)
    assert torch.equal(registered(edited, original, nowhere), edited)
