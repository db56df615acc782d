from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from editor3d.outputs.orbit import look_at, look_at_point, orbit_cameras, up_axis

UP = np.array([0.0, 0.0, 1.0])


def capture(azimuths, seed=0, radius=3.0, height=1.5, jitter=0.1, target=(0.2, -0.1, 0.4)) -> np.ndarray:
    """Hand-held cameras round a target: noisy distances, heights and aims."""
    rng = np.random.default_rng(seed)
    n = len(azimuths)
    r = radius * (1 + jitter * rng.uniform(-1, 1, n))
    eyes = np.stack([r * np.cos(azimuths), r * np.sin(azimuths), height + jitter * rng.uniform(-1, 1, n)], 1) + target
    aims = target + jitter * rng.uniform(-1, 1, (n, 3))
    return look_at(eyes, eyes - aims, UP)


def full_circle(seed=0, **kwargs):
    return capture(np.linspace(0, 2 * np.pi, 40, endpoint=False), seed, **kwargs)


def azimuths_about(path, target=(0.2, -0.1)):
    return np.arctan2(path[:, 1, 3] - target[1], path[:, 0, 3] - target[0])


def steps(path):
    return np.linalg.norm(np.diff(path[:, :, 3], axis=0, append=path[:1, :, 3]), axis=1)


@given(st.integers(0, 1000), st.integers(2, 90))
@settings(max_examples=30, deadline=None)
def test_poses_are_rotations_that_look_at_one_point(seed, count):
    poses = full_circle(seed)
    path = orbit_cameras(poses, count)
    assert path.shape == (count, 3, 4)
    rotations = path[:, :, :3]
    assert np.allclose(rotations @ rotations.transpose(0, 2, 1), np.eye(3), atol=1e-9)
    assert np.allclose(np.linalg.det(rotations), 1)
    assert np.allclose(rotations[:, :, 0] @ up_axis(poses), 0, atol=1e-9)  # level
    point = look_at_point(poses[:, :, 3], -poses[:, :, 2])
    to_point = point - path[:, :, 3]
    assert np.allclose(np.cross(to_point, -path[:, :, 2]), 0, atol=1e-9)
    assert (np.sum(to_point * -path[:, :, 2], axis=1) > 0).all()


def test_full_capture_goes_once_round_at_the_captured_distance_and_height():
    path = orbit_cameras(full_circle(), 72)
    turned = np.diff(np.unwrap(np.append(azimuths_about(path), azimuths_about(path)[0])))
    assert abs(turned.sum()) == pytest.approx(2 * np.pi)
    assert (np.sign(turned) == np.sign(turned[0])).all()
    assert steps(path).max() < 1.05 * steps(path).min()
    assert np.allclose(path[:, 2, 3], 1.9, atol=0.15)
    assert np.allclose(np.linalg.norm(path[:, :2, 3] - (0.2, -0.1), axis=1), 3.0, atol=0.2)


@given(st.integers(0, 1000), st.floats(0.3, 4.0))
@settings(max_examples=30, deadline=None)
def test_sector_is_not_left_and_the_path_is_closed_and_smooth(seed, width):
    middle = np.random.default_rng(seed).uniform(-np.pi, np.pi)
    poses = capture(middle + np.linspace(-width / 2, width / 2, 25), seed, jitter=0.02)
    path = orbit_cameras(poses, 60)
    away = (azimuths_about(path) - middle + np.pi) % (2 * np.pi) - np.pi
    assert np.abs(away).max() < width / 2 + 0.1
    assert away.max() - away.min() > 0.8 * width
    largest = steps(path).max()
    assert steps(path)[-1] <= largest + 1e-9
    assert largest < 1.7 * steps(path).mean()


@given(st.integers(0, 1000), st.floats(0.01, 100.0), st.booleans())
@settings(max_examples=30, deadline=None)
def test_path_moves_turns_and_scales_with_the_capture(seed, scale, sector):
    rng = np.random.default_rng(seed)
    poses = capture(np.linspace(0, 2, 20), seed) if sector else full_circle(seed)
    turn, shift = Rotation.random(random_state=seed).as_matrix(), rng.uniform(-5, 5, 3)

    def moved(c2ws):
        return np.concatenate([turn @ c2ws[:, :, :3], scale * (turn @ c2ws[:, :, 3:]) + shift[:, None]], axis=2)

    expected = moved(orbit_cameras(poses, 24))
    assert np.allclose(orbit_cameras(moved(poses), 24), expected, atol=1e-6 * max(scale, 1))


def test_up_is_level_although_all_cameras_look_down_from_one_side():
    poses = capture(np.linspace(-0.8, 0.8, 20), radius=2.0, height=2.0, jitter=0.02)
    mean_up = poses[:, :, 1].mean(0) / np.linalg.norm(poses[:, :, 1].mean(0))
    assert mean_up @ UP < 0.85
    assert up_axis(poses) @ UP > 0.999


def test_parallel_cameras_give_a_path_in_front_of_what_they_see():
    eyes = np.stack(np.meshgrid(np.linspace(-1, 1, 4), [0.0], np.linspace(-0.5, 0.5, 3)), -1).reshape(-1, 3)
    poses = look_at(eyes, np.tile([0.0, -1.0, 0.0], (len(eyes), 1)), UP)
    path = orbit_cameras(poses, 30)
    assert np.isfinite(path).all()
    assert (-path[:, 1, 2] > 0.7).all()  # all still look along +y
    assert np.abs(path[:, :, 3]).max() < 1.5


def test_a_room_seen_from_its_middle_is_looked_at_outwards():
    azimuths = np.linspace(0, 2 * np.pi, 30, endpoint=False)
    eyes = 0.3 * np.stack([np.cos(azimuths), np.sin(azimuths), 0 * azimuths], 1)
    poses = look_at(eyes, -eyes + np.array([0, 0, 0.1]), UP)
    path = orbit_cameras(poses, 24)
    assert (np.sum(path[:, :2, 3] * -path[:, :2, 2], axis=1) > 0).all()
    assert np.linalg.norm(path[:, :, 3], axis=1).max() < 0.4


@pytest.mark.parametrize(
    "poses",
    [
        full_circle()[:1],
        look_at(np.zeros((12, 3)), full_circle()[:12, :, 2], UP),
        look_at(np.array([[0.0, 0.0, 3.0], [0.1, 0.0, 3.0]]), np.array([[0.0, 0.001, 1.0]] * 2), UP),
    ],
    ids=["one camera", "one place", "straight down"],
)
def test_odd_captures_still_give_poses(poses):
    path = orbit_cameras(poses, 10)
    assert np.isfinite(path).all()
    assert np.allclose(np.linalg.det(path[:, :, :3]), 1)
