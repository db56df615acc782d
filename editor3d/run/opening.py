"""Print a message only once per command."""

from __future__ import annotations

import sys

_said: set[str] = set()
_brief = False


def begin_command() -> None:
    """Begin a command: lines that an earlier one printed may be printed again."""
    global _brief
    _said.clear()
    _brief = False


def be_brief() -> None:
    """Suppress such lines until the next command: this one prints only its answer."""
    global _brief
    _brief = True


def say_once(line: str) -> None:
    """Print a line to stderr, unless this command has printed it or is brief."""
    if not _brief and line not in _said:
        _said.add(line)
        print(line, file=sys.stderr, flush=True)
