"""Gaussians chosen by masks, and what can be done to them."""

from __future__ import annotations

import pytest
import torch

from gaussian.draw.selection import PosedPinhole, delete, duplicate, holes, recolor, vote
from gaussian.splats import SH_C0, Splats


def two_blobs() -> tuple[Splats, torch.Tensor]:
    """Forty Gaussians on the left and forty on the right; which are on the right."""
    generator = torch.Generator().manual_seed(0)
    means = torch.randn(80, 3, generator=generator) * 0.15
    right = torch.arange(80) >= 40
    means[:, 0] += torch.where(right, 1.0, -1.0)
    colors = torch.rand(80, 1, 3, generator=generator)
    return Splats(
        means, torch.full((80, 3), -2.5), torch.randn(80, 4, generator=generator), torch.full((80,), 3.0),
        (colors - 0.5) / SH_C0,
    ), right  # fmt: skip


def front_camera(distance: float = 4.0, turned: bool = False) -> PosedPinhole:
    viewmat = torch.eye(4)
    if turned:  # from behind
        viewmat[0, 0] = viewmat[2, 2] = -1.0
    viewmat[2, 3] = distance
    K = torch.tensor([[60.0, 0.0, 32.0], [0.0, 60.0, 24.0], [0.0, 0.0, 1.0]])
    return PosedPinhole(viewmat, K, 64, 48)


def half_mask(right: bool) -> torch.Tensor:
    mask = torch.zeros(48, 64, dtype=torch.bool)
    mask[:, 32:] = right
    mask[:, :32] = not right
    return mask


def test_votes_tell_what_the_masks_show():
    splats, right = two_blobs()
    cameras = [front_camera(), front_camera(turned=True)]
    shares = vote(splats, cameras, [half_mask(True), half_mask(False)])
    assert (shares[right] > 0.99).all()
    assert (shares[~right] < 0.01).all()


def test_votes_are_shares_of_compositing_weights():
    splats, _ = two_blobs()
    generator = torch.Generator().manual_seed(1)
    mask = torch.rand(48, 64, generator=generator) < 0.5
    one = vote(splats, [front_camera()], [mask])
    other = vote(splats, [front_camera()], [~mask])
    seen = one + other
    assert ((seen - 1).abs() < 1e-4).logical_or(seen == 0).all()


def test_a_mask_of_another_size_is_refused():
    splats, _ = two_blobs()
    with pytest.raises(ValueError, match="48x64"):
        vote(splats, [front_camera()], [torch.ones(4, 4, dtype=torch.bool)])


def test_deleting_leaves_the_others_and_names_the_hole():
    splats, right = two_blobs()
    left = delete(splats, right)
    assert torch.equal(left.means, splats.means[~right])
    (hole,) = holes(splats, left, [front_camera()])
    assert hole[:, 32:].any()
    assert not hole[:, :32].any()


def test_a_copy_is_moved_and_nothing_else():
    splats, right = two_blobs()
    both = duplicate(splats, right, torch.tensor([0.0, 1.0, 0.0]))
    assert torch.equal(both.means[:80], splats.means)
    assert torch.allclose(both.means[80:], splats.means[right] + torch.tensor([0.0, 1.0, 0.0]))
    assert torch.equal(both.sh[80:], splats.sh[right])


def test_recolouring_moves_the_mean_and_keeps_the_texture():
    splats, right = two_blobs()
    wanted = torch.tensor([0.5, 0.5, 0.5])
    after = recolor(splats, right, wanted)
    assert torch.equal(after.sh[~right], splats.sh[~right])
    colors = 0.5 + SH_C0 * after.sh[right, 0]
    assert torch.allclose(colors.mean(0), wanted, atol=0.02)
    own = 0.5 + SH_C0 * splats.sh[right, 0]
    inside = ((colors > 0) & (colors < 1)).all(-1)
    shift = (colors - own)[inside]
    assert torch.allclose(shift, shift[:1].expand_as(shift), atol=1e-5)
    assert torch.equal(recolor(splats, right, wanted, strength=0.0).means, splats.means)
