"""Print a message only once per command."""

from __future__ import annotations

import sys

_said: set[str] = set()


def begin_command() -> None:
    """From here on every line is new: it is said again."""
    _said.clear()


def say_once(line: str) -> None:
    """Print a line to stderr, unless this command has."""
    if line not in _said:
        _said.add(line)
        print(line, file=sys.stderr, flush=True)
