"""A refinement on disk: what a finished search left in its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from editor3d.errors import ServiceError
from editor3d.programs.plan import LEDGER
from editor3d.programs.shown import BEST
from editor3d.run.folders import resume_command
from editor3d.run.record import read_record
from editor3d.run.results import RECORD, SHEET


@dataclass(frozen=True)
class Refinement:
    """A refinement on disk."""

    folder: Path
    improved: bool
    """Whether a better program than the first one was found."""
    complete: bool
    """False where a service ended it early; the best so far is kept, and `resume` continues."""
    reason: str
    """Why it stopped."""

    def require_complete(self) -> None:
        """
        Raises:
            ServiceError: a service ended it early.
        """
        if not self.complete:
            raise ServiceError(
                f"{self.reason.rstrip('.')}: the best so far is kept; resume it by {resume_command(self.folder)}"
            )

    @property
    def program(self) -> Path:
        """The best program."""
        return self.folder / BEST

    @property
    def picture(self) -> Path:
        return self.folder / "best.png"

    @property
    def scene(self) -> Path | None:
        """The scene with the best program's changes; None where it was not written, as `summary["result"]` says."""
        result = self.summary["result"]
        return None if result is None or result["file"] is None else self.folder / result["file"]

    @property
    def before_after(self) -> Path:
        return self.folder / SHEET

    @property
    def ledger(self) -> Path:
        """Every candidate, render, verdict, cost and seed: one JSON line each."""
        return self.folder / LEDGER

    @property
    def summary(self) -> dict[str, Any]:
        """What `edit.json` says of the search: its `notes`."""
        return dict(read_record(self.folder / RECORD).notes)
