"""The notes of a reader on a file: what was dropped, replaced or not found."""

from __future__ import annotations

import reprlib

_MOST = 20
"""Clauses that are kept; a file can give cause for thousands."""
_repr = reprlib.Repr()
_repr.maxstring = 100


class Notes:
    """Clauses on one file, each once."""

    def __init__(self) -> None:
        self._clauses: dict[str, None] = {}
        self._more = False

    def add(self, clause: str) -> None:
        """Add a clause, unless it is there already."""
        if clause in self._clauses:
            return
        if len(self._clauses) < _MOST:
            self._clauses[clause] = None
        else:
            self._more = True

    @property
    def clauses(self) -> tuple[str, ...]:
        """All that was said; where it was too much, the last one says so."""
        return (*self._clauses, *(["and more like these"] if self._more else []))


def quoted(name: str) -> str:
    """A name out of a file as it can be printed: in quotes, without control characters, not too long."""
    return _repr.repr(name)
