"""What changes while an edit by keys runs, beside the pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from editor3d.errors import CheckpointError
from editor3d.files.safe_open import read_json
from editor3d.files.writing import write_json
from editor3d.geometry.coverage import Keys

FILE = "keys.json"
"""In the run's folder: the keys, chosen once by the base's geometry."""


@dataclass(frozen=True)
class AcceptedKey:
    """A key whose edit counts."""

    view: int
    revision: int
    """Of its edited picture."""
    trust: float
    """0..1; 0 is left out."""
    change: float
    """Mean absolute difference to the picture that was edited, 0..1."""
    doubt: float = 0.0
    """By `editor3d.geometry.verdicts`; 1 and above is a bad edit."""
    wrong: str = ""
    """What is wrong with it, in a few words."""


@dataclass
class KeyState:
    """Which keys were accepted, and what the views are trained on."""

    accepted: list[AcceptedKey] = field(default_factory=list)
    round: int = 0
    """How often the edit was carried over; 0 before the first time."""
    tried: int = 0
    """How many keys were edited, in their order; a few may be left out."""
    first: int = 0
    """2D edits that were made before, by another instruction,"""
    first_call: int = 0
    """and calls of the editor."""
    repeated: int = 0
    """Edits that repeated one that did not come out well."""
    again: int = 0
    """Edits that repeated the anchor's because someone wished it."""

    def to_state(self) -> dict[str, Any]:
        """Plain values, for a checkpoint."""
        return {**asdict(self), "accepted": [asdict(key) for key in self.accepted]}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> KeyState:
        """What `to_state` gave."""
        return cls(**{**state, "accepted": [AcceptedKey(**key) for key in state["accepted"]]})


def read_keys(run: Path, views: int) -> Keys | None:
    """The keys of a run, or None where none were chosen yet.

    Raises:
        CheckpointError: the file is damaged, or names views that there are not.
    """
    path = run / FILE
    if not path.is_file():
        return None
    try:
        body = read_json(path, ValueError)
        keys = Keys(tuple(map(int, body["views"])), tuple(map(float, body["covered"])))
        if not keys.order or len(keys.order) != len(keys.covered) or not all(0 <= v < views for v in keys.order):
            raise ValueError("views that there are not")
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"Expected the keys of a run in {path}, found it damaged: begin the edit again."
        ) from error
    return keys


def write_keys(run: Path, keys: Keys) -> None:
    """Keep the keys of a run."""
    write_json(run / FILE, {"views": list(keys.order), "covered": list(keys.covered)})
