"""What methods share that edit all pictures of a scene of splats at a time, between steps of its training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from editor3d.plugin.edit.settings import EditPipelineConfig
from editor3d.plugin.edit.trainer import EditTrainerConfig
from gaussian.fit.datamanager import SplatDataManagerConfig
from gaussian.fit.densify import StrategyConfig
from gaussian.model.model import SplatModelConfig

T = TypeVar("T", bound=EditTrainerConfig)


def all_at_once(
    trainer: Callable[..., T],
    pipeline: Callable[..., EditPipelineConfig],
    *,
    method_name: str,
    steps: int,
    edit_rate: int,
    training: tuple[dict[str, dict[str, Any]], StrategyConfig],
    average_share: float = 0.0,
    steps_per_save: int,
) -> T:
    """The configuration of such a method, with the noise levels of Instruct-GS2GS.

    Args:
        trainer: the class of its configuration.
        pipeline: that of its pipeline's.
        method_name: as `ns-train` knows it.
        steps: of training.
        edit_rate: steps from one round of edits to the next.
        training: as `edit_training` gives it.
        average_share: of the steps, whose parameters are averaged at the end.
        steps_per_save: steps from one checkpoint to the next.
    """
    optimizers, strategy = training
    return trainer(
        method_name=method_name,
        max_num_iterations=steps,
        steps_per_save=steps_per_save,
        pipeline=pipeline(
            datamanager=SplatDataManagerConfig(num_downscales=0),
            model=SplatModelConfig(sh_degree_interval=0, strategy=strategy, average_share=average_share),
            lower_bound=0.7,
            upper_bound=0.98,
            edit_rate=edit_rate,
            schedule="all-at-once",
            lpips_weight=0.0,
        ),
        optimizers=optimizers,
        base_method="splat",
    )
