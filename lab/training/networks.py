"""The small models, built from the libraries' own classes so that the classes of the real models load them.

Sizes are the most that a two-core machine trains to a usable state in an hour; `count` says how many parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    from torch import nn
    from transformers import CLIPModel, CLIPTextModel, CLIPTokenizer

SIDE = 64
"""Pixels of the working resolution."""
LATENT_CHANNELS = 4
LATENT_FACTOR = 4
TEXT_WIDTH = 96
TEXT_LENGTH = 16
"""Tokens a text is padded or cut to."""


def make_vae() -> AutoencoderKL:
    """A convolutional autoencoder: [B, 3, H, W] in -1..1 to latents [B, 4, H / 4, W / 4]."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(  # its annotations are of tuples of one
        down_block_types=("DownEncoderBlock2D",) * 3,  # pyright: ignore[reportArgumentType]
        up_block_types=("UpDecoderBlock2D",) * 3,  # pyright: ignore[reportArgumentType]
        block_out_channels=(16, 32, 64),  # pyright: ignore[reportArgumentType]
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=8,
        sample_size=SIDE,
        mid_block_add_attention=False,
        scaling_factor=1.0,  # training ends by making latents white, see `autoencoder.whiten`
    )


def make_unet(in_channels: int) -> UNet2DConditionModel:
    """The denoiser; `in_channels` is 8 with the picture's latents as a condition, 4 without."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=SIDE // LATENT_FACTOR,
        in_channels=in_channels,
        out_channels=LATENT_CHANNELS,
        down_block_types=("CrossAttnDownBlock2D",) * 2,
        up_block_types=("CrossAttnUpBlock2D",) * 2,
        block_out_channels=(64, 128),
        layers_per_block=1,
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=4,
        norm_num_groups=16,
    )


def make_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """A small CLIP text encoder for a tokenizer."""
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(CLIPTextConfig(**_text_settings(tokenizer)))


def make_scheduler() -> DDIMScheduler:
    """Stable Diffusion's noise schedule. The model predicts v = sqrt(abar) eps - sqrt(1 - abar) z (Salimans & Ho 2022).

    From almost pure noise a small model's error in eps would be magnified by sqrt((1 - abar) / abar); that in v is not.
    """
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )


def make_clip(tokenizer: CLIPTokenizer) -> CLIPModel:
    """A small CLIP: pictures of 64 x 64 in patches of 8."""
    from transformers import CLIPConfig, CLIPModel

    vision = {
        "hidden_size": 128,
        "intermediate_size": 384,
        "num_hidden_layers": 5,
        "num_attention_heads": 4,
        "image_size": SIDE,
        "patch_size": 8,
        "projection_dim": 128,
    }
    return CLIPModel(
        CLIPConfig(
            text_config=_text_settings(tokenizer) | {"projection_dim": 128}, vision_config=vision, projection_dim=128
        )
    )


def count(*modules: nn.Module) -> int:
    """Number of parameters."""
    return sum(p.numel() for module in modules for p in module.parameters())


def _text_settings(tokenizer: CLIPTokenizer) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": TEXT_WIDTH,
        "intermediate_size": 3 * TEXT_WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": TEXT_LENGTH,
        "hidden_act": "gelu",
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
