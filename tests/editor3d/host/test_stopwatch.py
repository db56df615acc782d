"""Nested intervals are counted once."""

from __future__ import annotations

import pytest

from editor3d.host import stopwatch
from editor3d.host.stopwatch import Stopwatch


@pytest.fixture
def clock(monkeypatch):
    """Moves time by hand."""

    class Clock:
        now = 100.0

        def perf_counter(self) -> float:
            return self.now

    made = Clock()
    monkeypatch.setattr(stopwatch, "time", made)
    return made


def test_an_inner_interval_is_taken_off_the_outer(clock):
    watch = Stopwatch()
    with watch.measure("fit"):
        clock.now += 1
        with watch.measure("rays"):
            clock.now += 2
        clock.now += 4
        with watch.measure("rays"):
            clock.now += 8
            with watch.measure("fit"):
                clock.now += 16
    clock.now += 32
    assert watch.seconds == {"fit": 21.0, "rays": 10.0}


def test_time_is_kept_when_the_body_fails(clock):
    watch = Stopwatch()

    def fail() -> None:
        with watch.measure("fit"):
            clock.now += 3
            with watch.measure("edit"):
                clock.now += 5
                raise KeyError

    with pytest.raises(KeyError):
        fail()
    with watch.measure("fit"):
        clock.now += 1
    assert watch.seconds == {"fit": 4.0, "edit": 5.0}
