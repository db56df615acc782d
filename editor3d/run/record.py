"""`edit.json`: the request, the work and the results of an edit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from editor3d.errors import DataError, first_line, shown
from editor3d.files.safe_open import read_json
from editor3d.files.writing import jsonable, write_json
from editor3d.types import Origin

RECORD = "edit.json"
FORMAT = 1
"""Raised when a field changes its meaning."""


@dataclass(frozen=True)
class Edit2D:
    """One edit of one picture by the 2D editor."""

    view: str
    step: int
    """Training step before which the picture was edited, counted from the start of this edit."""
    noise_level: float
    """0..1, as requested of the editor."""
    seed: int
    seconds: float
    instruction: str | None = None
    """The instruction then, where it is another than the record's."""
    change: float | None = None
    """Mean absolute difference to the picture that was edited, 0..1, where the view could change."""


@dataclass(frozen=True)
class Times:
    """Where the wall-clock time of an edit went, seconds."""

    render: float = 0.0
    fit: float = 0.0
    edit: float = 0.0
    other: float = 0.0

    @property
    def total(self) -> float:
        return self.render + self.fit + self.edit + self.other


@dataclass(frozen=True)
class EditRecord:
    """Everything `edit.json` says. Equal to what `read_record` reads back."""

    instruction: str
    """The last one: the viewer can change it during an edit."""
    method: str
    editor: str
    """The editor as a request names it: `procedural`, `ip2p:FOLDER`, …"""
    editor_reason: str
    """Why this editor: chosen by name, or what `auto` found."""
    seed: int
    data: str
    """The folder of the capture."""
    base: str
    """The reconstruction that was edited."""
    steps: int
    """Training steps of this edit."""
    origin: Origin = "model"
    """What the editor's pictures come from."""
    condition_on: str = ""
    """Which pictures were edited: the `original` photographs, or renders of the `base`. Here and in the fields up to
    `lpips` the default stands in records from before it was noted."""
    condition_reason: str = ""
    """Why those: as requested, or what `auto` found."""
    guidance_scale: float | None = None
    """The last one; so for the image."""
    image_guidance_scale: float | None = None
    diffusion_steps: int | None = None
    schedule: Mapping[str, Any] = field(default_factory=dict)
    """The fields of `Schedule`, as it was carried out."""
    lpips: str = ""
    """`used`, `off`, or `left out: ` and why."""
    region: Mapping[str, Any] = field(default_factory=dict)
    """Where the scene could change, as `editor3d.regions` writes it down, how many `parts` (Gaussians or voxels) of
    how many (`of`) of the base that held, and the `threshold` of the votes of masks. Empty where all of it could."""
    notes: Mapping[str, Any] = field(default_factory=dict)
    """What a method notes of its own: the garment and the stages of a try-on. Empty with others."""
    edits: tuple[Edit2D, ...] = ()
    times: Times = Times()
    metrics: Mapping[str, Any] = field(default_factory=dict)
    """Strict JSON values; given NaN or infinities, as `jsonable` says them."""
    versions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        mappings = {"metrics": self.metrics, "schedule": self.schedule, "region": self.region, "notes": self.notes}
        for name, value in mappings.items():  # so that what is read back is equal
            object.__setattr__(self, name, jsonable(value))

    @property
    def edited_views(self) -> tuple[str, ...]:
        """Names of the views edited at least once, in the order of their first edit."""
        return tuple(dict.fromkeys(edit.view for edit in self.edits))


def stack_of(run: Path) -> list[Path]:
    """The runs that a run stands on, by their records: the reconstruction first, the run itself last.

    Raises:
        DataError: a record is damaged, or a run is gone, or runs stand on each other.
    """
    found = [run]
    while (found[0] / RECORD).is_file():
        base = Path(read_record(found[0] / RECORD).base)
        below = base.parent.parent if base.suffix == ".ckpt" else base
        if not below.is_absolute():
            below = next((parent / below for parent in found[0].resolve().parents if (parent / below).is_dir()), below)
        if not below.is_dir() or below.resolve() in {one.resolve() for one in found}:
            raise DataError(f"Expected the run that {found[0]} was made from at {below}, found none: move it back.")
        found.insert(0, below)
    if not run.is_dir():
        raise DataError(f"Expected the folder of a run, got {run}: check the path.")
    return found


def write_record(path: Path | str, record: EditRecord) -> None:
    """Write `edit.json`, whole or not at all.

    Raises:
        Editor3DError: the disk is full, or the folder cannot be written; the earlier file is unchanged.
    """
    body = asdict(record)
    body["counts"] = {
        "edits_2d": len(record.edits),
        "edited_views": len(record.edited_views),
        "steps": body.pop("steps"),
    }
    body["times"]["total"] = record.times.total
    body["edits"] = [{key: value for key, value in edit.items() if value is not None} for edit in body["edits"]]
    write_json(path, {"format": FORMAT, **body})


def read_record(path: Path | str) -> EditRecord:
    """Read what `write_record` wrote.

    Raises:
        DataError: the file is missing, or no record of this format.
    """
    path = Path(path)
    try:
        body = read_json(path)
        found = body.pop("format")
        if found != FORMAT:
            raise DataError(
                f"Expected {path} in format {FORMAT}, found {shown(found)}: read it with the editor3d it names."
            )
        counts, times = body.pop("counts"), body.pop("times")
        del times["total"]
        edits = tuple(Edit2D(**edit) for edit in body.pop("edits"))
        return EditRecord(**body, steps=counts["steps"], times=Times(**times), edits=edits)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            f"Expected the record of an edit in {path}, found it damaged ({first_line(error)}): edit again."
        ) from error
