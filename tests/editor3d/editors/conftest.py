"""A tiny, randomly initialised InstructPix2Pix, saved as a diffusers folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

WORDS = ("turn", "it", "into", "gold", "make", "winter", "red", "a", "robot")


def _tokenizer():
    from transformers import CLIPTokenizer

    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters)]
    merges: list[tuple[str, str]] = []
    for word in WORDS:
        pieces = [*word[:-1], f"{word[-1]}</w>"]
        while len(pieces) > 1:
            pair = (pieces[0], pieces[1])
            if pair not in merges:
                merges.append(pair)
                tokens.append("".join(pair))
            pieces[:2] = ["".join(pair)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocab = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=16), len(vocab)


def _pipeline(in_channels: int = 8):
    """Seeded tiny modules of the architecture of InstructPix2Pix; the VAE's factor is 4."""
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionInstructPix2PixPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    tokenizer, size = _tokenizer()
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=size,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=16,
            bos_token_id=size - 2,
            eos_token_id=size - 1,
            pad_token_id=size - 1,
        )
    )
    unet = UNet2DConditionModel(
        sample_size=8,
        in_channels=in_channels,
        out_channels=4,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=4,
        norm_num_groups=4,
    )
    vae = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        block_out_channels=(8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        layers_per_block=1,
        norm_num_groups=4,
        sample_size=16,
        scaling_factor=0.18215,
    )
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    return StableDiffusionInstructPix2PixPipeline(
        vae=vae.eval(),
        text_encoder=text_encoder.eval(),
        tokenizer=tokenizer,
        unet=unet.eval(),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


@pytest.fixture(scope="session")
def build_pipeline() -> Callable:
    """A function of the UNet's number of input channels."""
    return _pipeline


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "timbrooks" / "instruct-pix2pix"
    _pipeline().save_pretrained(folder, safe_serialization=True)
    return folder


def _natural_picture(seed: int, height: int = 160, width: int = 192, mean: float = 0.55) -> torch.Tensor:
    """Correlated channels with the 1/f amplitude spectrum of photographs; luma has a standard deviation near 0.2."""
    generator = torch.Generator().manual_seed(seed)
    fy = torch.fft.fftfreq(height)[:, None]
    fx = torch.fft.rfftfreq(width)[None]
    amplitude = 1.0 / torch.sqrt(fy * fy + fx * fx).clamp_min(1.0 / max(height, width))
    noise = torch.fft.rfft2(torch.randn(3, height, width, generator=generator))
    planes = torch.fft.irfft2(noise * amplitude, s=(height, width))
    light, green, warm = planes / planes.std(dim=(1, 2), keepdim=True)
    image = torch.stack(
        [
            0.2 * light - 0.04 * green + 0.04 * warm,
            0.2 * light + 0.04 * green + 0.03 * warm,
            0.2 * light - 0.02 * green - 0.10 * warm,
        ],
        dim=-1,
    )
    return (mean + image - image.mean()).clamp(0.0, 1.0)


@pytest.fixture(scope="session")
def natural_picture() -> Callable[..., torch.Tensor]:
    """A function of seed (and height, width, mean) -> [H, W, 3] in 0..1."""
    return _natural_picture


@pytest.fixture(scope="session")
def bear_photos() -> list[torch.Tensor]:
    """Every twelfth photograph of the real capture at 256 pixels."""
    import cv2

    root = Path(os.environ.get("EDITOR3D_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))
    paths = sorted((root / "bear" / "images").glob("*.jpg"))[::12]
    if not paths:
        pytest.skip("the capture is not on this machine")
    photos = [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in paths]
    return [
        torch.from_numpy(cv2.resize(photo, (256, 256), interpolation=cv2.INTER_AREA)).float() / 255.0
        for photo in photos
    ]
