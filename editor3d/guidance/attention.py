"""Cross-attention maps of chosen words: where in the picture a diffusion model puts them (Vox-E, section 4.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from editor3d.diffusion.latent import LatentPrior
from editor3d.errors import ConfigError, InstructionError
from editor3d.guidance.sds import noised


class AttentionRecorder:
    """Collects maps of chosen tokens while a UNet runs under `recording`."""

    def __init__(self, tokens: Sequence[int], latent_size: tuple[int, int]) -> None:
        self._tokens = torch.as_tensor(list(tokens))
        self._levels = _levels(*latent_size)
        self._sums: dict[tuple[int, int], Tensor] = {}
        self._counts: dict[tuple[int, int], int] = {}

    def add(self, attention: Tensor) -> None:
        """One layer's attention [B, N, L], the mean of its heads."""
        size = self._levels.get(attention.shape[1])
        if size is None:
            return
        chosen = attention[..., self._tokens.to(attention.device)].float().transpose(1, 2)
        self._sums[size] = self._sums.get(size, 0.0) + chosen.reshape(*chosen.shape[:2], *size)
        self._counts[size] = self._counts.get(size, 0) + 1

    def maps(self, resolution: int) -> Tensor:
        """The mean over the layers of one resolution.

        Args:
            resolution: the shorter side of the maps (16 for 16x16).

        Returns:
            [B, tokens, h, w] in 0..1.

        Raises:
            ConfigError: no layer attends to the text at that resolution.
        """
        for size, total in self._sums.items():
            if min(size) == resolution:
                return total / self._counts[size]
        found = ", ".join(f"{min(size)}" for size in sorted(self._sums, reverse=True)) or "none"
        raise ConfigError(
            f"No layer of this model attends to the text at a resolution of {resolution} for this picture; choose one "
            f"of {found}."
        )


@contextmanager
def recording(unet: Any, recorder: AttentionRecorder) -> Iterator[AttentionRecorder]:
    """Let `recorder` see every cross-attention layer of a UNet; what the UNet returns stays exactly the same."""
    processors = dict(unet.attn_processors)
    unet.set_attn_processor(
        {
            name: _Recording(processor, recorder) if name.endswith("attn2.processor") else processor
            for name, processor in processors.items()
        }
    )
    try:
        yield recorder
    finally:
        unet.set_attn_processor(processors)


class _Recording:
    """An attention processor that computes the attention a second time for the recorder."""

    def __init__(self, processor: Any, recorder: AttentionRecorder) -> None:
        self._processor, self._recorder = processor, recorder

    @torch.no_grad()
    def _attention(self, attn: Any, hidden: Tensor, text: Tensor, mask: Tensor | None) -> Tensor:
        query = attn.head_to_batch_dim(attn.to_q(hidden))
        key = attn.head_to_batch_dim(attn.to_k(text))
        scores = attn.get_attention_scores(query, key, mask)
        return scores.view(len(hidden), attn.heads, *scores.shape[1:]).mean(dim=1)

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Tensor:
        if encoder_hidden_states is not None:
            self._recorder.add(self._attention(attn, hidden_states, encoder_hidden_states, attention_mask))
        return self._processor(attn, hidden_states, encoder_hidden_states, attention_mask, *args, **kwargs)


def attention_maps(
    prior: LatentPrior,
    images: Tensor,
    prompt: str,
    words: Sequence[str],
    *,
    generator: torch.Generator,
    timestep: int = 200,
    resolution: int = 16,
    sources: Tensor | None = None,
) -> Tensor:
    """Where a model puts words of a prompt in pictures, from one denoising step.

    Args:
        prior: the model.
        images: [B, H, W, 3] in 0..1.
        prompt: the model's prompt.
        words: words or phrases of the prompt; the maps of a phrase's tokens are averaged.
        generator: on the CPU; draws the latents and the noise.
        timestep: that the pictures are noised to; Vox-E's is 200.
        resolution: the shorter side of the maps.
        sources: the image condition of a model that takes one, [B, H, W, 3].

    Returns:
        [B, words, h, w] in 0..1; at each pixel the attention of all tokens of the prompt sums to 1.

    Raises:
        InstructionError: a word is not in the prompt, or beyond what the model reads of it.
        ConfigError: no layer attends to the text at that resolution.
    """
    positions = [token_positions(prior.pipeline.tokenizer, prompt, word) for word in words]
    with torch.no_grad():
        latents = prior.encode(images, generator)
        noise = torch.randn(latents.shape, generator=generator, dtype=latents.dtype).to(latents.device)
        timesteps = torch.full((len(latents),), timestep)
        noisy = noised(latents, noise, prior.alphas_cumprod[timesteps])
        condition = None if sources is None else prior.encode_condition(sources)
        recorder = AttentionRecorder([p for group in positions for p in group], (latents.shape[-2], latents.shape[-1]))
        with recording(prior.pipeline.unet, recorder):
            prior.predict(noisy, timesteps, prior.embed([prompt] * len(latents)), condition)
    maps = recorder.maps(resolution).split([len(group) for group in positions], dim=1)
    return torch.stack([group.mean(dim=1) for group in maps], dim=1)


def token_positions(tokenizer: Any, prompt: str, word: str) -> list[int]:
    """The positions of a word or phrase in a tokenised prompt, wherever it stands.

    Raises:
        InstructionError: it is not in the prompt, or beyond what the model reads of it.
    """
    ids = tokenizer(prompt, truncation=True, max_length=tokenizer.model_max_length).input_ids
    wanted = tokenizer(word, add_special_tokens=False).input_ids
    starts = [i for i in range(len(ids) - len(wanted) + 1) if wanted and ids[i : i + len(wanted)] == wanted]
    if not starts:
        raise InstructionError(
            f"Expected '{word}' among the first {tokenizer.model_max_length} tokens of '{prompt}', but it is not "
            "there; name a word of the prompt."
        )
    return [start + offset for start in starts for offset in range(len(wanted))]


def _levels(height: int, width: int) -> dict[int, tuple[int, int]]:
    """Number of positions -> size, for every time a UNet may halve the latents."""
    levels: dict[int, tuple[int, int]] = {}
    while height * width not in levels:
        levels[height * width] = (height, width)
        height, width = (height + 1) // 2, (width + 1) // 2
    return levels
