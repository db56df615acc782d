"""A score that cannot be computed here, as data: never a made-up number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Unavailable:
    """Stands in a result where a score would stand."""

    reason: str
    """What is missing."""
    remedy: str
    """How to get it."""

    def __str__(self) -> str:
        return f"not available: {self.reason}; {self.remedy}"
