"""Silhouettes before and after an edit."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from editor3d.metrics.scores.silhouettes import measure_silhouettes
from editor3d.metrics.unavailable import Unavailable

from ..wall import AWAY, SIDE, wall_views
from .test_targets import box


def view_with(after: torch.Tensor, **fields):
    return replace(wall_views([0.0])[0], edited_depth=after, **fields)


def test_an_edit_of_colours_keeps_the_silhouette():
    assert measure_silhouettes([view_with(torch.full((SIDE, SIDE), AWAY * 1.01), region=box(5, 5))]).iou == 1


def test_what_goes_and_what_comes_both_count():
    region, depth = box(4, 4, 10), torch.full((SIDE, SIDE), AWAY)
    gone, come = box(4, 4, 5), box(20, 20, 5)
    depth[gone], depth[come] = 2 * AWAY, 0.5 * AWAY
    assert measure_silhouettes([view_with(depth, region=region)]).iou == pytest.approx((100 - 25) / (100 + 25))


def test_what_comes_nearer_inside_stays_inside():
    depth = torch.full((SIDE, SIDE), AWAY)
    depth[box(4, 4, 10)] = 0.5 * AWAY
    assert measure_silhouettes([view_with(depth, region=box(4, 4, 10))]).iou == 1


def test_a_mesh_before_nothing_has_a_silhouette_without_a_region():
    before, after = (torch.where(mask, AWAY, torch.inf) for mask in (box(4, 4, 10), box(4, 9, 10)))
    assert measure_silhouettes([view_with(after, base_depth=before)]).iou == pytest.approx(50 / 150)


def test_a_whole_picture_without_a_background_has_none():
    assert isinstance(measure_silhouettes(wall_views([0.0])), Unavailable)
