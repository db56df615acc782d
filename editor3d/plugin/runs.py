"""Opening finished or interrupted runs, bases and edits alike, for rendering, export and evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from nerfstudio.engine.trainer import TrainerConfig

from editor3d.errors import CheckpointError
from editor3d.plugin import checkpoints
from editor3d.plugin.base import open_base
from editor3d.plugin.pipeline import PluginPipeline
from editor3d.plugin.trainer import default_device


def open_run(
    path: Path, *, step: int | None = None, test_mode: Literal["test", "val", "inference"] = "inference"
) -> tuple[TrainerConfig, PluginPipeline]:
    """The configuration of a run and its pipeline in evaluation mode, as the newest checkpoint has it.

    Nothing of a 2D editor is imported.

    Args:
        path: a run's folder, or its folder of checkpoints.
        step: that checkpoint instead of the newest.
        test_mode: "inference" opens no training picture.

    Raises:
        CheckpointError: there is no run, or it is not one of ours.
    """
    base = open_base(path, step)
    if base.config is None:
        raise CheckpointError(f"Expected config.yml beside the checkpoints in {path}, found none: give a run's folder.")
    device = default_device()
    pipeline = base.config.pipeline.setup(device=device, test_mode=test_mode, world_size=1, local_rank=0)
    if not isinstance(pipeline, PluginPipeline):
        raise CheckpointError(
            f"Expected a run of one of editor3d's methods in {path}, found one of {base.config.method_name}: use "
            f"nerfstudio's own commands for it."
        )
    state = checkpoints.load(base.checkpoint)
    pipeline.model.update_to_step(state["step"])
    pipeline.load_model_state(state["pipeline"], base.checkpoint)
    pipeline.eval()
    return base.config, pipeline
