"""Which views are compared."""

from __future__ import annotations

import numpy as np

from gaussian.start.neighbours import apart, depth_ranges, nearest, spread, triangulating
from gaussian.start.views import SmallView

K = np.array([[50.0, 0, 30], [0, 50.0, 30], [0, 0, 1]])


def view(angle: float) -> SmallView:
    """From a circle of radius 2 round the origin, looking at that."""
    forward = -np.array([np.cos(angle), np.sin(angle), 0])
    down = np.array([0, 0, -1.0])
    pose = np.stack([np.cross(down, forward), down, forward, -2 * forward], 1)
    return SmallView(np.zeros((60, 60, 3), np.uint8), np.ones((60, 60), bool), K, pose)


def cloud(count: int = 500) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.5, 0.5, (count, 3))


def test_nearest_views_are_those_beside():
    views = [view(angle) for angle in np.linspace(0, 2 * np.pi, 12, endpoint=False)]
    for index, found in enumerate(nearest(apart(views), 2)):
        assert set(found) == {(index - 1) % 12, (index + 1) % 12}


def test_views_that_differ_are_chosen_before_those_that_are_alike():
    angles = [0, 0.01, 0.02, 1.5, 1.51, 3.0, 4.5]
    chosen = spread(apart([view(angle) for angle in angles]), 4)
    assert {round(angles[index] / 1.5) for index in chosen} == {0, 1, 2, 3}
    assert spread(apart([view(angle) for angle in angles]), 20) == list(range(7))


def test_a_point_is_seen_at_a_good_angle_rather_than_by_the_nearest_view():
    degrees = [0, 1, 2, 10, 11, 60]
    found = triangulating([view(np.radians(angle)) for angle in degrees], cloud(), 2, [0, 4])
    assert set(found[0]) == {3, 4}
    assert set(found[1]) == {0, 1}


def test_depths_are_looked_for_where_points_are():
    points = cloud()
    points[0] = [1e3, 0, 0]  # a stray one
    (near, far), *_ = depth_ranges([view(np.pi)], points)
    assert 0.9 < near < 1.5
    assert 2.5 < far < 3.5


def test_a_view_without_points_looks_where_the_others_do():
    views = [view(0.0), view(0.1)]
    away = SmallView(views[0].pixels, views[0].seen, K, views[0].pose * [-1, 1, -1, 1])
    ranges = depth_ranges([*views, away], cloud())
    assert ranges[2][0] <= ranges[0][0] * 1.1
    assert ranges[2][1] >= ranges[0][1] * 0.9
