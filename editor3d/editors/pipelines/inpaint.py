"""Inpainting models through diffusers: the text describes what is painted inside a mask."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from editor3d.diffusion.loading import PipelineSpec
from editor3d.editors.pipelines.diffusers_edit import DiffusersEditor, EditModel, whole_steps
from editor3d.editors.pipelines.flux2_klein import SPEC as KLEIN
from editor3d.errors import EditorUnavailableError
from editor3d.types import EditRequest

SD = PipelineSpec(
    name="sd-inpaint",
    title="Stable Diffusion inpainting",
    hub_id="stable-diffusion-v1-5/stable-diffusion-inpainting",
    pipeline="StableDiffusionInpaintPipeline",
    options={"safety_checker": None, "requires_safety_checker": False},
)
SDXL = PipelineSpec(
    name="sdxl-inpaint",
    title="SDXL inpainting",
    hub_id="diffusers/stable-diffusion-xl-1.0-inpainting-0.1",
    pipeline="StableDiffusionXLInpaintPipeline",
    options={"add_watermarker": False},
)
FLUX = PipelineSpec(
    name="flux-inpaint",
    title="FLUX.1 Fill",
    hub_id="black-forest-labs/FLUX.1-Fill-dev",
    pipeline="FluxFillPipeline",
    half="bfloat16",
)
FLUX2_KLEIN = PipelineSpec(
    name="flux2-klein-inpaint",
    title=KLEIN.title,
    hub_id=KLEIN.hub_id,
    pipeline="Flux2KleinInpaintPipeline",
    half=KLEIN.half,
)


def arguments(pipeline: Any, request: EditRequest, height: int, width: int) -> Mapping[str, Any]:
    """The noise level is the strength: how far what is inside the mask may go from what is there now."""
    return {
        "num_inference_steps": request.diffusion_steps,
        "strength": whole_steps(request.noise_level, request.diffusion_steps),
        "guidance_scale": 1.0 if pipeline.config.get("is_distilled") else request.guidance_scale,
    }


def _refuse_other_unets(pipeline: Any) -> None:
    channels = pipeline.unet.config.in_channels
    latent = pipeline.vae.config.latent_channels
    if channels not in (latent, 2 * latent + 1):
        raise EditorUnavailableError(
            f"Expected an inpainting model, whose UNet takes {2 * latent + 1} channels, or a text-to-image model, with "
            f"{latent} channels, but this one takes {channels}; name another folder."
        )


sd_inpaint = partial(DiffusersEditor, EditModel(SD, arguments, _refuse_other_unets))
sdxl_inpaint = partial(DiffusersEditor, EditModel(SDXL, arguments, _refuse_other_unets))
flux_inpaint = partial(DiffusersEditor, EditModel(FLUX, arguments))
flux2_klein_inpaint = partial(DiffusersEditor, EditModel(FLUX2_KLEIN, arguments))
