"""Keys: an order that never covers less, an anchor that shows most, and what is refused."""

from __future__ import annotations

import math

import pytest
import torch

from editor3d.errors import DataError
from editor3d.geometry.coverage import Coverage, choose_keys
from editor3d.geometry.surface import SeenSurface

from .room import looking, seen


@pytest.fixture(scope="module")
def ring() -> list[SeenSurface]:
    places = [
        (2.4 * math.cos(a), 2.4 * math.sin(a), 1.2 + 0.2 * (i % 3)) for i, a in enumerate(torch.arange(12) * 0.5236)
    ]
    return [seen(looking(tuple(map(float, place)), side=48)) for place in places]


def test_coverage_never_falls_and_ends_with_everything(ring):
    keys = choose_keys(ring, share=1.0)
    assert list(keys.covered) == sorted(keys.covered)
    assert keys.covered[-1] == pytest.approx(1.0)
    assert len(set(keys.order)) == len(keys.order)
    few = choose_keys(ring, share=0.9)
    assert few.order == keys.order[: len(few.order)]
    assert few.covered[-1] >= 0.9 > (0, *few.covered)[-2]


def test_the_anchor_shows_most(ring):
    coverage = Coverage.of(ring)
    keys = coverage.choose(most=1)
    assert keys.order == (keys.anchor,)
    shown = coverage.quality.astype(int).sum(1)
    assert shown[keys.anchor] == shown.max()
    assert coverage.share([keys.anchor]) == pytest.approx(keys.covered[0])


def test_what_one_view_alone_shows_of_a_region_decides(ring):
    masks = [torch.zeros(48, 48, dtype=torch.bool) for _ in ring]
    masks[7] = ring[7].valid
    assert choose_keys(ring, masks=masks).order == (7,)


def test_number_and_share_bound_the_keys(ring):
    assert len(choose_keys(ring, share=1.0, most=3).order) == 3
    assert len(choose_keys(ring, share=0.0).order) == 1


def test_views_that_are_given_all_count_and_the_anchor_is_the_best_of_them(ring):
    coverage = Coverage.of(ring)
    keys = coverage.choose(share=1.0, among=(2, 5, 5 + 1))
    assert set(keys.order) == {2, 5, 6}
    shown = coverage.quality.astype(int).sum(1)
    assert shown[keys.anchor] == max(shown[[2, 5, 6]])
    assert list(keys.covered) == sorted(keys.covered)
    assert len(coverage.choose(share=1.0, most=2, among=(2, 5, 6)).order) == 2


def test_nothing_seen_is_refused(ring):
    empty = SeenSurface.of_distance(ring[0].camera, torch.zeros(48, 48))
    with pytest.raises(DataError, match="a surface in at least one of 2 views"):
        choose_keys([empty, empty])
    with pytest.raises(DataError, match="region"):
        choose_keys(ring[:2], masks=[torch.zeros(48, 48, dtype=torch.bool)] * 2)
