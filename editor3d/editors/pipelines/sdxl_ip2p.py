"""InstructPix2Pix on SDXL through diffusers: ip2p's procedure with SDXL's two text encoders and size conditions."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from editor3d.diffusion.loading import PipelineSpec
from editor3d.editors.pipelines.ip2p import InstructPix2PixEditor, Text

SPEC = PipelineSpec(
    name="sdxl-ip2p",
    title="InstructPix2Pix on SDXL",
    hub_id="diffusers/sdxl-instructpix2pix-768",
    pipeline="StableDiffusionXLInstructPix2PixPipeline",
    options={"add_watermarker": False},
    in_full=("vae",),
)


def encode_by_two(pipeline: Any, instruction: str, size: tuple[int, int], device: torch.device) -> Text:
    """The conditions of SDXL's UNet: both encoders' text, the pooled text, and the sizes (original, crop, target)."""
    text, empty, pooled, empty_pooled = pipeline.encode_prompt(instruction, device=device)
    sizes = torch.tensor([[*size, 0, 0, *size]], device=text.device, dtype=text.dtype)
    return Text.stacked(text, empty, text_embeds=(pooled, empty_pooled), time_ids=(sizes, sizes))


create = partial(InstructPix2PixEditor, spec=SPEC, encode=encode_by_two)
