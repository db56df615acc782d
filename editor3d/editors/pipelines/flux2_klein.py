"""FLUX.2 klein (Black Forest Labs, 2026) through diffusers: the picture is a reference that the model attends to."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from editor3d.diffusion.loading import PipelineSpec
from editor3d.editors.pipelines.diffusers_edit import DiffusersEditor, EditModel
from editor3d.types import EditRequest

SPEC = PipelineSpec(
    name="flux2-klein",
    title="FLUX.2 klein",
    hub_id="black-forest-labs/FLUX.2-klein-4B",
    pipeline="Flux2KleinPipeline",
    half="bfloat16",
)


def arguments(pipeline: Any, request: EditRequest, height: int, width: int) -> Mapping[str, Any]:
    """The distilled model knows no guidance; the base model takes the request's scale."""
    return {
        "num_inference_steps": request.diffusion_steps,
        "guidance_scale": 1.0 if pipeline.config.get("is_distilled") else request.guidance_scale,
    }


create = partial(DiffusersEditor, EditModel(SPEC, arguments))
