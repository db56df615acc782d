"""Track the folders of runs that this process began, and remove those of runs that could not start."""

from __future__ import annotations

import shutil
from pathlib import Path

from editor3d.regions import REGION_FILES
from editor3d.run.folders import remove_empty

CONFIG = "config.yml"

_BEGUN: set[Path] = set()
"""Folders that this process was the first to write to, until their runs are prepared: an earlier run that cannot
continue keeps its folder."""


def begun(run: Path) -> None:
    """Remember that this process made the run's folder."""
    _BEGUN.add(run)


def prepared(run: Path) -> None:
    """The run holds something by now: its folder stays, whatever happens."""
    _BEGUN.discard(run)


def discard_begun(run: Path) -> None:
    """Remove the folder of a run that was begun here, and holds nothing yet."""
    if run in _BEGUN:
        discard_empty(run)


def discard_empty(run: Path) -> None:
    """Remove the folder of a run that has nothing but its configuration, and what that names, and the folders above
    that this empties."""
    if {path.name for path in run.glob("*")} <= {CONFIG, REGION_FILES}:
        (run / CONFIG).unlink(missing_ok=True)
        shutil.rmtree(run / REGION_FILES, ignore_errors=True)
        remove_empty(run)
