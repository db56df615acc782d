"""The table of colours: exact where an edit is a map of colours, the plain map where nothing was seen."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from editor3d.metrics.image import psnr
from editor3d.update.keys.colors import blurred
from editor3d.update.keys.table import fit_table
from tests.natural import natural_picture


def pictures(seed: int, count: int = 3, side: int = 64) -> list[Tensor]:
    """Smooth pictures of many colours."""
    generator = torch.Generator().manual_seed(seed)
    small = torch.rand(count, 3, 6, 6, generator=generator)
    large = torch.nn.functional.interpolate(small, (side, side), mode="bicubic", align_corners=True).clamp(0, 1)
    return list(large.permute(0, 2, 3, 1))


def steep(picture: Tensor) -> Tensor:
    """Contrast that no polynomial of the second degree has, and another order of the colours."""
    return torch.sigmoid(10.0 * (picture - 0.5))[..., [1, 2, 0]]


def everywhere(given: list[Tensor]) -> list[Tensor]:
    return [torch.ones(picture.shape[:2]) for picture in given]


@pytest.mark.parametrize("edit", [lambda p: p, lambda p: 1 - p, steep], ids=["identity", "inverse", "steep"])
def test_an_edit_of_colours_is_learnt(edit):
    seen, other = pictures(0), pictures(1, count=1)[0]
    table = fit_table(seen, [edit(picture) for picture in seen], everywhere(seen))
    assert psnr(table(other), edit(other)) > 32


def test_what_contradicts_the_others_counts_little():
    seen, other = pictures(0, count=5), pictures(1, count=1)[0]
    edited = [steep(picture) for picture in seen]
    edited[2][:16] = 0.0  # an eighth of one picture's side is something else
    table = fit_table(seen, edited, everywhere(seen))
    assert psnr(table(other), steep(other)) > 28


def test_what_counts_nothing_changes_nothing():
    seen = pictures(0)
    spoilt = [*seen, torch.rand(64, 64, 3, generator=torch.Generator().manual_seed(2))]
    edited = [steep(picture) for picture in spoilt]
    weights = everywhere(spoilt)
    without = fit_table(spoilt, [*edited[:3], torch.zeros(64, 64, 3)], [*weights[:3], torch.zeros(64, 64)])
    again = fit_table(spoilt, [*edited[:3], torch.ones(64, 64, 3)], [*weights[:3], torch.zeros(64, 64)])
    assert psnr(without(seen[0]), again(seen[0])) > 60


def test_without_evidence_colours_stay():
    seen = pictures(0)
    table = fit_table(seen, [steep(picture) for picture in seen], [torch.zeros(64, 64)] * 3)
    assert torch.allclose(table(seen[0]), seen[0], atol=1e-3)


def test_colours_that_were_not_seen_follow_the_others():
    """Greys alone: a red is mapped as the smooth map of greys would, not to anything."""
    ramp = torch.linspace(0, 1, 64)[None, :, None].expand(64, 64, 3).contiguous()
    table = fit_table([ramp], [0.5 * ramp + 0.2], everywhere([ramp]))
    red = torch.tensor([0.8, 0.1, 0.1]).expand(8, 8, 3)
    assert torch.isfinite(table(red)).all()
    assert (table(red) - red).abs().max() < 0.6


def test_local_contrast_is_learnt_too():
    def crisp(picture: Tensor) -> Tensor:
        return (picture + 0.8 * (picture - blurred(picture, 2.0))).clamp(0, 1)

    seen, other = [natural_picture(seed, 96, 112) for seed in (0, 1)], natural_picture(2, 96, 112)
    edited, weights = [crisp(picture) for picture in seen], everywhere(seen)
    table, flat = (fit_table(seen, edited, weights, contrast_too=too) for too in (True, False))
    assert psnr(table(other), crisp(other)) > 4.0 + psnr(flat(other), crisp(other))
