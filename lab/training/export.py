"""Writes the trained models as diffusers folders in half precision."""

from __future__ import annotations

import shutil
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

VARIANT = "fp16"


def write_editor(
    folder: Path,
    vae: AutoencoderKL,
    text_encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    unet: UNet2DConditionModel,
    scheduler: DDIMScheduler,
) -> None:
    """Write an InstructPix2Pix pipeline."""
    from diffusers import StableDiffusionInstructPix2PixPipeline

    _write(StableDiffusionInstructPix2PixPipeline, folder, vae, text_encoder, tokenizer, unet, scheduler)


def write_generator(
    folder: Path,
    vae: AutoencoderKL,
    text_encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    unet: UNet2DConditionModel,
    scheduler: DDIMScheduler,
) -> None:
    """Write a Stable Diffusion pipeline."""
    from diffusers import StableDiffusionPipeline

    _write(StableDiffusionPipeline, folder, vae, text_encoder, tokenizer, unet, scheduler)


def _write(pipeline: type[Any], folder: Path, vae, text_encoder, tokenizer, unet, scheduler) -> None:
    """Beside the folder first, then renamed, so that a folder is never half written."""
    halves = [deepcopy(module).to(torch.float16) for module in (vae, text_encoder, unet)]
    whole = pipeline(
        vae=halves[0],
        text_encoder=halves[1],
        tokenizer=tokenizer,
        unet=halves[2],
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    whole.save_pretrained(partial, variant=VARIANT, safe_serialization=True)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
