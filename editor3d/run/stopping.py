"""Stop a run on request: the current step ends first, and the message says how to continue."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from editor3d.run.events import Result, absolute, emit
from editor3d.run.folders import resume_command

_AFTER_STEP = "Stopping after this step; press Ctrl-C again to stop at once."


class RunInterrupted(Exception):
    """The user stopped a run while it was being prepared; what was made is kept."""


class StepInterrupted(Exception):
    """Raised between two parts of a step once a stop was requested; the step under way is not done."""


class ApprovalAwaited(StepInterrupted):
    """Raised where a run waits for its first edit to be looked at; what was made is kept.

    Attributes:
        picture: the edited picture, a file.
    """

    def __init__(self, picture: Path) -> None:
        super().__init__(str(picture))
        self.picture = picture


class Stop:
    """Whether a stop was requested."""

    def __init__(self) -> None:
        self.requested = False


@contextmanager
def stop_on_signal(stop: Stop | None = None) -> Iterator[Stop]:
    """Within it the first SIGINT or SIGTERM sets `Stop.requested` and says so; the second raises KeyboardInterrupt.

    Args:
        stop: what to set; a new one by default.
    """
    stop = Stop() if stop is None else stop

    def request() -> None:
        if stop.requested:
            raise KeyboardInterrupt
        stop.requested = True
        print(_AFTER_STEP, flush=True)

    with _on_signals(request, signal.SIGINT, signal.SIGTERM):
        yield stop


@contextmanager
def interrupt_on_sigterm() -> Iterator[None]:
    """Within it SIGTERM raises KeyboardInterrupt, as Ctrl-C does: for work whose steps are minutes long."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    with _on_signals(interrupt, signal.SIGTERM):
        yield


@contextmanager
def _on_signals(act: Callable[[], None], *names: signal.Signals) -> Iterator[None]:
    """Call `act` on these signals; in other threads than the main one, which gets no signals, nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {name: signal.signal(name, lambda *_: act()) for name in names}
    try:
        yield
    finally:
        for name, handler in previous.items():
            signal.signal(name, handler)


def say_awaited(run: Path, picture: Path) -> None:
    """Say that a run waits for its first edit to be looked at, and how to decide."""
    command = resume_command(run)
    print(f"The first 2D edit: {picture}", flush=True)
    print(f"Continue with: {command} --accept, or edit it again with: {command} --again SEED", flush=True)
    emit(Result(kind="run", path=absolute(run)))


def say_stopped(run: Path, done: int, total: int | None, unit: str = "steps") -> None:
    """Say that a run was stopped after `done` of `total` steps, and how to resume it.

    Args:
        total: None where nobody knows it.
        unit: what is counted.
    """
    of = "" if total is None else f" of {total}"
    print(f"Stopped after {done}{of} {unit}. Resume with: {resume_command(run)}", flush=True)
    emit(Result(kind="run", path=absolute(run)))
