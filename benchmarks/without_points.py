"""Captures without sparse points: splats started from their pictures, beside those started from points and at random.

    python benchmarks/without_points.py --data CAPTURE ... --steps 800

Each capture must have points, for the comparison. Held-out PSNR in dB; seconds are processor time of preparing and
training, so that what else runs on the machine counts little.
"""

from __future__ import annotations

import time
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import torch
import tyro
from nerfstudio.engine.callbacks import TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.engine.optimizers import Optimizers
from rich.console import Console
from rich.table import Table
from training_curve import whole_pictures_psnr

from editor3d.datasets.locate import DEMO, resolve_data
from editor3d.files.writing import write_json
from editor3d.plugin.bases.quality import judge_base
from gaussian.methods.splat import splat
from gaussian.warmup import warm_up

Start = Literal["points", "pictures", "random"]


@dataclass(frozen=True)
class Result:
    """One training."""

    data: str
    start: Start
    psnr: float
    """Held-out, dB."""
    bound: float
    """Below which an edit is not begun, dB."""
    preparing: float
    """Processor seconds,"""
    training: float
    first: int
    """Gaussians at the start,"""
    last: int
    """and at the end."""

    @property
    def seconds(self) -> float:
        return self.preparing + self.training


def train(data: Path, downscale_factor: int, steps: int, start: Start) -> Result:
    """Reconstruct a capture."""
    torch.manual_seed(0)
    config = deepcopy(splat.config)
    config.max_num_iterations = steps
    config.pipeline.datamanager.data = data
    config.pipeline.datamanager.dataparser.downscale_factor = downscale_factor
    pipeline = config.pipeline.setup(device="cpu", test_mode="val")
    model, began = pipeline.model, time.process_time()
    if start == "random":
        model.seed_points = None
        model.populate_modules()
    else:
        if start == "pictures":
            model.seed_points = None
        pipeline.begin_anew(steps)
    prepared, first = time.process_time(), model.num_points
    optimizers = Optimizers(config.optimizers, pipeline.get_param_groups())
    attributes = TrainingCallbackAttributes(optimizers, None, pipeline, SimpleNamespace(config=config))
    callbacks = pipeline.get_training_callbacks(attributes)
    pipeline.train()
    for step in range(steps):
        for callback in callbacks:
            callback.run_callback_at_location(step, TrainingCallbackLocation.BEFORE_TRAIN_ITERATION)
        optimizers.zero_grad_all()
        _, losses, _ = pipeline.get_train_loss_dict(step)
        sum(losses.values()).backward()
        for optimizer in optimizers.optimizers.values():
            optimizer.step()
        optimizers.scheduler_step_all(step)
        for callback in callbacks:
            callback.run_callback_at_location(step, TrainingCallbackLocation.AFTER_TRAIN_ITERATION)
    done = time.process_time()
    bound = judge_base(pipeline, Path("none"), None, "").bound
    return Result(
        data.name, start, whole_pictures_psnr(pipeline), bound, prepared - began, done - prepared, first,
        model.num_points,
    )  # fmt: skip


def main(
    data: tuple[str, ...] = (DEMO,),
    downscale_factor: int = 1,
    steps: int = 800,
    starts: tuple[Start, ...] = ("points", "pictures"),
    json_file: Path | None = None,
) -> None:
    """Train and look.

    Args:
        data: folders of captures with points, or the word demo.
        downscale_factor: read their pictures at 1/N of their size.
        steps: of each training.
        starts: from the capture's points, from its pictures, at random.
        json_file: also write the figures here.
    """
    warm_up()
    table = Table(title=f"{steps} steps at 1/{downscale_factor}")
    for heading in ("capture", "start", "held-out PSNR, dB", "bound, dB", "seconds", "times", "Gaussians"):
        table.add_column(heading, justify="left" if heading in ("capture", "start") else "right")
    console, results = Console(width=120), []
    for name in data:
        usual = None
        for start in starts:
            result = train(resolve_data(name), downscale_factor, steps, start)
            usual = usual or result.seconds
            results.append(result)
            row = (result.data, start, f"{result.psnr:.2f}", f"{result.bound:.2f}")
            row += (f"{result.preparing:.0f} + {result.training:.0f}", f"{result.seconds / usual:.2f}")
            table.add_row(*row, f"{result.first:,} to {result.last:,}")
            console.print(*row)
    console.print(table)
    if json_file is not None:
        write_json(json_file, [asdict(result) for result in results])


if __name__ == "__main__":
    tyro.cli(main)
