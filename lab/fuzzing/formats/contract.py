"""The description of a kind of file that the harness needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.fuzzing.formats.mutate import Files


@dataclass(frozen=True)
class Format:
    """A kind of file."""

    wholes: tuple[Files, ...]
    """Files that are read without complaint, to be broken."""
    read: Callable[[Path], object]
    """Reads what lies in a folder, all of it, as a command would."""
    refusals: tuple[type[Exception], ...] = ()
    """Further errors that the reader may raise by its contract, beside the project's own."""
