"""The voxel field beside nerfacto's torch implementation, both on the CPU: rays per second and PSNR over time.

    python benchmarks/voxel_vs_nerfacto.py --data CAPTURE --downscale-factor 2 --seconds 60

Both train on the same pictures through the same data manager, one after the other, with their own optimisers and
schedules. Evaluation and loading are not counted.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numba
import numpy as np
import torch
import tyro
from nerfstudio.engine.trainer import TrainerConfig
from rich.console import Console
from rich.table import Table
from training_curve import train

from editor3d.datasets.locate import DEMO, resolve_data
from editor3d.files.writing import write_json
from editor3d.metrics.image import psnr
from nerf_methods.nerfacto import nerfacto
from nerf_methods.voxel.method import voxel
from nerf_methods.voxel.warmup import warm_up

WARM_UP_STEPS = 2
NERFACTO_RAYS = (512, 4096)
"""Rays of one step of nerfacto, each tried: a small batch makes more steps, its usual one more rays a second."""
SHARES = (1 / 6, 1 / 3, 2 / 3, 1.0)
"""Of the training time, when PSNR is taken."""


@dataclass
class Measured:
    """What one method did in the time it had."""

    method: str
    rays_per_step: int
    steps: int = 0
    rays_per_second: float = 0.0
    """Median over the steps after the warm-up."""
    slowest_rays_per_second: float = 0.0
    """Of the slowest tenth of the steps, the fastest: the voxel field's last, finest stage."""
    psnr_at: dict[str, float] = field(default_factory=dict)
    """Seconds of training -> PSNR over the held-out pixels, dB."""


def nerfacto_on_cpu(rays: int) -> TrainerConfig:
    """nerfacto without what works against it here: poses are given, so its camera optimiser would only drift."""
    config = deepcopy(nerfacto.config)
    config.pipeline.model.implementation = "torch"
    config.pipeline.model.camera_optimizer.mode = "off"
    config.pipeline.datamanager.train_num_rays_per_batch = rays
    del config.optimizers["camera_opt"]
    return config


@torch.no_grad()
def held_out_psnr(pipeline, pixels: int) -> float:
    """PSNR over `pixels` pixels drawn, always the same, from all held-out pictures."""
    pipeline.eval()
    pipeline.datamanager.config.eval_num_rays_per_batch = pixels
    rays, batch = pipeline.datamanager.next_eval(0)
    rgb = pipeline.model(rays)["rgb"]
    pipeline.train()
    return psnr(rgb[None], batch["image"][None])


def measure(config: TrainerConfig, data: Path, downscale_factor: int, seconds: float, pixels: int) -> Measured:
    """Train for `seconds`."""
    moments = [share * seconds for share in SHARES]
    curve, _ = train(config, data, downscale_factor, moments, lambda pipeline: held_out_psnr(pipeline, pixels))
    rays = config.pipeline.datamanager.train_num_rays_per_batch
    rates = rays / np.array(curve.durations[WARM_UP_STEPS:] or curve.durations)
    return Measured(
        method=str(config.method_name),
        rays_per_step=rays,
        steps=len(curve.durations),
        rays_per_second=float(np.median(rates)),
        slowest_rays_per_second=float(np.quantile(rates, 0.1)),
        psnr_at={f"{moment:.3g}": value for moment, value in curve.psnr_at.items()},
    )


def main(
    data: str = DEMO,
    downscale_factor: int = 1,
    seconds: float = 60.0,
    held_out_pixels: int = 8192,
    json_file: Path | None = None,
) -> None:
    """Compare the two.

    Args:
        data: a capture's folder, or the word demo.
        downscale_factor: read its pictures at 1/N of their size.
        seconds: training time of each method.
        held_out_pixels: pixels that PSNR is taken over, drawn once from all held-out pictures.
        json_file: also write the figures here.
    """
    console = Console(width=110)
    compiled = warm_up()
    path = resolve_data(data)
    configs = (*(nerfacto_on_cpu(rays) for rays in NERFACTO_RAYS), deepcopy(voxel.config))
    *others, ours = (measure(config, path, downscale_factor, seconds, held_out_pixels) for config in configs)
    results = [*others, ours]
    ratio = ours.rays_per_second / max(other.rays_per_second for other in others)
    slow_ratio = ours.slowest_rays_per_second / max(other.slowest_rays_per_second for other in others)
    threads = f"{torch.get_num_threads()} torch threads, {numba.get_num_threads()} numba threads"
    table = Table(title=f"{path.name} at 1/{downscale_factor}, {threads}")
    table.add_column("")
    for heading in (*(result.method for result in results), "voxel to the better"):
        table.add_column(heading, justify="right")
    table.add_row("rays a step", *(str(result.rays_per_step) for result in results))
    table.add_row("steps", *(str(result.steps) for result in results))
    table.add_row("rays/s, median", *(f"{result.rays_per_second:,.0f}" for result in results), f"{ratio:.1f} x")
    slowest = (f"{result.slowest_rays_per_second:,.0f}" for result in results)
    table.add_row("rays/s, slowest tenth", *slowest, f"{slow_ratio:.1f} x")
    for moment in ours.psnr_at:
        ahead = ours.psnr_at[moment] - max(other.psnr_at[moment] for other in others)
        table.add_row(
            f"PSNR at {moment} s, dB", *(f"{result.psnr_at[moment]:.2f}" for result in results), f"{ahead:+.2f} dB"
        )
    console.print(table)
    console.print(f"Compiling the kernels, or loading them, took {compiled:.1f} s and is not counted.")
    if json_file is not None:
        body = {"data": str(path), "downscale_factor": downscale_factor, "seconds": seconds, "ratio": ratio}
        write_json(json_file, {**body, "results": [asdict(result) for result in results]})


if __name__ == "__main__":
    tyro.cli(main)
