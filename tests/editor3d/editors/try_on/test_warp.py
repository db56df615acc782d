"""The garment's coordinates on a person, and what a turned trunk shows of it."""

from __future__ import annotations

import numpy as np
import pytest

from editor3d.editors.try_on import warp


def _shirt(height: int = 120, width: int = 100, sleeves: bool = True) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[20:100, 35:65] = True
    if sleeves:
        mask[20:45, 20:80] = True
    return mask


def test_edges_of_the_trunk_are_minus_one_and_one():
    trunk = warp.garment_trunk(_shirt())
    s, t = trunk.coordinates(np.array([35.0, 50.0, 65.0, 35.0]), np.array([80.0, 80.0, 80.0, 30.0]))
    np.testing.assert_allclose(s, [-1, 0, 1, -1], atol=0.03)
    np.testing.assert_allclose(t, [0.75, 0.75, 0.75, 0.125], atol=0.02)


def test_coordinates_and_places_are_inverse():
    trunk = warp.garment_trunk(_shirt())
    x, y = np.array([22.0, 40.0, 61.0]), np.array([30.0, 60.0, 99.0])
    back = trunk.place(*trunk.coordinates(x, y))
    np.testing.assert_allclose(back, [x, y], atol=1e-9)


def test_the_spline_agrees_with_the_rows_of_a_straight_shirt():
    mask = _shirt(sleeves=False)
    trunk = warp.person_trunk(mask, np.zeros_like(mask))
    s, t = warp.spline_coordinates(trunk, *mask.shape, mask)
    rows, columns = np.nonzero(mask)
    expected = trunk.coordinates(columns + 0.5, rows + 0.5)
    np.testing.assert_allclose(s, expected[0], atol=0.05)
    np.testing.assert_allclose(t, expected[1], atol=0.03)


def test_a_wavy_hem_ends_where_the_garment_ends():
    mask = _shirt(sleeves=False)
    for column in range(35, 65):
        mask[96 + int(4 * np.sin(column / 3.0)) :, column] = False
    trunk = warp.person_trunk(mask, np.zeros_like(mask))
    _, t = warp.spline_coordinates(trunk, *mask.shape, mask)
    rows, columns = np.nonzero(mask)
    last = np.array([t[(columns == c) & (rows == rows[columns == c].max())][0] for c in range(38, 62)])
    assert np.abs(last - 1.0).max() < 0.08


def test_an_arm_before_the_waist_does_not_move_the_edge():
    mask, arm = _shirt(sleeves=False), np.zeros((120, 100), bool)
    arm[60:75, 20:45] = True
    free = warp.person_trunk(mask, np.zeros_like(mask))
    covered = warp.person_trunk(mask & ~arm, arm)
    np.testing.assert_allclose(np.interp(67, covered.rows, covered.left), np.interp(67, free.rows, free.left), atol=1.5)


def test_seen_from_in_front_nothing_moves():
    s = np.linspace(-1.4, 1.4, 29)
    np.testing.assert_allclose(warp.unrolled(s, 0.0), s, atol=1e-9)
    np.testing.assert_array_equal(warp.unrolled(s, None), s)


@pytest.mark.parametrize("turn", [0.6, 1.3, -0.9])
def test_a_camera_on_one_side_sees_that_side_in_the_middle(turn):
    middle = float(warp.unrolled(np.zeros(1), turn)[0])
    assert np.sign(middle) == np.sign(turn)
    assert 0 < abs(middle) <= 1


def test_the_back_shows_the_sides_of_the_picture_mirrored():
    s = np.linspace(-0.9, 0.9, 19)
    seen = warp.unrolled(s, np.pi)
    assert np.abs(seen).min() >= 0.8 - 1e-9
    assert (np.sign(seen[s != 0]) == -np.sign(s[s != 0])).all()


def test_turning_is_continuous_where_the_front_is_in_view():
    s = np.linspace(-0.5, 0.5, 11)
    turns = np.linspace(-0.5, 0.5, 101)
    seen = np.stack([warp.unrolled(s, turn) for turn in turns])
    assert np.abs(np.diff(seen, axis=0)).max() < 0.03


def test_samples_beyond_the_edge_are_those_of_the_edge():
    picture = np.zeros((60, 60, 3))
    mask = np.zeros((60, 60), bool)
    mask[20:40, 20:40] = True
    picture[mask] = [0.2, 0.4, 0.6]
    found = warp.sample(picture, mask, np.array([5.0, 30.0, 58.0]), np.array([30.0, 30.0, 2.0]))
    np.testing.assert_allclose(found, np.tile([0.2, 0.4, 0.6], (3, 1)))


def test_a_cropped_garment_is_measured_by_the_face():
    mask = np.zeros((100, 100), bool)
    mask[60:, 10:90] = True
    trunk = warp.person_trunk(mask, np.zeros_like(mask), face_height=20.0, neck=(48.0, 58.0))
    s, t = trunk.coordinates(np.array([48.0]), np.array([58.0]))
    assert (s[0], t[0]) == (0.0, 0.0)
    assert trunk.bottom - trunk.top == pytest.approx(warp.FACES_LONG * 20)
    assert trunk.right[0] - trunk.left[0] == pytest.approx(warp.FACES_WIDE * 20)
