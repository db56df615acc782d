"""Whether what NeRF-Insert puts into a scene stands where it should in views that it never saw.

    python benchmarks/inserted_object.py RUN [RUN ...]

RUN is the folder of an edit by `nerf-insert` with the procedural inserter, whose thing is known in every view. Printed
for each: IoU of the known thing's mask with where the edit changed the held-out views by more than half of what the
thing differs from what was there, the median error of depth inside of it, PSNR inside, and PSNR outside of what the
region takes up.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import tyro
from rich.console import Console
from rich.table import Table

from editor3d.editors.insert.editor import ProceduralInserter
from editor3d.metrics.image import psnr
from editor3d.plugin.confine.masks import dilated, geometry_of, look_at
from editor3d.plugin.results.runs import open_run
from editor3d.plugin.views.rays import LensTable
from editor3d.run.record import read_record
from editor3d.types import EditRequest

LEAST = 0.1
"""Difference of a channel, 0..1, below which what was there looks like the thing: such pixels count neither way."""
MIN_PIXELS = 30
"""Of the thing in a view; where it is hidden, there is nothing to judge."""


def judged(run: Path) -> dict[str, float]:
    """Means over the held-out views."""
    config, edited = open_run(run)
    _, base = open_run(config.load_checkpoint)
    record = read_record(run / "edit.json")
    edited.model.eval()
    base.model.eval()
    dataset, inserter, lenses = edited.datamanager.eval_dataset, ProceduralInserter(), LensTable()
    space = edited.space
    found: dict[str, list[float]] = {name: [] for name in ("iou", "depth", "inside", "outside")}
    for index, view in enumerate(dataset.metadata["views"]):
        camera = dataset.cameras[index : index + 1]
        seen = look_at(base.model, camera, space, lenses)
        before, after = (
            pipeline.render_view(dataset.cameras, index, ("accumulation", "depth")) for pipeline in (base, edited)
        )
        geometry = geometry_of(space, dataset.cameras, index, seen.distance, lenses)
        request = EditRequest(view.name, record.instruction, before["rgb"].cpu(), geometry=geometry)
        _, share = inserter.drawn(request)
        known, reference = share > 0.5, inserter.edit(request)
        contrast = (reference - before["rgb"].cpu()).abs().amax(-1)
        away = ~dilated(seen.mask, 2)
        found["outside"].append(psnr(after["rgb"].cpu(), before["rgb"].cpu(), away))
        judge = known & (contrast > LEAST)
        if int(judge.sum()) < MIN_PIXELS:
            continue
        change = (after["rgb"] - before["rgb"]).abs().amax(-1).cpu() > 0.5 * contrast[judge].median()
        either = judge | (change & ~known)
        found["iou"].append(float((judge & change).sum() / either.sum()))
        distance = inserter.distance(request)
        reached = edited.model.outputs_at(camera.to(edited.device), known)["depth"][:, 0].cpu() / space.frame.scale
        found["depth"].append(float(((reached - distance[known]).abs() / distance[known]).median()))
        found["inside"].append(psnr(after["rgb"].cpu(), reference, known))
    count = len(found["iou"])
    return {name: sum(values) / len(values) if values else float("nan") for name, values in found.items()} | {
        "views": count,
        "lowest IoU": min(found["iou"], default=float("nan")),
        "lowest outside": min(found["outside"]),
    }


def main(runs: tyro.conf.Positional[list[Path]]) -> int:
    """Judge edits by nerf-insert.

    Args:
        runs: their folders.
    """
    table = Table(title="What was put in, in held-out views")
    for heading in ("run", "views", "IoU", "lowest", "depth error", "PSNR inside", "PSNR outside", "lowest"):
        table.add_column(heading, justify="left" if heading == "run" else "right")
    with torch.no_grad():
        for run in runs:
            row = judged(run)
            table.add_row(
                f"{read_record(run / 'edit.json').instruction} ({run.parents[1].name})",
                str(row["views"]),
                f"{row['iou']:.2f}",
                f"{row['lowest IoU']:.2f}",
                f"{row['depth']:.1%}",
                f"{row['inside']:.1f} dB",
                f"{row['outside']:.1f} dB",
                f"{row['lowest outside']:.1f} dB",
            )
    console = Console(width=130)
    console.print(table)
    console.print("wanted: IoU of at least 0.8, outside at least 40 dB")
    return 0


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
