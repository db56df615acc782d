"""Wall-clock time of a run, summed over its sessions."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from editor3d.host.stopwatch import Stopwatch
from editor3d.run.record import Times

_KINDS = ("render", "fit", "edit")
"""Kinds of work that a record distinguishes; all else is `other`."""


class RunClock:
    """Seconds since loading began, those of earlier sessions included.

    Args:
        before: seconds of earlier sessions.
        now: seconds, from any start.
    """

    def __init__(self, before: float = 0.0, now: Callable[[], float] = time.perf_counter) -> None:
        self._now, self._before = now, before
        self._began = now()

    @property
    def seconds(self) -> float:
        return self._before + self._now() - self._began

    def state(self, stopwatch: Stopwatch) -> dict[str, Any]:
        """What a checkpoint keeps of a run's time: `seconds` in all, `times` by kind of work."""
        return {"seconds": self.seconds, "times": dict(stopwatch.seconds)}

    def load_state(self, state: Mapping[str, Any], stopwatch: Stopwatch) -> None:
        """Continue from what `state` gave, besides what loading took this time."""
        self._before = state["seconds"]
        for kind, seconds in state["times"].items():
            stopwatch.seconds[kind] += seconds

    def times(self, stopwatch: Stopwatch) -> Times:
        """Where the time of the run went, for its record."""
        known = {kind: stopwatch.seconds.get(kind, 0.0) for kind in _KINDS}
        return Times(**known, other=max(0.0, self.seconds - sum(known.values())))
