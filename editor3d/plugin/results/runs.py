"""Open a run to look at its scene: no editor, no optimiser, no training pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from nerfstudio.engine.trainer import TrainerConfig

from editor3d.errors import CheckpointError
from editor3d.host.device import default_device
from editor3d.plugin.bases.base import open_base
from editor3d.plugin.bases.captures import place_capture
from editor3d.plugin.train.pipeline import PluginPipeline, PluginPipelineConfig
from editor3d.run import checkpoints


def open_run(
    path: Path,
    test_mode: Literal["inference", "test"] = "inference",
    *,
    step: int | None = None,
    data: Path | str | None = None,
) -> tuple[TrainerConfig, PluginPipeline]:
    """Load the scene of one of the project's runs, of an edit or a base.

    Args:
        path: the run's folder, its `nerfstudio_models`, or one checkpoint.
        test_mode: "inference" opens no training picture; with "test" the data manager draws training rays as well.
        step: the checkpoint's step; the newest by default.
        data: where its capture is now, if it was moved.

    Returns:
        The configuration it was trained with, and the pipeline in evaluation mode, on CUDA where it is there.

    Raises:
        CheckpointError: there is no run, or it is none of the project's.
        DataError: the capture that it was trained on is gone or broken, or `data` is another.
    """
    base = open_base(Path(path), step)
    if base.config is None:
        raise CheckpointError(
            f"Expected config.yml beside the checkpoints, in {base.run}, found none: give the folder of a whole run."
        )
    if not isinstance(base.config.pipeline, PluginPipelineConfig):
        raise CheckpointError(
            f"Expected a run of one of this project's methods (editor3d list methods) at {path}, found one of "
            f"{base.config.method_name}: nerfstudio's own ns-render and ns-export open it."
        )
    place_capture(base.config, base.run, data)
    state = checkpoints.load(base.checkpoint)
    pipeline = base.config.pipeline.setup(device=default_device(), test_mode=test_mode)
    pipeline.model.update_to_step(state["step"])
    pipeline.load_model_state(state["pipeline"], base.checkpoint)
    pipeline.eval()
    return base.config, pipeline
