"""Print a message only once per command."""

from __future__ import annotations

import sys

_said: set[str] = set()
_brief = False


def begin_command() -> None:
    """From here on every line is new: it is said again."""
    global _brief
    _said.clear()
    _brief = False


def be_brief() -> None:
    """Leave such lines out until the next command: this one prints its answer alone."""
    global _brief
    _brief = True


def say_once(line: str) -> None:
    """Print a line to stderr, unless this command has, or is to be brief."""
    if not _brief and line not in _said:
        _said.add(line)
        print(line, file=sys.stderr, flush=True)
