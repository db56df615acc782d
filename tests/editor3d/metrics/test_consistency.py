"""Whether views agree, at points found again by depth."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from editor3d.geometry.surface import SeenSurface
from editor3d.metrics.consistency import choose_pairs, measure_consistency, reprojection_error
from editor3d.metrics.unavailable import Unavailable

from .wall import AWAY, SIDE, painted, wall_camera, wall_views

PLACES = [0.0, 0.33, 0.92, 1.52]  # shifts by no whole number of pixels


def surfaces(places: list[float]) -> list[SeenSurface]:
    return [SeenSurface.of_depth(wall_camera(x), torch.full((SIDE, SIDE), AWAY)) for x in places]


def test_the_same_points_of_a_consistent_scene_have_the_same_colour():
    agreement = measure_consistency(wall_views(PLACES))
    for found in (agreement.short_range, agreement.long_range):
        assert 0 < found.before == found.after < 2e-3  # what is left is bilinear interpolation
        assert found.pairs > 0


def test_views_that_an_edit_changed_each_in_its_own_way_disagree_by_as_much():
    offsets = [0.0, 0.1, 0.0, 0.1]
    agreement = measure_consistency(wall_views(PLACES, lambda i, picture: picture + offsets[i]))
    assert agreement.short_range.before < 2e-3
    pairs, _ = choose_pairs(surfaces(PLACES))
    expected = sum(abs(offsets[i] - offsets[j]) for i, j in pairs) / len(pairs)
    assert agreement.short_range.after == pytest.approx(expected, abs=2e-3)
    assert expected > 0


def test_an_edit_that_changes_all_views_alike_is_as_consistent_as_before():
    agreement = measure_consistency(wall_views(PLACES, lambda i, picture: 1 - picture))
    assert agreement.short_range.after == pytest.approx(agreement.short_range.before, rel=1e-3)
    assert agreement.long_range.after == pytest.approx(agreement.long_range.before, rel=1e-3)


def test_short_range_is_to_the_view_that_shares_most_and_long_range_to_the_one_that_shares_least():
    short, long = choose_pairs(surfaces([0.0, 0.3, 0.9, 60.0]))
    assert short == [(0, 1), (1, 0), (2, 1)]  # the last shares nothing
    assert long == [(0, 2), (1, 2), (2, 0)]


def test_what_stands_before_a_point_hides_it():
    camera, other = wall_camera(0.0), wall_camera(0.6)
    depth = torch.full((SIDE, SIDE), AWAY)
    picture, seen = painted(camera.points(depth)), painted(other.points(depth)).float()
    screen = depth.clone()
    screen[:, : SIDE // 2] = 1.0
    hidden = seen.clone()
    hidden[:, : SIDE // 2] = 5.0  # the screen's colour, which must not count
    wall = SeenSurface.of_depth(camera, depth)
    screened, open_wall, nothing = (SeenSurface.of_depth(other, d) for d in (screen, depth, torch.zeros_like(depth)))
    assert reprojection_error(picture, wall, hidden, screened) < 2e-2
    assert reprojection_error(picture, wall, hidden, open_wall) > 1.0
    assert reprojection_error(picture, wall, seen, nothing) is None


def test_views_that_share_nothing_or_stand_alone_say_so():
    for views in (wall_views([0.0]), wall_views([0.0, 100.0])):
        assert isinstance(measure_consistency(views), Unavailable)
    without = [dataclasses.replace(view, edited_depth=None) for view in wall_views(PLACES)]
    assert isinstance(measure_consistency(without), Unavailable)


def test_two_views_have_a_short_range_alone():
    agreement = measure_consistency(wall_views([0.0, 0.3]))
    assert agreement.long_range is None
    assert agreement.short_range.pairs == 2
