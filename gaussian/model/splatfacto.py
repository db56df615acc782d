"""Scenes of nerfstudio's splatfacto as bases of edits: what its checkpoints and settings mean here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from nerfstudio.engine.trainer import TrainerConfig
from nerfstudio.models.splatfacto import SplatfactoModelConfig
from nerfstudio.utils.rich_utils import CONSOLE

from editor3d.errors import CheckpointError
from editor3d.plugin.train.pipeline import MODEL_PREFIX
from gaussian.splats import MAX_SH_DEGREE, SH_C0

BACKGROUNDS = {"white": (1.0, 1.0, 1.0), "black": (0.0, 0.0, 0.0), "random": (0.1490, 0.1647, 0.2157)}
"""What splatfacto shows behind a scene by its `background_color`; of random it is the viewer's grey."""
_SCENE = "gauss_params."
_LEFT_OUT = {
    "camera_optimizer.": "corrections of camera poses (camera_optimizer): pictures are taken at the poses of the data",
    "bil_grids.": "colour corrections by picture (use_bilateral_grid): the scene is shown without, as by splatfacto",
}


def is_splatfacto(state: Mapping[str, Any], config: TrainerConfig | None) -> bool:
    """Whether a checkpoint is splatfacto's: by the configuration or, without one, by its network for LPIPS.

    Args:
        state: the `pipeline` entry of a checkpoint.
    """
    if config is not None:
        return isinstance(config.pipeline.model, SplatfactoModelConfig)
    return any(_name(key).startswith("lpips.") for key in state)


def scene_of(state: Mapping[str, Any]) -> dict[str, Any]:
    """Splatfacto's checkpoint as `SplatModel` would have written it.

    What belongs to single pictures is left out, with a note. Colours of degree 0, which splatfacto keeps as
    logits, become harmonics that look the same.

    Args:
        state: the `pipeline` entry of the checkpoint.

    Raises:
        CheckpointError: the harmonics are of a higher degree than can be drawn.
    """
    own = {_name(key): value for key, value in state.items()}
    for start, what in _LEFT_OUT.items():
        if any(key.startswith(start) for key in own):
            CONSOLE.print(f"The base's {what}.")
    left_out = (*_LEFT_OUT, "lpips.")
    own = {key: value for key, value in own.items() if not key.startswith(left_out)}
    if "means" in own:  # as splatfacto wrote it before nerfstudio 1.1
        own = {key if "." in key or key == "device_indicator_param" else _SCENE + key: own[key] for key in own}
    rest, constant = own.get(f"{_SCENE}features_rest"), own.get(f"{_SCENE}features_dc")
    if rest is not None and constant is not None:
        if rest.shape[1] >= (MAX_SH_DEGREE + 1) ** 2:
            raise CheckpointError(
                f"Expected a base with an sh_degree of at most {MAX_SH_DEGREE}, got one with "
                f"{rest.shape[1] + 1} harmonics: train it with --pipeline.model.sh-degree {MAX_SH_DEGREE}."
            )
        if rest.shape[1] == 0:
            own[f"{_SCENE}features_dc"] = (torch.sigmoid(constant) - 0.5) / SH_C0
    return {MODEL_PREFIX + key: value for key, value in own.items()}


def settings_of(config: SplatfactoModelConfig) -> dict[str, Any]:
    """What `SplatModelConfig` must say for a scene to look as splatfacto shows it.

    Raises:
        CheckpointError: a setting is not known.
    """
    if config.background_color not in BACKGROUNDS:
        raise CheckpointError(
            f"Expected a base with a background_color of {', '.join(BACKGROUNDS)}, got {config.background_color}: "
            f"train it with one of those."
        )
    return {
        "background": BACKGROUNDS[config.background_color],
        "rasterize_mode": config.rasterize_mode,
    }


def _name(key: str) -> str:
    return key.removeprefix("module.").removeprefix(MODEL_PREFIX)
