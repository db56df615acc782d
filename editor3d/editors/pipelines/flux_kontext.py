"""FLUX.1 Kontext (Black Forest Labs, 2025) through diffusers: the picture is a reference that the model attends to."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from editor3d.diffusion.loading import PipelineSpec
from editor3d.editors.pipelines.diffusers_edit import DiffusersEditor, EditModel
from editor3d.types import EditRequest

SPEC = PipelineSpec(
    name="flux-kontext",
    title="FLUX.1 Kontext",
    hub_id="black-forest-labs/FLUX.1-Kontext-dev",
    pipeline="FluxKontextPipeline",
    half="bfloat16",
)


def arguments(pipeline: Any, request: EditRequest, height: int, width: int) -> Mapping[str, Any]:
    """The reference stays at the result's own size: diffusers would squeeze it to one of a list of shapes."""
    return {
        "num_inference_steps": request.diffusion_steps,
        "guidance_scale": request.guidance_scale,
        "max_area": height * width,
        "_auto_resize": False,
    }


create = partial(DiffusersEditor, EditModel(SPEC, arguments))
