"""Reconstruction as splats on this machine: held-out PSNR after 1, 2, 5 and 10 minutes of training.

    python benchmarks/splat_training.py --data CAPTURE --json-file training.json

Evaluation, loading and compiling are not counted.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from statistics import median

import numba
import torch
import tyro
from rich.console import Console
from rich.table import Table
from training_curve import train, whole_pictures_psnr

from editor3d.datasets.locate import DEMO, resolve_data
from editor3d.files.writing import write_json
from gaussian.methods.splat import splat
from gaussian.warmup import warm_up


def main(
    data: str = DEMO,
    downscale_factor: int = 1,
    minutes: tuple[float, ...] = (1, 2, 5, 10),
    steps: int | None = None,
    json_file: Path | None = None,
) -> None:
    """Train and look.

    Args:
        data: a capture's folder, or the word demo.
        downscale_factor: read its pictures at 1/N of their size.
        minutes: of training, when PSNR is taken.
        steps: that the schedule is laid out for; the method's own number by default, after which rates stay low.
        json_file: also write the figures here.
    """
    compiled = warm_up()
    config, path = deepcopy(splat.config), resolve_data(data)
    if steps is not None:
        for group in config.optimizers.values():
            if group["scheduler"] is not None:
                group["scheduler"].max_steps = steps
        config.pipeline.model.strategy.refine_stop = steps // 2
    moments = [60.0 * minute for minute in sorted(minutes)]
    curve, pipeline = train(config, path, downscale_factor, moments, whole_pictures_psnr)
    threads = f"{torch.get_num_threads()} torch threads, {numba.get_num_threads()} numba threads"
    table = Table(title=f"{path.name} at 1/{downscale_factor} as splats, {threads}")
    for heading in ("minutes", "steps", "held-out PSNR, dB"):
        table.add_column(heading, justify="right")
    for moment, value in curve.psnr_at.items():
        table.add_row(f"{moment / 60:.3g}", str(curve.steps_at[moment]), f"{value:.2f}")
    console = Console(width=110)
    console.print(table)
    console.print(
        f"{pipeline.model.num_points:,} Gaussians at the end; {1e3 * median(curve.durations):.0f} ms a step (median). "
        f"Compiling the kernels, or loading them, took {compiled:.1f} s."
    )
    if json_file is not None:
        body = {"data": str(path), "psnr_at": curve.psnr_at, "steps_at": curve.steps_at}
        write_json(json_file, {**body, "gaussians": pipeline.model.num_points})


if __name__ == "__main__":
    tyro.cli(main)
