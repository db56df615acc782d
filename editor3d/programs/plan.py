"""The plan of a refinement: its request, as `refine.json` keeps it in the run's folder."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from editor3d.errors import CheckpointError, ConfigError, first_line
from editor3d.files.safe_open import read_json
from editor3d.files.writing import jsonable, write_json
from editor3d.programs.core.budget import Budget
from editor3d.programs.core.options import RefineRequest
from editor3d.run.folders import resume_command

PLAN, LEDGER = "refine.json", "ledger.jsonl"


@dataclass(frozen=True)
class RefinePlan:
    """What `editor3d resume` needs to continue a run."""

    request: RefineRequest
    """As it was given: files by absolute paths, `auto` left open."""
    fingerprint: dict[str, Any]
    """See `editor3d.programs.request.fingerprint`."""
    budget: Budget
    save_scene: bool
    """Whether the run ends with `result.blend`."""

    def write(self, folder: Path) -> None:
        """Write it into a run's folder.

        Raises:
            ConfigError: the folder holds a run of another request.
            Editor3DError: the disk is full, or the folder cannot be written.
        """
        if (folder / PLAN).is_file() and is_begun(folder):
            self._require_same(read_plan(folder), folder)
        names = ("scene", "program", "target")
        budget = self.budget
        if budget.seconds == float("inf"):  # JSON has no infinity
            budget = replace(budget, seconds=None)
        paths = {name: path and path.absolute() for name in names for path in (getattr(self.request, name),)}
        write_json(
            folder / PLAN, jsonable(asdict(replace(self, request=replace(self.request, **paths), budget=budget)))
        )

    def _require_same(self, earlier: RefinePlan, folder: Path) -> None:
        before, now = earlier.fingerprint, jsonable(self.fingerprint)
        other = sorted(name for name in now if before.get(name) != now[name])
        if not other:
            return
        remedy = "give the same"
        if other == ["clip"]:  # weights that came or went change what auto means
            was = before.get("clip")
            remedy = "give --clip off" if was is None else f"make the weights of {was} available again with --clip on"
        raise ConfigError(
            f"Expected the request that the run in {folder} was begun with, got another {', '.join(other)}: {remedy}, "
            f"or begin a new run in another folder."
        )


def read_plan(folder: Path) -> RefinePlan:
    """The plan of a run.

    Raises:
        CheckpointError: there is none, or it is damaged.
    """
    path = folder / PLAN
    try:
        return msgspec.convert(read_json(path, CheckpointError), RefinePlan, dec_hook=lambda kind, value: kind(value))
    except (msgspec.ValidationError, TypeError, UnicodeError) as error:
        raise CheckpointError(
            f"Expected the plan of a refinement in {path}, found it damaged ({first_line(error)}): begin a new run in "
            f"another folder."
        ) from error


def is_begun(folder: Path) -> bool:
    """Whether a run has rendered a picture; one that was refused before that is no run."""
    try:
        lines = (folder / LEDGER).read_bytes().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return any(b'"status": "ok"' in line for line in lines)


def check_folder(folder: Path, resume: bool) -> None:
    """Check that a folder holds a run to resume, or none.

    Raises:
        ConfigError: it is the other way round.
    """
    begun = is_begun(folder)
    if begun and not resume:
        raise ConfigError(
            f"{folder} holds a refinement already: continue it by {resume_command(folder)}, extend it by --resume, or "
            f"choose another folder."
        )
    if resume and not begun:
        raise ConfigError(f"Expected a refinement to resume in {folder}, found none: check the path.")
