"""Train a method for a while and take its held-out PSNR on the way; evaluation and loading are not counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from nerfstudio.engine.callbacks import TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.engine.optimizers import Optimizers
from nerfstudio.engine.trainer import TrainerConfig

from editor3d.metrics.image import psnr


@dataclass
class Curve:
    """What a method did in the time it had."""

    durations: list[float] = field(default_factory=list)
    """Of each step, seconds."""
    psnr_at: dict[float, float] = field(default_factory=dict)
    """Seconds of training -> held-out PSNR, dB."""
    steps_at: dict[float, int] = field(default_factory=dict)
    """Seconds of training -> steps made."""


def train(
    config: TrainerConfig,
    data: Path,
    downscale_factor: int,
    moments: Sequence[float],
    held_out_psnr: Callable[..., float],
) -> tuple[Curve, torch.nn.Module]:
    """Train until the last of `moments`, seconds in ascending order; returns the curve and the pipeline."""
    torch.manual_seed(0)
    config.pipeline.datamanager.data = data
    config.pipeline.datamanager.dataparser.downscale_factor = downscale_factor
    pipeline = config.pipeline.setup(device="cpu", test_mode="val")
    optimizers = Optimizers(config.optimizers, pipeline.get_param_groups())
    callbacks = pipeline.get_training_callbacks(TrainingCallbackAttributes(optimizers, None, pipeline, None))
    curve, due, spent, step = Curve(), list(moments), 0.0, 0
    pipeline.train()
    while due:
        started = time.perf_counter()
        for callback in callbacks:
            callback.run_callback_at_location(step, TrainingCallbackLocation.BEFORE_TRAIN_ITERATION)
        optimizers.zero_grad_all()
        _, losses, _ = pipeline.get_train_loss_dict(step)
        loss = sum(losses.values())
        loss.backward()
        del loss, losses  # the graph, before the model may change its resolution
        for optimizer in optimizers.optimizers.values():
            optimizer.step()
        optimizers.scheduler_step_all(step)
        for callback in callbacks:
            callback.run_callback_at_location(step, TrainingCallbackLocation.AFTER_TRAIN_ITERATION)
        curve.durations.append(time.perf_counter() - started)
        spent, step = spent + curve.durations[-1], step + 1
        if spent >= due[0]:
            moment = due.pop(0)
            curve.psnr_at[moment], curve.steps_at[moment] = held_out_psnr(pipeline), step
    return curve, pipeline


@torch.no_grad()
def whole_pictures_psnr(pipeline) -> float:
    """Mean PSNR over all held-out pictures, dB."""
    dataset = pipeline.datamanager.eval_dataset
    values = []
    for index in range(len(dataset)):
        rgb = pipeline.render_view(dataset.cameras, index)["rgb"]
        values.append(psnr(rgb[None].cpu(), dataset[index]["image"][None, ..., :3]))
    return sum(values) / len(values)
