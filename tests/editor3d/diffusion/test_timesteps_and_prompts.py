"""Schedules follow their tables, and views are named by where the camera stands."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from editor3d.diffusion.timesteps import Annealed, Fixed, Linear, draw_timesteps
from editor3d.errors import ConfigError
from editor3d.guidance.prompts import camera_angles, view_prompt, view_suffix


@pytest.mark.parametrize(
    ("step", "highest"),
    [
        (0, 0.98),
        (4000, 0.98),
        (4199, 0.98),
        (4200, 0.735),
        (4799, 0.735),
        (4800, 0.55125),
        (5400, 0.4134375),
        (6000, 0.310078125),
        (6600, 0.23255859375),
        (7199, 0.23255859375),
        (7200, 0.22),
        (7999, 0.22),
    ],
)
def test_annealing_is_vox_es_table(step, highest):
    low, high = Annealed().bounds(step, 8000)
    assert low == 0.02
    assert high == pytest.approx(highest, abs=1e-12)


@given(st.integers(0, 9000))
def test_schedules_only_ever_go_down(step):
    for schedule in (Fixed(), Linear(), Annealed()):
        low, high = schedule.bounds(step, 9001)
        assert 0.0 <= low <= schedule.bounds(step + 1, 9001)[1] <= high <= 1.0
    assert Fixed().bounds(step, 9001) == (0.02, 0.98)


def test_linear_starts_and_ends_where_it_says():
    schedule = Linear(t_max=0.9, t_end=0.3)
    assert schedule.bounds(0, 101)[1] == pytest.approx(0.9)
    assert schedule.bounds(50, 101)[1] == pytest.approx(0.6)
    assert schedule.bounds(100, 101)[1] == pytest.approx(0.3)
    assert schedule.bounds(0, 1)[1] == pytest.approx(0.9)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Fixed(0.5, 0.4),
        lambda: Fixed(-0.1, 0.4),
        lambda: Fixed(0.1, 1.4),
        lambda: Linear(t_end=0.99),
        lambda: Annealed(floor=0.01),
        lambda: Annealed(every=0),
        lambda: Annealed(factor=1.5),
    ],
)
def test_impossible_schedules_are_refused(make):
    with pytest.raises(ConfigError, match="timestep schedule"):
        make()


def test_draws_are_uniform_over_the_whole_range_and_repeatable():
    def draw(schedule, step=0, seed=0, count=20000):
        return draw_timesteps(schedule, step, 8000, count, 1000, torch.Generator().manual_seed(seed))

    values = draw(Annealed(), step=7200)
    assert (values.min(), values.max()) == (20, 220)
    counts = torch.bincount(values - 20, minlength=201).float()
    assert counts.min() > 0.4 * counts.mean()
    assert counts.max() < 1.8 * counts.mean()
    assert torch.equal(values, draw(Annealed(), step=7200))
    assert not torch.equal(values, draw(Annealed(), step=7200, seed=1))
    assert draw(Fixed(0.0, 1.0)).max() == 999
    assert draw(Fixed(0.5, 0.5)).unique().tolist() == [500]


@pytest.mark.parametrize(
    ("azimuth", "elevation", "suffix"),
    [
        (0, 0, "front"),
        (44, 10, "front"),
        (-44, 10, "front"),
        (360 + 10, 0, "front"),
        (46, 0, "side"),
        (-90, 0, "side"),
        (270, 59, "side"),
        (136, 0, "back"),
        (180, -20, "back"),
        (-180, 0, "back"),
        (-720 + 190, 0, "back"),
        (0, 61, "overhead"),
        (200, 90, "overhead"),
    ],
)
def test_views_are_named(azimuth, elevation, suffix):
    assert view_suffix(azimuth, elevation) == f", {suffix} view"
    assert view_prompt("a bronze bear. ", azimuth, elevation) == f"a bronze bear, {suffix} view"


@given(st.floats(-179.0, 179.0), st.floats(-89.0, 89.0), st.floats(0.1, 100.0), st.integers(0, 1000))
def test_angles_of_a_camera_are_those_it_was_placed_at(azimuth, elevation, radius, seed):
    """In any frame: the axes are turned at random."""
    axes, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    axes *= np.sign(np.linalg.det(axes))
    front, left, up = axes.T
    a, e = np.radians([azimuth, elevation])
    center = np.array([1.0, -2.0, 3.0])
    position = center + radius * (np.cos(e) * (np.cos(a) * front + np.sin(a) * left) + np.sin(e) * up)
    c2w = np.concatenate([np.eye(3), position[:, None]], axis=1)
    found = camera_angles(c2w, center, front=front + 0.3 * up, up=5.0 * up)
    assert found == pytest.approx((azimuth, elevation), abs=1e-5)
