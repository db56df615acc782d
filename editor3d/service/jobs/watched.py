"""Read the state of a job from the events of its commands."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path

from editor3d.run import events

_AS_PICTURES = ("before_after",)
"""Results that show how a job stands."""


class Watched:
    """Reads a file of events as it grows.

    Args:
        path: the file, which need not be there yet.
        within: folders that a job writes to; events that name files elsewhere are left out.
    """

    def __init__(self, path: Path, within: tuple[Path, ...]) -> None:
        self.path = path
        self._within = within
        self._offset = 0
        self._lock = threading.Lock()
        self._progress: events.Progress | None = None
        self._error = ""
        self._plan: events.Plan | None = None
        self._cost = 0.0
        self._results: dict[str, Path] = {}
        self._pictures: list[Path] = []

    def begin_step(self) -> None:
        """Forget the progress and the error of the command before: the next one begins."""
        self._read()
        with self._lock:
            self._progress, self._error = None, ""

    @property
    def progress(self) -> events.Progress | None:
        """How far the command is that runs; None before it has said so."""
        self._read()
        return self._progress

    @property
    def error(self) -> str:
        """The sentence of the command's error event; empty where there is none."""
        self._read()
        return self._error

    @property
    def results(self) -> Mapping[str, Path]:
        """The newest result of each kind."""
        self._read()
        return dict(self._results)

    @property
    def plan(self) -> events.Plan | None:
        """What the newest edit takes, as it said before it began; None where none did."""
        self._read()
        return self._plan

    @property
    def cost(self) -> float:
        """US dollars of the requests that were made to a paid service."""
        self._read()
        return self._cost

    @property
    def picture(self) -> tuple[Path, int] | None:
        """The newest picture that is still there, and its number, which grows with each new one."""
        self._read()
        with self._lock:
            pictures = list(self._pictures)
        for number in range(len(pictures), 0, -1):
            if pictures[number - 1].is_file():
                return pictures[number - 1], number
        return None

    def show(self, picture: Path) -> None:
        """Take a picture for the newest that the job made."""
        self._read()
        with self._lock:
            self._pictures.append(picture)

    def _read(self) -> None:
        with self._lock:
            try:
                with self.path.open("rb") as file:
                    file.seek(self._offset)
                    text = file.read()
            except OSError:  # not there yet, or gone with its job
                return
            whole = text[: text.rfind(b"\n") + 1]  # what is being written now is read next time
            self._offset += len(whole)
            for event in events.read(whole.splitlines()):
                self._take(event)

    def _take(self, event: events.AnyEvent) -> None:
        match event:
            case events.Progress():
                self._progress = event
            case events.Picture(path=path) if self._own(path):
                self._pictures.append(Path(path))
            case events.Result(kind=kind, path=path) if self._own(path):
                self._results[kind] = Path(path)
                if kind in _AS_PICTURES:
                    self._pictures.append(Path(path))
            case events.Plan():
                self._plan = event
            case events.Edit2D(cost=cost) if cost is not None:
                self._cost += cost
            case events.Error(sentence=sentence):
                self._error = sentence

    def _own(self, path: str) -> bool:
        real = os.path.realpath(path)
        return any(Path(real).is_relative_to(os.path.realpath(folder)) for folder in self._within)
