"""Points that depths agree on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gaussian.start.fusion import fused
from gaussian.start.views import SmallView

from .test_sweep import wall

BLACK = np.zeros(3)
PLACES = (-0.3, 0.0, 0.3)
ALL = [[1, 2], [0, 2], [0, 1]]


@pytest.fixture
def walls() -> tuple[list[SmallView], list[np.ndarray]]:
    views, depths = zip(*(wall(x, 0.3) for x in PLACES), strict=True)
    return list(views), list(depths)


def test_true_depths_give_points_on_the_surface(walls):
    points, colors = fused(*walls, ALL, background=BLACK, cell=4)
    assert len(points) > 150
    assert np.abs(points[:, 2] - 3 - 0.3 * points[:, 0]).max() < 1e-2
    row, column, depth = walls[0][0].project(points)
    shown = walls[0][0].pixels[row, column] / 255
    assert np.abs(shown - colors)[np.isfinite(depth)].mean() < 0.1


def test_every_square_of_a_view_shows_a_point(walls):
    cell = 4
    points, _ = fused(*walls, ALL, background=BLACK, cell=cell)
    row, column, depth = walls[0][1].project(points)
    squares = {(r // cell, c // cell) for r, c in zip(row[np.isfinite(depth)], column[np.isfinite(depth)], strict=True)}
    assert len(squares) >= 0.95 * (44 // cell) * (60 // cell)


def test_larger_squares_give_fewer_points(walls):
    counts = [len(fused(*walls, ALL, background=BLACK, cell=cell)[0]) for cell in (2, 4, 8)]
    assert counts[0] > 2.5 * counts[1] > 5 * counts[2] > 0


def test_a_depth_that_no_other_view_agrees_with_gives_no_point(walls):
    views, depths = walls
    depths[0] = depths[0].copy()
    depths[0][10:20, 20:30] *= 0.7
    points, _ = fused(views, depths, ALL, background=BLACK, cell=1)
    assert np.abs(points[:, 2] - 3 - 0.3 * points[:, 0]).max() < 0.1


def test_what_is_not_seen_or_of_the_background_gives_no_point(walls):
    views, depths = walls
    blind = [replace(view, seen=np.zeros_like(view.seen)) for view in views]
    assert len(fused(blind, depths, ALL, background=BLACK, cell=4)[0]) == 0
    grey = [replace(view, pixels=np.full_like(view.pixels, 51)) for view in views]
    assert len(fused(grey, depths, ALL, background=np.full(3, 0.2), cell=4)[0]) == 0
    assert len(fused(grey, depths, ALL, background=BLACK, cell=4)[0]) > 0
