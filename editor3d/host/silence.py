"""Silence libraries that write to the process's standard output or error past Python."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


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
