"""How much changed, where, and how sharp it is."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torchvision.transforms.v2.functional import gaussian_blur

from editor3d.metrics.change import fine_detail, measure_change
from editor3d.metrics.image import psnr, ssim
from editor3d.metrics.views import HeldOutView

H, W = 20, 24


def noise(seed: int, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.rand(H, W, 3, generator=torch.Generator().manual_seed(seed))


def box() -> torch.Tensor:
    region = torch.zeros(H, W, dtype=torch.bool)
    region[5:12, 6:20] = True
    return region


def held_out(name: str, seed: int, **fields) -> HeldOutView:
    base = noise(seed)
    return HeldOutView(name, noise(seed + 1), base, 1 - base, **fields)


def test_every_value_is_the_formula_and_the_mean_is_over_views():
    views = [held_out("a", 0, region=box()), held_out("b", 10, region=box())]
    change = measure_change(views)
    assert change.in_region
    for view in views:
        found = change.views[view.name]
        assert found.psnr == psnr(view.base_render, view.edited_render, box())
        assert found.ssim == ssim(view.base_render, view.edited_render)
        assert found.locality == psnr(view.base_render, view.edited_render, ~box())
        assert found.bit_equal == 0.0
        assert found.base == psnr(view.base_render, view.photo)
    assert change.mean.psnr == pytest.approx(sum(found.psnr for found in change.views.values()) / 2)


def test_locality_is_infinite_when_nothing_outside_changed_and_absent_without_a_region():
    view = held_out("a", 0, region=box())
    inside = torch.where(box()[..., None], 1 - view.base_render, view.base_render)
    kept = measure_change([dataclasses.replace(view, edited_render=inside)]).mean
    assert (kept.locality, kept.bit_equal) == (math.inf, 1.0)
    whole = measure_change([held_out("a", 0)])
    assert (whole.mean.locality, whole.mean.bit_equal, whole.in_region) == (None, None, False)
    everything = measure_change([held_out("a", 0, region=torch.ones(H, W, dtype=torch.bool))]).mean
    assert (everything.locality, everything.bit_equal) == (None, None)


def test_pixels_outside_are_equal_bit_by_bit_or_not_at_all():
    view = held_out("a", 0, region=box())
    edited = torch.where(box()[..., None], 1 - view.base_render, view.base_render)
    edited[0, :12, 1] += 2**-20  # one channel of 12 pixels of H W - 7 * 14, by a little
    change = measure_change([dataclasses.replace(view, edited_render=edited)]).mean
    assert change.bit_equal == pytest.approx(1 - 12 / (H * W - 7 * 14))
    assert change.locality > 100


def test_pixels_that_show_something_of_both_count_neither_inside_nor_outside():
    view = held_out("a", 0, region=box())
    outside = ~box()
    outside[4] = False
    edited = view.base_render.clone()
    edited[4] = 0.0
    change = measure_change([dataclasses.replace(view, edited_render=edited, outside=outside)]).mean
    assert (change.psnr, change.locality) == (math.inf, math.inf)


def test_a_view_that_does_not_see_the_region_counts_only_for_locality():
    seen, unseen = held_out("seen", 0, region=box()), held_out("unseen", 10, region=torch.zeros_like(box()))
    change = measure_change([seen, unseen])
    assert (change.views["unseen"].psnr, change.views["unseen"].sharpness) == (None, None)
    assert change.views["unseen"].locality is not None
    assert change.mean.psnr == change.views["seen"].psnr


def test_sharpness_falls_with_blur_and_is_one_for_what_only_moved_in_brightness():
    view = held_out("a", 0)
    blurred = gaussian_blur(view.base_render.permute(2, 0, 1), [5, 5], [1.0, 1.0]).permute(1, 2, 0)

    def sharpness(edited: torch.Tensor) -> float:
        return measure_change([dataclasses.replace(view, edited_render=edited)]).mean.sharpness

    assert sharpness(blurred) < 0.2
    assert sharpness(view.base_render + 0.1) == pytest.approx(1.0, abs=1e-5)
    assert sharpness(1 - view.base_render) == pytest.approx(1.0, abs=1e-5)
    assert sharpness(0.5 * view.base_render) == pytest.approx(0.25, abs=1e-5)


def test_fine_detail_is_the_energy_that_a_gaussian_takes_away():
    x = torch.arange(64.0)
    for period in (4.0, 16.0):
        frequency = 2 * math.pi / period
        stripes = 0.5 + 0.25 * torch.cos(frequency * x + 0.3)
        picture = stripes[None, :, None].expand(64, 64, 3)
        mask = torch.zeros(64, 64, dtype=torch.bool)
        mask[8:56, 8:56] = True  # whole periods, away from the border
        passed = math.exp(-(frequency**2) / 2)  # of a Gaussian of one pixel
        assert fine_detail(picture, mask) == pytest.approx(0.25**2 / 2 * (1 - passed) ** 2, rel=0.02)
    assert fine_detail(torch.full((H, W, 3), 0.3)) == pytest.approx(0.0, abs=1e-12)


def test_pictures_too_small_for_a_window_have_no_such_score():
    tiny = torch.rand(5, 5, 3, generator=torch.Generator().manual_seed(0))
    change = measure_change([HeldOutView("a", tiny, tiny, 1 - tiny)]).mean
    assert (change.ssim, change.sharpness) == (None, None)
    assert change.psnr > 0
