"""Choose which runs of captures the service keeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from editor3d.service.jobs import owned

KEPT_RUNS = 10
"""Runs of edits that are kept, finished or not; the oldest go first."""
KEPT_BASES = 5
"""Newest reconstructions that are kept; those that a kept run was made from are, too, however old."""
_CONFIG, _RECORD, _BASE = "config.yml", "edit.json", "base-"


def remove_old_runs(folder: Path, runs: int = KEPT_RUNS, bases: int = KEPT_BASES) -> list[Path]:
    """Take away the oldest runs. Only to be called while none is at work.

    Args:
        folder: what runs lie in, at any depth; a run is a folder with a `config.yml`. Those that the service did not
            make stay, and count for nothing.
        runs: how many edits stay.
        bases: how many of the newest reconstructions stay; what a kept edit was made from stays besides.

    Returns:
        The folders that were removed.
    """
    found = {run: _changed(run) for run in runs_below(folder) if owned.is_owned(run)}
    edits = sorted((run for run in found if not run.name.startswith(_BASE)), key=found.__getitem__, reverse=True)
    kept = edits[:runs]
    used = {base for run in kept if (base := _base_of(run)) is not None}
    others = sorted((run for run in found if run.name.startswith(_BASE)), key=found.__getitem__, reverse=True)
    gone = edits[runs:] + [base for base in others[bases:] if base not in used]
    for run in gone:
        owned.remove(run)
    return gone


def runs_below(folder: Path) -> set[Path]:
    """The folders of all runs, links in their paths followed."""
    return {path.parent.resolve() for path in folder.rglob(_CONFIG)}


def _changed(run: Path) -> float:
    """When a run was last written to: files that training appends to count, not the folder alone."""
    times = [path.stat().st_mtime for path in run.iterdir() if not path.is_symlink()]
    return max(times, default=0.0)


def _base_of(run: Path) -> Path | None:
    """The folder of the scene that a run was made from: its record says it, which an unfinished run lacks, or its
    configuration, which says it from the moment that the base is loaded. None where neither does."""
    checkpoint = _recorded_base(run) or _configured_base(run)
    # .../base-DIGEST/nerfstudio_models/step-N.ckpt
    return None if checkpoint is None else checkpoint.resolve().parent.parent


def _recorded_base(run: Path) -> Path | None:
    try:
        base = json.loads((run / _RECORD).read_text(encoding="utf-8")).get("base")
    except (OSError, ValueError, AttributeError, RecursionError):
        return None
    return Path(base) if isinstance(base, str) and base else None


def _configured_base(run: Path) -> Path | None:
    try:
        # every tag is taken for the list, mapping or text behind it: nothing is built, nothing imported
        config = yaml.load((run / _CONFIG).read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except (OSError, ValueError, yaml.YAMLError):
        return None
    parts: Any = config.get("load_checkpoint") if isinstance(config, dict) else None
    if not isinstance(parts, list) or not parts or not all(isinstance(part, str) for part in parts):
        return None
    return Path(*parts)
