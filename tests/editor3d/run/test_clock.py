"""The time of a run is that of all its sittings together, each second of it under one kind of work."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editor3d.host import stopwatch
from editor3d.host.stopwatch import Stopwatch
from editor3d.run.clock import RunClock

KINDS = ("render", "fit", "edit", "export")
sittings = st.lists(st.lists(st.tuples(st.sampled_from([*KINDS, ""]), st.floats(0.0, 1e4)), max_size=5), min_size=1)


class Time:
    """Moves by hand."""

    now = 100.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def moved():
    with pytest.MonkeyPatch.context() as patch:
        time = Time()
        patch.setattr(stopwatch, "time", time)
        yield time


def sit(time: Time, works, state=None) -> tuple[RunClock, Stopwatch]:
    """A sitting that takes over `state`, then does each work for its seconds, the nameless outside the stopwatch."""
    made, watch = RunClock(now=time.perf_counter), Stopwatch()
    if state is not None:
        made.load_state(state, watch)
    for kind, seconds in works:
        if kind:
            with watch.measure(kind):
                time.now += seconds
        else:
            time.now += seconds
    return made, watch


@given(sittings)
def test_sittings_add_up(run):
    with pytest.MonkeyPatch.context() as patch:
        time, state = Time(), None
        patch.setattr(stopwatch, "time", time)
        for works in run:
            made, watch = sit(time, works, state)
            state = made.state(watch)
            time.now += 1e6  # nobody sits between two sittings
        time.now -= 1e6
        times = made.times(watch)
    done = [work for works in run for work in works]
    spent = {kind: sum(seconds for name, seconds in done if name == kind) for kind in (*KINDS, "")}
    assert (times.render, times.fit, times.edit) == pytest.approx([spent[kind] for kind in KINDS[:3]], abs=1e-3)
    assert times.other == pytest.approx(spent["export"] + spent[""], abs=1e-3)
    assert times.total == pytest.approx(sum(spent.values()), abs=1e-3)


def test_what_came_before_the_state_was_loaded_counts_too(moved):
    """Loading takes time: what is loaded is added to it, in all and by kind."""
    made, watch = sit(moved, [("fit", 3.0), ("", 1.0)])
    made.load_state({"seconds": 10.0, "times": {"fit": 4.0, "edit": 5.0}}, watch)
    assert made.seconds == pytest.approx(14.0)
    assert watch.seconds == pytest.approx({"fit": 7.0, "edit": 5.0})


def test_a_state_stays_as_it_was_taken(moved):
    made, watch = sit(moved, [("fit", 3.0)])
    state = made.state(watch)
    with watch.measure("fit"):
        moved.now += 2.0
    assert state == {"seconds": 3.0, "times": {"fit": 3.0}}
    assert made.seconds == pytest.approx(5.0)


def test_other_is_never_negative(moved):
    """Work of several processes may be counted together: it can be more than the time that passed."""
    made, watch = sit(moved, [("fit", 3.0)])
    watch.seconds["edit"] += 50.0
    assert made.times(watch).other == 0.0
