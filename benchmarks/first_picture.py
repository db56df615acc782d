"""Measure the fit of colours alone: seconds and edit gap by the number of edited pictures, beside a whole edit.

    python benchmarks/first_picture.py
    python benchmarks/first_picture.py --data CAPTURE_512 --views 8 12 24 --whole
    python benchmarks/first_picture.py --method in2n

The edit is the procedural editor's, whose right result is known. A gap is the ideal less the PSNR of the edited scene,
in dB, over held-out views. Processor time counts all threads. `edit --quick` is the command as a user runs it, from a
kept base, without imports: until its first picture is on disk, and until it ends.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import tyro
from known_edits import WHOLE, reconstruct
from rich.console import Console
from rich.table import Table
from torch import Tensor

from editor3d.api import Scene
from editor3d.datasets.demo import demo_path
from editor3d.datasets.views.images import read_image
from editor3d.editors.procedural.editor import ProceduralEditor
from editor3d.metrics.image import psnr
from editor3d.plugin.results.runs import open_run
from editor3d.plugin.train.pipeline import PluginPipeline
from editor3d.run.results import FIRST, SHEET
from editor3d.types import EditRequest, View


@dataclass(frozen=True)
class Spent:
    wall: float
    processor: float

    @staticmethod
    def since(began: Spent) -> Spent:
        now = Spent.now()
        return Spent(now.wall - began.wall, now.processor - began.processor)

    @staticmethod
    def now() -> Spent:
        return Spent(time.perf_counter(), time.process_time())


def edited(view: View, picture: Tensor) -> Tensor:
    """What the editor makes of a picture [H, W, 3], rounded to 8 bits as stored pictures are."""
    found = ProceduralEditor().edit(EditRequest(view=view.name, instruction=WHOLE, condition=picture))
    return (found.clamp(0.0, 1.0) * 255.0).round() / 255.0


def photograph(view: View) -> Tensor:
    return read_image(view).float() / 255.0


class Judge:
    """The gap of a scene, over held-out views."""

    def __init__(self, pipeline: PluginPipeline) -> None:
        dataset = pipeline.datamanager.eval_dataset
        self.pipeline, self.views, self.cameras = pipeline, dataset.metadata["views"], dataset.cameras
        self.truths = [edited(view, photograph(view)) for view in self.views]
        base = self.renders()
        self.unedited = self.score(base)
        self.ideal = self.score([edited(view, picture) for view, picture in zip(self.views, base, strict=True)])

    def renders(self) -> list[Tensor]:
        return [self.pipeline.render_view(self.cameras, index)["rgb"] for index in range(len(self.views))]

    def score(self, pictures: list[Tensor]) -> float:
        values = [psnr(picture, truth) for picture, truth in zip(pictures, self.truths, strict=True)]
        return sum(values) / len(values)

    def gap(self) -> float:
        return self.ideal - self.score(self.renders())


def fit(pipeline: PluginPipeline, count: int) -> Spent:
    """Edit so many photographs and fit the scene's colours to them; what that took without the reading of files."""
    dataset = pipeline.datamanager.train_dataset
    views = dataset.metadata["views"]
    chosen = sorted({round(i * (len(views) - 1) / max(1, count - 1)) for i in range(count)})
    photographs = {index: photograph(views[index]) for index in chosen}
    began = Spent.now()
    pictures = {index: edited(views[index], picture) for index, picture in photographs.items()}
    weights = {index: torch.ones(picture.shape[:2]) for index, picture in pictures.items()}
    pipeline.model.fit_colors(dataset.cameras, pictures, weights)
    return Spent.since(began)


def main(
    data: Path | None = None, views: tuple[int, ...] = (4, 8, 12, 24), output: Path = Path("outputs/first_picture"),
    whole: bool = False, downscale_factor: int = 1, method: Literal["igs2gs", "in2n"] = "igs2gs",
) -> int:  # fmt: skip
    """Print the table.

    Args:
        data: a capture; the demo scene by default.
        views: numbers of edited pictures.
        output: folder of the runs; a reconstruction found there is used.
        whole: also make the whole edit, for comparison.
        downscale_factor: read the capture's pictures at 1/N of their size.
        method: igs2gs on splats, or in2n on voxels.
    """
    data = demo_path() if data is None else data
    base, _ = reconstruct(data, method, output, downscale_factor)
    scene = Scene(data, downscale_factor, base=base)
    table = Table(title=f"{WHOLE}: {data.name}, {method}, {torch.get_num_threads()} threads")
    for heading in ("", "wall", "processor", "gap"):
        table.add_column(heading, justify="right" if heading else "left")

    _, pipeline = open_run(base)
    judge = Judge(pipeline)
    kept = {name: value.detach().clone() for name, value in pipeline.model.state_dict().items()}
    fit(pipeline, 2)  # compiled code is loaded at first use
    for count in views:
        pipeline.model.load_state_dict(kept)
        spent = fit(pipeline, count)
        gap = f"{judge.gap():.2f} dB"
        table.add_row(f"colours to {count} edited pictures", f"{spent.wall:.1f} s", f"{spent.processor:.1f} s", gap)

    def command(title: str, **options) -> None:
        started, began = time.time(), Spent.now()
        edit = scene.edit(WHOLE, method=method, editor="procedural", output=output, **options)
        spent = Spent.since(began)
        gap = f"{edit.evaluate().known.mean.gap:.2f} dB"
        for name, what in ((FIRST, "first picture"), (SHEET, "before and after")):
            if (edit.folder / name).is_file():
                seconds = (edit.folder / name).stat().st_mtime - started
                table.add_row(f"{title}: {what}", f"{seconds:.1f} s", "", "")
        table.add_row(f"{title}: all results", f"{spent.wall:.1f} s", f"{spent.processor:.1f} s", gap)

    command("edit --quick", quick=True)
    if whole:
        command("edit")
    console = Console(width=120)
    console.print(table)
    console.print(f"Doing nothing: {judge.ideal - judge.unedited:.2f} dB; the ideal is {judge.ideal:.2f} dB.")
    return 0


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
