"""Learning rates and densification for the training of Gaussians."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from nerfstudio.engine.optimizers import OptimizerConfig
from nerfstudio.engine.schedulers import ExponentialDecaySchedulerConfig

from editor3d.host.device import default_device
from gaussian.fit.densify import StrategyConfig

STILL = 1e-15
"""Rate of means that stay where they are; a rate that falls may not be 0."""
COLOR_RATES = {"features_dc": 5e-2, "features_rest": 2.5e-3}
"""Rates of the harmonics where nothing else is trained."""
SHAPE = ("opacities", "scales", "quats")


@dataclass
class FusedAdamConfig(OptimizerConfig):
    """torch's Adam in one pass over memory."""

    _target: type = torch.optim.Adam
    lr: float = 1e-3
    eps: float = 1e-15
    fused: bool = True


def splat_optimizers(
    steps: int, means_lr: float = 1.6e-4, scale: float = 1.0, settle: float = 1.0
) -> dict[str, dict[str, Any]]:
    """Adam with a rate for each kind of parameter, as in 3D Gaussian Splatting; that of the means falls to a hundredth.

    Args:
        steps: over which rates fall.
        means_lr: of the means, scene units over a step.
        scale: of all the rates but that of the means.
        settle: the share that the rates other than the means' have fallen to at the last step.
    """
    rates = {"features_dc": 2.5e-3, "features_rest": 2.5e-3 / 20, "opacities": 5e-2, "scales": 5e-3, "quats": 1e-3}
    groups: dict[str, dict[str, Any]] = {}
    for name, rate in rates.items():
        rate *= scale
        falling = ExponentialDecaySchedulerConfig(lr_final=rate * settle, max_steps=steps) if settle < 1 else None
        groups[name] = {"optimizer": FusedAdamConfig(lr=rate), "scheduler": falling}
    decay = ExponentialDecaySchedulerConfig(lr_final=means_lr / 100, max_steps=steps)
    return {"means": {"optimizer": FusedAdamConfig(lr=means_lr), "scheduler": decay}, **groups}


def edit_training(steps: int, refine_start: int) -> tuple[dict[str, dict[str, Any]], StrategyConfig]:
    """The rates and the densification of an edit, on CUDA those of the paper.

    A CPU takes fewer, longer steps. Edits of different views disagree: falling rates end at their average, not at the
    view that was fitted last.

    Args:
        steps: of the whole edit.
        refine_start: from which on Gaussians are added and removed.
    """
    on_cuda = default_device() == "cuda"
    pace = {} if on_cuda else {"scale": 2.0, "settle": 0.2}
    strategy = StrategyConfig(refine_start=refine_start, refine_stop=steps, reset_every=10 * steps, prune_opacity=0.005)
    if on_cuda:
        strategy.max_gaussians = None  # bases have no bound there
    return splat_optimizers(steps, 1.6e-4, **pace), strategy


def colors_alone(optimizers: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Rates for the colours, larger as nothing else helps them, and none for what else Gaussians are.

    Free, they would fit what carried-over edits disagree on by fog before the cameras.
    """
    colors = {
        name: {"optimizer": FusedAdamConfig(lr=rate), "scheduler": _falling(optimizers[name], rate)}
        for name, rate in COLOR_RATES.items()
    }
    still = {"means": {"optimizer": FusedAdamConfig(lr=STILL), "scheduler": optimizers["means"]["scheduler"]}}
    still["means"]["scheduler"] = replace(still["means"]["scheduler"], lr_final=STILL)
    still |= {name: {"optimizer": FusedAdamConfig(lr=0.0), "scheduler": None} for name in SHAPE}
    return {**optimizers, **colors, **still}


def _falling(group: dict[str, Any], rate: float) -> Any:
    """The schedule of a group for another rate, which falls to a tenth."""
    scheduler = group["scheduler"]
    return None if scheduler is None else replace(scheduler, lr_final=rate / 10)


def insertion_training(steps: int) -> tuple[dict[str, dict[str, Any]], StrategyConfig]:
    """The rates and the densification of what grows out of seeds in a region.

    Most seeds lie where nothing is to stand, and are removed as soon as they have faded.

    Args:
        steps: of the whole insertion.
    """
    optimizers, strategy = edit_training(steps, refine_start=steps // 10)
    strategy.refine_every = max(1, min(strategy.refine_every, steps // 10))
    return optimizers, strategy
