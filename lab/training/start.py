"""Start the training of a denoiser from fresh modules, or from those of a trained editor."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from editor3d.errors import ConfigError, first_line
from lab.training.networks import make_text_encoder, make_unet, make_vae

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

CURVE = "learning_curve.json"


@dataclass(frozen=True, eq=False)
class Start:
    """The parts of an editor before it is trained (further)."""

    tokenizer: CLIPTokenizer
    vae: AutoencoderKL
    """Finished; its latents are white."""
    text_encoder: CLIPTextModel
    unet: UNet2DConditionModel
    """Takes the noised latents and those of the picture: 8 channels."""
    vae_curve: dict[str, Any]
    """Steps, seconds and losses of the autoencoder's training."""
    before: list[dict[str, Any]] = field(default_factory=list)
    """The same of earlier trainings of the denoiser, oldest first."""


def fresh_start(tokenizer: CLIPTokenizer, vae: AutoencoderKL, vae_curve: dict[str, Any], seed: int) -> Start:
    """An untrained denoiser and text encoder beside a trained autoencoder."""
    torch.manual_seed(seed)
    return Start(tokenizer, vae, make_text_encoder(tokenizer), make_unet(8), vae_curve)


def load_start(folder: Path, texts: Iterable[str]) -> Start:
    """The parts of an editor that `write_editor` wrote, in float32.

    Args:
        folder: a diffusers folder as `lab.train_editor` writes it.
        texts: all that the training will say; each word must be a token of the editor's.

    Raises:
        ConfigError: the folder holds no such editor, or lacks words.
    """
    from diffusers import StableDiffusionInstructPix2PixPipeline

    from lab.training.export import VARIANT

    try:
        pipeline = StableDiffusionInstructPix2PixPipeline.from_pretrained(
            str(folder), variant=VARIANT, dtype=torch.float32, local_files_only=True, use_safetensors=True
        )
        curves = json.loads((folder / CURVE).read_text(encoding="utf-8"))
        start = fresh_start(pipeline.tokenizer, make_vae().eval(), curves["vae"], 0)
        # Into modules of this recipe: an editor of another shape is refused here.
        for name in ("vae", "unet", "text_encoder"):
            getattr(start, name).load_state_dict(getattr(pipeline, name).state_dict())
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ConfigError(
            f"Expected an editor that lab.train_editor wrote in {folder}, to begin with; it cannot be used: "
            f"{first_line(error)}."
        ) from error
    vocabulary = start.tokenizer.get_vocab()
    words = sorted({word for text in texts for word in text.lower().split()})
    missing = [word for word in words if f"{word}</w>" not in vocabulary]
    if missing:
        raise ConfigError(
            f"The editor in {folder} does not know '{missing[0]}', one of {len(missing)} new words of the data; train "
            "one from the beginning, without a folder to start from."
        )
    start.before.extend([*curves.get("before", []), curves["unet"]])
    return start
