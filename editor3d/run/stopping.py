"""Ctrl-C that lets a step end first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Stop:
    """Whether a stop was asked for."""

    def __init__(self) -> None:
        self.asked = False


@contextmanager
def stop_on_signal(say: str) -> Iterator[Stop]:
    """Within it the first SIGINT or SIGTERM says `say` and sets `Stop.asked`; the second stops at once."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(*_) -> None:
        if stop.asked:
            raise KeyboardInterrupt
        stop.asked = True
        print(say, flush=True)

    previous = {name: signal.signal(name, ask) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for name, handler in previous.items():
            signal.signal(name, handler)
