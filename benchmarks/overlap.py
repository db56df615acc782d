"""Measure how far 2D edits that wait for a server go on beside the fit.

    python benchmarks/overlap.py
    python benchmarks/overlap.py --data CAPTURE --seconds 5 --steps 1500

The editor waits so many seconds and tints the picture, as a server would that does the work. One run makes no pause
(the fit alone), one makes all edits before the first step, and one spreads them over the run (`--schedule spread`).
The last should take little more than the longer of edits and fit, and must give the bits of the same run by an editor
called in turn.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tyro
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch import Tensor

from editor3d.api import Edit, Scene, load
from editor3d.editors import EDITORS, EditorEntry
from editor3d.types import EditorInfo, EditRequest

INSTRUCTION = "make it look like dusk"
TINT = (0.6, 0.7, 1.0)
MOST = 1.15
"""Of the longer of edits and fit."""


class WaitingEditor:
    """Tints pictures behind a slow line, as a server would that does the work: SECONDS,AT_ONCE."""

    def __init__(self, argument: str) -> None:
        seconds, _, at_once = argument.partition(",")
        self.seconds = float(seconds)
        self.info = replace(INFO, concurrent=int(at_once))

    def validate(self, instruction: str, objects: Collection[str], views: Collection[str]) -> None: ...

    def edit(self, request: EditRequest) -> Tensor:
        time.sleep(self.seconds)
        return request.condition * request.condition.new_tensor(TINT)


INFO = EditorInfo("waiting", "Tints pictures, slowly", "Apache-2.0")
EDITORS["waiting"] = EditorEntry(INFO, f"{__name__}:WaitingEditor", argument="required")


@dataclass(frozen=True)
class Overlap:
    """Time the edits and the fit of a scene of splats, one after the other and beside each other."""

    data: str = "demo"
    """Name the capture."""
    seconds: float = 2.0
    """Wait so long for each 2D edit."""
    steps: int = 600
    """Fit so many steps."""
    base_steps: int = 200
    """Reconstruct by so many steps."""

    def run(self) -> int:
        console = Console()
        with tempfile.TemporaryDirectory() as folder:
            scene = load(self.data, draft=True)
            views = len(scene.posed_images.train_views)
            self.edit(scene, folder, "0,0", "spread", 1)  # which reconstructs the scene, and compiles
            fit, alone = self.edit(scene, folder, "0,0", "spread")
            before, _ = self.edit(scene, folder, f"{self.seconds},0", "all-at-once")
            beside, together = self.edit(scene, folder, f"{self.seconds},1", "spread")
            same = all(
                np.array_equal(*(np.asarray(Image.open(run.folder / "after" / name)) for run in (alone, together)))
                for name in sorted(path.name for path in (alone.folder / "after").glob("*.png"))
            )
        edits = views * self.seconds
        ratio = beside / max(fit, edits)
        table = Table("", "seconds", title=f"{views} edits of {self.seconds:g} s, {self.steps} steps of igs2gs")
        for name, value in (("edits alone", edits), ("fit alone", fit), ("first edits, then fit", before)):
            table.add_row(name, f"{value:.1f}")
        table.add_row("edits beside the fit", f"{beside:.1f}")
        console.print(table)
        console.print(f"beside: {ratio:.2f} of the longer (at most {MOST}); same bits as called in turn: {same}")
        return int(ratio > MOST or not same)

    def edit(self, scene: Scene, folder: str, line: str, schedule: str, steps: int | None = None) -> tuple[float, Edit]:
        """The seconds of an edit, and the edit."""
        started = time.perf_counter()
        done = scene.edit(
            INSTRUCTION,
            method="igs2gs",
            editor=f"waiting:{line}",
            edits="all",
            schedule=schedule,
            steps=self.steps if steps is None else steps,
            base_steps=self.base_steps,
            force=True,
            output=Path(folder),
        )
        return time.perf_counter() - started, done


if __name__ == "__main__":
    raise SystemExit(tyro.cli(Overlap).run())
