"""Qwen-Image-Edit and its successor of September 2025 (Alibaba) through diffusers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from editor3d.diffusion.loading import PipelineSpec
from editor3d.editors.pipelines.diffusers_edit import DiffusersEditor, EditModel
from editor3d.types import EditRequest

SPEC = PipelineSpec(
    name="qwen-image-edit",
    title="Qwen-Image-Edit",
    hub_id="Qwen/Qwen-Image-Edit",
    pipeline="QwenImageEditPipeline",
    half="bfloat16",
)
PLUS = replace(
    SPEC,
    name="qwen-image-edit-plus",
    title="Qwen-Image-Edit 2509",
    hub_id="Qwen/Qwen-Image-Edit-2509",
    pipeline="QwenImageEditPlusPipeline",
)


def arguments(pipeline: Any, request: EditRequest, height: int, width: int) -> Mapping[str, Any]:
    """A blank negative prompt turns the guidance on, which a scale of 1 or less turns off."""
    scale = request.guidance_scale
    return {
        "num_inference_steps": request.diffusion_steps,
        "true_cfg_scale": scale,
        **({"negative_prompt": " "} if scale > 1.0 else {}),
    }


create = partial(DiffusersEditor, EditModel(SPEC, arguments))
create_plus = partial(DiffusersEditor, EditModel(PLUS, arguments))
