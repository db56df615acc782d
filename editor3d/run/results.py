"""Write the results of an edit: before and after, a turntable, the edited pictures, its own files and the record."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from editor3d.audit.log import note
from editor3d.datasets.views.images import read_image
from editor3d.host.stopwatch import Stopwatch
from editor3d.host.versions import package_versions
from editor3d.outputs.pictures import Row, save_png, save_side_by_side, to_uint8
from editor3d.outputs.video import write_mp4
from editor3d.provenance.marking import mark, require_key
from editor3d.provenance.statement import Statement
from editor3d.run.clock import RunClock
from editor3d.run.events import Picture, absolute, emit, emit_results
from editor3d.run.record import RECORD, EditRecord, read_record, write_record

SHEET, TURNTABLE, EDITED = "before_after.png", "turntable.mp4", "edited"
FIRST = "first_3d.png"
"""The first picture of the edited scene, of its colours alone."""
PROGRESS = "progress.png"
"""The scene as it was at the last checkpoint; gone when the run is done."""
SHOWN_VIEWS = 4


class ShownView(Protocol):
    """A view that is shown before and after."""

    @property
    def name(self) -> str: ...

    @property
    def width(self) -> int:
        """Pixels."""
        ...

    @property
    def height(self) -> int: ...


class Shown(Protocol):
    """An edited scene, as its results show it."""

    @property
    def title(self) -> str:
        """The instruction."""
        ...

    @property
    def views(self) -> Sequence[ShownView]:
        """Those that are shown before and after."""
        ...

    def render(self, *, edited: bool) -> Iterable[Tensor]:
        """The scene from these views: [H, W, 3] float 0..1 each.

        Args:
            edited: as it is now; otherwise as it was before the edit, which is rendered before the first step only.
        """
        ...

    def turntable(self, frames: int) -> Iterable[Tensor]:
        """The scene now, from all around: [H, W, 3] float 0..1 each."""
        ...

    def publish(self, folder: Path) -> None:
        """Put the edited pictures, where there are any, into a folder."""
        ...

    def export(self, folder: Path) -> None:
        """Write the edited scene itself into the run's folder, in the formats that its kind has."""
        ...

    def exported(self, folder: Path) -> Sequence[tuple[str, Path]]:
        """What `export` writes, each with what it is: Scene or Mesh, as results are called in events too."""
        ...

    def record(self) -> dict[str, Any]:
        """Fields of `EditRecord`, but for steps, times, metrics and versions."""
        ...

    def metrics(self, before: Sequence[Tensor], after: Sequence[Tensor]) -> dict[str, Any]:
        """What the record says of the finished edit: `edited_to_base_psnr`, how far it went in dB, and more.

        Args:
            before, after: the shown views, [H, W, 3] float 0..1 each.
        """
        ...


