"""Which views are due, in what order and at what noise level."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from editor3d.editors import EDITORS
from editor3d.errors import ConfigError
from editor3d.types import EditorInfo
from editor3d.update.schedule import FEW_ROUNDS, LATER_LEVEL, Schedule, one_edit_is_final, suited_schedule

counts = st.integers(1, 12)
levels = st.integers(1, 1000).map(lambda step: step / 1000)
bounds = st.tuples(levels, levels).map(sorted)


def planned(schedule: Schedule, n_views: int, steps: int, seed: int = 0) -> list[tuple[int, int, float]]:
    """All (step, view, noise level) of a run."""
    generator, cursor, found = torch.Generator().manual_seed(seed), 0, []
    for step in range(steps):
        due = schedule.plan(step, steps, cursor, n_views, generator)
        cursor += len(due)
        found += [(step, edit.view, edit.noise_level) for edit in due]
    return found


@given(rate=counts, count=counts, n_views=counts, steps=st.integers(1, 60))
def test_cyclic_takes_the_views_round_and_round(rate, count, n_views, steps):
    found = planned(Schedule(edit_rate=rate, edit_count=count), n_views, steps)
    at_once = min(count, n_views)
    assert [step for step, _, _ in found] == [s for s in range(0, steps, rate) for _ in range(at_once)]
    assert [view for _, view, _ in found] == [index % n_views for index in range(len(found))]


@given(rate=counts, n_views=counts, steps=st.integers(1, 60))
def test_all_at_once_takes_every_view_whenever_it_is_due(rate, n_views, steps):
    found = planned(Schedule(kind="all-at-once", edit_rate=rate), n_views, steps)
    for step in range(steps):
        views = [view for at, view, _ in found if at == step]
        assert views == ([] if step % rate else list(range(n_views)))


@given(limits=bounds, seed=st.integers(0, 1000))
def test_uniform_levels_are_timesteps_within_the_bounds(limits, seed):
    lower, upper = limits
    found = [level for *_, level in planned(Schedule("cyclic", 1, 1, lower, upper), 3, 40, seed)]
    assert all(lower <= level <= upper for level in found)
    assert all(level == round(level * 1000) / 1000 for level in found)


def test_uniform_levels_reach_both_ends_and_are_spread_evenly():
    found = [level for *_, level in planned(Schedule("cyclic", 1, 1, 0.7, 0.706), 1, 700)]
    counted = {level: found.count(level) for level in (0.7, 0.701, 0.702, 0.703, 0.704, 0.705, 0.706)}
    assert sum(counted.values()) == 700
    assert all(60 < count < 145 for count in counted.values())  # 100 each, give or take four deviations


@given(limits=bounds, steps=st.integers(1, 50))
def test_decaying_levels_stay_below_a_falling_line(limits, steps):
    lower, upper = limits
    for step, _, level in planned(Schedule("cyclic", 1, 1, lower, upper, "decaying"), 2, steps):
        ceiling = upper + (lower - upper) * step / steps
        assert lower <= level <= ceiling + 0.0005 + 1e-9


def test_decaying_ends_at_the_lower_bound():
    schedule = Schedule("cyclic", 1, 1, 0.1, 0.9, "decaying")
    generator = torch.Generator().manual_seed(0)
    assert {schedule.plan(100, 100, 0, 1, generator)[0].noise_level for _ in range(20)} == {0.1}
    assert len({schedule.plan(0, 100, 0, 1, generator)[0].noise_level for _ in range(20)}) > 10


@given(limits=bounds, count=counts, n_views=counts)
def test_high_levels_are_the_greatest_for_a_views_first_edit_and_then_one_within_the_bounds(limits, count, n_views):
    lower, upper = limits
    schedule, seen = Schedule("cyclic", 1, count, lower, upper, "high"), set()
    for _, view, level in planned(schedule, n_views, 20):
        assert level == (min(max(LATER_LEVEL, lower), upper) if view in seen else upper)
        seen.add(view)


def test_sqrt_levels_fall_from_the_upper_bound_to_a_fifth():
    found = [level for *_, level in planned(Schedule("cyclic", 1, 1, noise="sqrt"), 3, 100)]
    assert found == sorted(found, reverse=True)
    assert found[0] == 0.98
    assert found[25] == 0.6
    assert 0.2 <= found[-1] < 0.21


def test_a_level_is_never_zero_timesteps():
    assert {level for *_, level in planned(Schedule("cyclic", 1, 1, 0.0001, 0.001), 1, 30)} == {0.001}


def test_nothing_is_drawn_where_nothing_is_due():
    generator = torch.Generator().manual_seed(3)
    before = generator.get_state()
    assert Schedule(edit_rate=10).plan(7, 100, 0, 5, generator) == []
    assert torch.equal(generator.get_state(), before)


def test_equal_generators_plan_equal_edits_and_seeds_differ():
    first, second = (Schedule("all-at-once").plan(0, 10, 0, 30, torch.Generator().manual_seed(seed)) for seed in (5, 5))
    assert first == second
    assert len({edit.seed for edit in first}) == 30


@pytest.mark.parametrize(
    "wrong",
    [
        {"edit_rate": 0},
        {"edit_count": 0},
        {"edit_rate": -3},
        {"lower_bound": 0.0},
        {"lower_bound": -0.1},
        {"lower_bound": 0.9, "upper_bound": 0.2},
        {"upper_bound": 1.1},
        {"upper_bound": float("nan")},
        {"lower_bound": float("nan")},
    ],
)
def test_values_out_of_range_are_refused(wrong):
    with pytest.raises(ConfigError, match="Expected"):
        Schedule(**wrong)


@pytest.mark.parametrize("needs", ["uses_render", "uses_noise_level", "varies_with_seed"])
def test_one_edit_is_final_only_where_nothing_else_shapes_it(needs):
    plain = EditorInfo("plain", "", "")
    assert one_edit_is_final(plain)
    assert suited_schedule(plain) == ("all-at-once", "uniform")
    other = dataclasses.replace(plain, **{needs: True})
    assert not one_edit_is_final(other)
    assert suited_schedule(other) == ("cyclic" if needs == "uses_render" else "all-then-cyclic", "uniform")


def test_all_then_cyclic_edits_every_view_first_and_then_goes_round():
    schedule = Schedule("all-then-cyclic", edit_rate=5, edit_count=2)
    generator = torch.Generator().manual_seed(0)
    assert [edit.view for edit in schedule.plan(0, 20, 0, 4, generator)] == [0, 1, 2, 3]
    assert schedule.plan(1, 20, 4, 4, generator) == []
    assert [edit.view for edit in schedule.plan(5, 20, 4, 4, generator)] == [0, 1]


def test_the_diffusion_editor_goes_round_and_the_procedural_one_edits_all_at_once():
    assert suited_schedule(EDITORS["ip2p"].info)[0] == "cyclic"
    assert suited_schedule(EDITORS["procedural"].info)[0] == "all-at-once"


def test_a_run_too_short_to_go_round_edits_each_view_in_full_before_the_first_step():
    info = EDITORS["ip2p"].info
    assert suited_schedule(info, FEW_ROUNDS) == ("cyclic", "uniform")
    kind, noise = suited_schedule(info, FEW_ROUNDS - 0.1)
    found = planned(Schedule(kind, 10, 1, noise=noise), n_views=7, steps=140)
    assert [(step, view) for step, view, _ in found[:7]] == [(0, view) for view in range(7)]
    assert {level for *_, level in found[:7]} == {0.98}
    assert {level for *_, level in found[7:]} == {LATER_LEVEL}
