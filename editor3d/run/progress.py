"""Progress: a bar with the time left on a terminal, a line now and then elsewhere, and events."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from nerfstudio.utils.rich_utils import CONSOLE
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from editor3d.errors import ConfigError
from editor3d.run import events

LINES_VARIABLE = "EDITOR3D_PROGRESS_LINES"
"""The environment variable that limits the lines of each bar where there is no terminal."""
_SECONDS_BETWEEN_LINES = 15.0
"""At least, but for the last line."""
_SECONDS_BETWEEN_EVENTS = 0.2
"""At least, unless there is something new to say."""

Item = TypeVar("Item")


class ProgressEvents:
    """Emits how far something is, not too often.

    Args:
        what: the part of the work.
        unit: what is counted.
        start, total: how many are done already, and how many there are.
    """

    def __init__(self, what: str, unit: str, start: int, total: int) -> None:
        self._what, self._unit, self._start, self._total = what, unit, start, total
        self._began = self._last = time.monotonic()
        self._note = ""
        self._emit(start, None, "")

    def update(self, completed: int, note: str = "", total: int | None = None) -> float:
        """Say that so many are done; the seconds that are left at the pace so far.

        Args:
            total: how many there are, where that has changed; 0 where nobody knows.
        """
        now = time.monotonic()
        self._total = self._total if total is None else total
        left = (now - self._began) / max(1, completed - self._start) * (self._total - completed)
        news = completed >= self._total or note != self._note
        if news or now - self._last >= _SECONDS_BETWEEN_EVENTS:
            self._last, self._note = now, note
            self._emit(completed, left if self._total and completed > self._start else None, note)
        return left

    def _emit(self, done: int, left: float | None, note: str) -> None:
        seconds = None if left is None else round(max(0.0, left), 1)
        events.emit(
            events.Progress(
                what=self._what, done=done, total=self._total, unit=self._unit, seconds_left=seconds, note=note
            )
        )


class _Lines:
    """Which steps get a line of their own: the last one, and those at even parts of the work, some seconds apart.

    Raises:
        ConfigError: the environment's limit is no number of lines.
    """

    def __init__(self, start: int) -> None:
        self._start = start
        found = os.environ.get(LINES_VARIABLE, "")
        if found and not (found.isdecimal() and int(found)):
            raise ConfigError(f"Expected a number of lines in {LINES_VARIABLE}, got {found}: set one, or unset it.")
        self._limit = int(found) if found else None
        self._last, self._parts, self._ended = time.monotonic(), 0, False

    def due(self, completed: int, total: int) -> bool:
        """Whether to print a line now that `completed` of `total` are done."""
        if total and completed >= total:
            ended, self._ended = self._ended, True
            return not ended
        now = time.monotonic()
        if now - self._last < _SECONDS_BETWEEN_LINES:
            return False
        if self._limit is not None and total:
            parts = self._limit * (completed - self._start) // max(1, total - self._start)
            if parts <= self._parts:
                return False
            self._parts = parts
        self._last = now
        return True


class TrainingProgress:
    """Shows how far a run is. Use as a context manager.

    Args:
        title: the part of the work.
        start, total: how many are done already, and how many there are.
        unit: what is counted.

    Raises:
        ConfigError: the environment's limit is no number of lines.
    """

    def __init__(self, title: str, start: int, total: int, unit: str = "steps") -> None:
        self._title, self._total = title, total
        self._lines = _Lines(start)
        self._events = ProgressEvents(title, unit, start, total)
        self._bar: Progress | None = None
        if CONSOLE.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
                console=CONSOLE,
            )
            self._task = self._bar.add_task(title, total=total, completed=start, note="")

    def __enter__(self) -> TrainingProgress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *exc) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, completed: int, note: str = "", total: int | None = None) -> None:
        """Say that `completed` are done.

        Args:
            note: the work just now, in a few words.
            total: how many there are, where that has changed; 0 where nobody knows.
        """
        self._total = self._total if total is None else total
        left = self._events.update(completed, note, total)
        if self._bar is not None:
            self._bar.update(self._task, completed=completed, total=self._total or None, note=note)
            return
        if self._lines.due(completed, self._total):
            of = f"/{self._total}, {left:.0f} s left" if self._total else ""
            print(f"{self._title}: {completed}{of} {note}".rstrip(), flush=True)


@contextmanager
def counting(what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, and events, moved on by the function that it gives: how many of how many are done."""
    shown: ProgressEvents | None = None
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what)

        def update(done: int, of: int) -> None:
            nonlocal shown
            shown = shown or ProgressEvents(what, unit, 0, of)
            shown.update(done)
            bar.update(task, completed=done, total=of)

        yield update


def tracked(items: Sequence[Item], what: str, unit: str) -> Iterator[Item]:
    """The items one after the other, behind a bar on stderr and events."""
    with counting(what, unit) as update:
        update(0, len(items))
        for done, item in enumerate(items, start=1):
            yield item
            update(done, len(items))