class EditResults:
    """Writes an edit's results into its run folder.

    Args:
        folder: the run's.
        shown: the scene that is edited.
        clock, stopwatch: the run's; pictures count as `render`, files of the scene as `export`.
        turntable_frames: of the video; 0 writes none.
        goals: further rows of the sheet, such as a picture to match.
        provenance: sign the results of the finished edit as such.
    """

    def __init__(
        self,
        folder: Path,
        shown: Shown,
        clock: RunClock,
        stopwatch: Stopwatch,
        turntable_frames: int,
        goals: Sequence[Row] = (),
        provenance: bool = True,
    ) -> None:
        self.folder, self.shown, self.clock, self.stopwatch = folder, shown, clock, stopwatch
        self.turntable_frames, self.goals, self.provenance = turntable_frames, goals, provenance

    @property
    def complete(self) -> bool:
        """Whether there is a record."""
        return (self.folder / RECORD).is_file()

    def save_before(self) -> None:
        """The unedited scene, from the views that are shown.

        Raises:
            ConfigError: the results are to be signed, and the key cannot; or the log cannot be written.
        """
        if self.provenance:
            require_key()
        note("instruction", instruction=self.shown.title, run=str(self.folder.resolve()))
        self._save("before", self._render(edited=False))

    def save_progress(self, done: int, total: int) -> None:
        """The scene as it is after `done` of `total` steps, beside the unedited one."""
        rows = [Row("before", self._read("before")), Row("now", self._render(edited=True))]
        save_side_by_side(self.folder / PROGRESS, rows, title=f"{self.shown.title} ({done} of {total} steps)")
        emit(Picture(path=absolute(self.folder / PROGRESS)))

    def save_first(self) -> None:
        """The scene as it is after its colours alone were fitted, beside the unedited one."""
        rows = [Row("before", self._read("before")), Row("now", self._render(edited=True))]
        save_side_by_side(self.folder / FIRST, rows, title=self.shown.title)
        emit(Picture(path=absolute(self.folder / FIRST)))

    def save_after(self) -> None:
        """The edited scene: beside the unedited one, on a turntable, and as files; and the edited pictures."""
        after = self._render(edited=True)
        self._save("after", after)
        rows = [Row("before", self._read("before")), Row("after", after), *self.goals]
        names = [view.name for view in self.shown.views]
        save_side_by_side(self.folder / SHEET, rows, title=self.shown.title, columns=names)
        self.shown.publish(self.folder / EDITED)
        with self.stopwatch.measure("export"):
            self.shown.export(self.folder)
        if self.turntable_frames:
            with self.stopwatch.measure("render"):
                write_mp4(self.folder / TURNTABLE, self.shown.turntable(self.turntable_frames))

    def save_record(self, steps: int) -> None:
        """Write edit.json: `steps` are done. Metrics are left out until the edit is finished; then its results are
        signed."""
        record = EditRecord(
            **self.shown.record(),
            steps=steps,
            times=self.clock.times(self.stopwatch),
            metrics=self.metrics(),
            versions=package_versions(),
        )
        write_record(self.folder / RECORD, record)
        (self.folder / PROGRESS).unlink(missing_ok=True)
        if self.provenance and record.metrics:
            mark(self._signed_files(), statement_of(record, self.folder))
        if record.metrics:
            sheet = hashlib.sha256((self.folder / SHEET).read_bytes()).hexdigest()
            said = {"instruction": record.instruction, "editor": record.editor.partition(":")[0], "seed": record.seed}
            note("result", run=str(self.folder.resolve()), method=record.method, before_after=sheet, **said)

    def _signed_files(self) -> list[Path]:
        """What shows the edit, or is it; pictures of the scene before are none of it."""
        exported = [path for _, path in self.shown.exported(self.folder)]
        return [*(self.folder / name for name in (SHEET, FIRST, TURNTABLE, "after", EDITED)), *exported]

    def metrics(self) -> dict[str, Any]:
        """What the scene says of the edit over the shown views; nothing until it is finished."""
        views = self.shown.views
        if not all((self.folder / "after" / f"{view.name}.png").is_file() for view in views):
            return {}
        before, after = (
            [torch.from_numpy(np.asarray(picture)).float() / 255.0 for picture in self._read(kind)]
            for kind in ("before", "after")
        )
        return {**self.shown.metrics(before, after), "views": [view.name for view in views]}

    def announce(self) -> None:
        """Print where the results are, those of the run's folder in one line, and emit them."""
        exported = self.shown.exported(self.folder)
        names = [SHEET, TURNTABLE, EDITED, *(path.name for _, path in exported if path.parent == self.folder), RECORD]
        print(f"Results in {self.folder}: {', '.join(name for name in names if (self.folder / name).exists())}")
        for name, path in exported:
            if path.parent != self.folder and path.exists():
                print(f"{name}: {path}")
        emit_results(self.folder, **{name.lower(): [path] for name, path in exported})

    def _render(self, *, edited: bool) -> list[np.ndarray]:
        with self.stopwatch.measure("render"):
            return [to_uint8(picture) for picture in self.shown.render(edited=edited)]

    def _save(self, kind: str, pictures: Sequence[np.ndarray]) -> None:
        for view, picture in zip(self.shown.views, pictures, strict=True):
            save_png(self.folder / kind / f"{view.name}.png", picture)

    def _read(self, kind: str) -> list[np.ndarray]:
        return [
            read_image(self.folder / kind / f"{view.name}.png", (view.width, view.height)).numpy()
            for view in self.shown.views
        ]


def shown_of(count: int) -> list[int]:
    """Indices of the views that are shown of `count`: a few, evenly spread."""
    return sorted({int(i) for i in np.linspace(0, count - 1, min(SHOWN_VIEWS, count))})


def statement_of(record: EditRecord, run: Path) -> Statement:
    """What the record of an edit says, for its files.

    Args:
        run: the edit's folder.
    """
    note, name = run / "capture.json", record.editor.split(":", 1)[0]
    capture = hashlib.sha256(note.read_bytes()).hexdigest() if note.is_file() else ""
    return Statement(record.instruction, name, record.origin, record.method, capture, record.seed)


def mark_of_run(run: Path, paths: Iterable[Path]) -> list[Path]:
    """Sign what was made of a run afterwards; what is made of a reconstruction is no edit, and is not signed.

    Returns:
        The files that were signed.

    Raises: as `mark`, and DataError: the record of the edit is damaged.
    """
    if not (run / RECORD).is_file():
        return []
    return mark(paths, statement_of(read_record(run / RECORD), run))
