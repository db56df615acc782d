"""Whether the first edit of a run was looked at and accepted, kept in the run's folder between two commands."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from editor3d.errors import CheckpointError, ConfigError, shown
from editor3d.files.safe_open import read_json
from editor3d.files.writing import write_json

FILE = "approval.json"


@dataclass(frozen=True)
class Approval:
    """What was decided of the anchor's edit so far."""

    accepted: bool = False
    seeds: tuple[int, ...] = ()
    """Seeds that it was edited by again, one after another; the last counts."""


def read_approval(run: Path) -> Approval:
    """The decision so far; nothing is decided where there is no file.

    Raises:
        CheckpointError: the file is damaged.
    """
    path = run / FILE
    if not path.is_file():
        return Approval()
    try:
        body = read_json(path, ValueError)
        return Approval(bool(body["accepted"]), tuple(int(seed) for seed in body["seeds"]))
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"Expected a decision in {path}, found it damaged: remove it, and decide again."
        ) from error


def wait_for_decision(run: Path) -> None:
    """Note that a run waits for its first edit to be looked at: from now on there is something to decide."""
    if not (run / FILE).is_file():
        write_json(run / FILE, asdict(Approval()))


def decide(run: Path, accept: bool, again: int | None) -> None:
    """Note that the anchor's edit is accepted, or is to be made again by another seed.

    Raises:
        ConfigError: both are requested, the run never waited for a decision, or the edit was accepted already.
    """
    if accept and again is not None:
        raise ConfigError(f"Expected --accept or --again, got both: say one, --again {shown(again)} for another edit.")
    if not accept and again is None:
        return
    if not (run / FILE).is_file():
        raise ConfigError(
            f"Expected an edit begun with --approve at {run}, got another run: resume it without a decision."
        )
    before = read_approval(run)
    if before.accepted and again is not None:
        raise ConfigError(
            f"Expected --again before the first edit is accepted, got it after in {run}: resume without it, or begin "
            f"another edit."
        )
    after = replace(before, accepted=accept, seeds=before.seeds if again is None else (*before.seeds, again))
    write_json(run / FILE, asdict(after))
