"""Progress of a training run: a bar with the time left on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import os
import time

from nerfstudio.utils.rich_utils import CONSOLE
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

_SECONDS_BETWEEN_LINES = float(os.environ.get("EDITOR3D_PROGRESS_SECONDS", "15"))
"""Where there is no terminal; whoever reads the lines to show them on may want more of them."""


class TrainingProgress:
    """Shows how far a run is. Use as a context manager."""

    def __init__(self, title: str, start: int, total: int) -> None:
        self._title, self._start, self._total = title, start, total
        self._began = self._last_line = time.monotonic()
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

    def update(self, completed: int, note: str = "") -> None:
        """Say that `completed` of the steps are done."""
        if self._bar is not None:
            self._bar.update(self._task, completed=completed, note=note)
            return
        now = time.monotonic()
        if completed >= self._total or now - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = now
            pace = (now - self._began) / max(1, completed - self._start)
            left = pace * (self._total - completed)
            print(f"{self._title}: {completed}/{self._total}, {left:.0f} s left {note}".rstrip(), flush=True)
