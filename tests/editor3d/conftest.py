"""A tiny, randomly initialised InstructPix2Pix, saved as a diffusers folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from .tiny_diffusion import clip, ddim, unet, vae


@pytest.fixture(scope="module")
def one_thread():
    """Models as tiny as these spend most of a second thread's time waiting for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


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
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=16)


def _pipeline(in_channels: int = 8):
    """Seeded tiny modules of the architecture of InstructPix2Pix; the VAE's factor is 4."""
    from diffusers import StableDiffusionInstructPix2PixPipeline

    torch.manual_seed(0)
    tokenizer = _tokenizer()
    return StableDiffusionInstructPix2PixPipeline(
        text_encoder=clip(tokenizer),
        tokenizer=tokenizer,
        unet=unet(in_channels),
        vae=vae(levels=3, scaling_factor=0.18215),
        scheduler=ddim(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


@pytest.fixture(scope="session")
def clip_tokenizer():
    """A byte-pair tokenizer of a few words, of 16 tokens at most."""
    return _tokenizer()


@pytest.fixture(scope="session")
def build_pipeline() -> Callable:
    """A function of the UNet's number of input channels."""
    return _pipeline


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "timbrooks" / "instruct-pix2pix"
    _pipeline().save_pretrained(folder, safe_serialization=True)
    return folder


@pytest.fixture(scope="session")
def text_model_folder(build_pipeline: Callable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same architecture without the image condition, as a diffusers folder of Stable Diffusion."""
    from diffusers import StableDiffusionPipeline

    folder = tmp_path_factory.mktemp("models") / "text-to-image"
    parts = build_pipeline(in_channels=4).components
    StableDiffusionPipeline(**parts, requires_safety_checker=False).save_pretrained(folder, safe_serialization=True)
    return folder
