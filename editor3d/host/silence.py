"""Silence libraries that write to the standard output or error by themselves."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

_DRAW_BARS = ("transformers.utils.logging", "diffusers.utils.logging")


@contextmanager
def silenced(stream: TextIO, descriptor: int) -> Iterator[None]:
    """Drop what is written to a descriptor meanwhile.

    Args:
        stream: Python's own stream to it, which is emptied first.
        descriptor: 1 is standard output, 2 standard error.
    """
    stream.flush()
    kept = os.dup(descriptor)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), descriptor)
    try:
        yield
    finally:
        os.dup2(kept, descriptor)
        os.close(kept)


@contextmanager
def no_loading_bars() -> Iterator[None]:
    """Keep transformers and diffusers from drawing bars while they load weights, unless stderr is a terminal.

    Holds for those of them that are imported already.
    """
    logs = [sys.modules[name] for name in _DRAW_BARS if name in sys.modules]
    shown = [] if sys.stderr.isatty() else [log for log in logs if log.is_progress_bar_enabled()]
    for log in shown:
        log.disable_progress_bar()
    try:
        yield
    finally:
        for log in shown:
            log.enable_progress_bar()
