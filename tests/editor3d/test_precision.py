from __future__ import annotations

import numpy as np
import pytest

from editor3d.precision import offset_of

CLOUD = np.random.default_rng(0).normal(size=(500, 3))
PLACES = [(540_000.0, 5_400_000.0, -1.0), (1e7, 0.0, 0.0), (4_200_123.4, 172_345.6, 4_780_567.8), (-3e5, 2.0, 9.0)]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_what_is_left_of_far_coordinates_fits_float32(place, scale):
    points = scale * CLOUD + place
    offset = offset_of(points)
    left = points - offset
    assert np.abs(left).max() < 8 * scale
    assert np.abs(left.astype(np.float32) + offset - points).max() < 1e-6 * scale + 4e-9  # float64's own step there
    assert np.array_equal(offset_of(left), np.zeros(3))


@pytest.mark.parametrize("points", [CLOUD, CLOUD * 1e6, CLOUD * 1e-6, CLOUD + 30.0, np.zeros((5, 3)), np.ones((1, 3))])
def test_coordinates_that_float32_holds_stay(points):
    assert not offset_of(points).any()


def test_strays_count_for_nothing():
    points = CLOUD.copy()
    points[:20] = 1e15
    assert not offset_of(points).any()
    assert np.abs(offset_of(points + PLACES[0]) - PLACES[0]).max() < 4


def test_a_point_without_size_is_far_by_its_distance_alone():
    assert np.abs(offset_of(np.full((3, 3), 5e6)) - 5e6).max() < 1
    assert not offset_of(np.full((3, 3), 5e6), size=1e6).any()
    assert not offset_of(np.zeros((0, 3))).any()
