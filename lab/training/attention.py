"""Cross-attention that can be looked at, and the loss that teaches an object's word to look at the object."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from diffusers import UNet2DConditionModel
    from diffusers.models.attention_processor import Attention


class CrossAttentionRecorder:
    """Stands in for the attention processors of a UNet's text attention and keeps their probabilities.

    softmax(q k^T / sqrt(d)), averaged over heads, is appended to `maps` as [B, pixels, tokens] in the order of the
    layers; call `clear` before a forward pass.
    """

    def __init__(self, unet: UNet2DConditionModel) -> None:
        self.maps: list[Tensor] = []
        for name, module in unet.named_modules():
            if name.endswith("attn2"):
                module.set_processor(self)

    def clear(self) -> None:
        self.maps.clear()

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        **kwargs: object,
    ) -> Tensor:
        heads = attn.heads

        def split(x: Tensor) -> Tensor:
            return x.unflatten(-1, (heads, -1)).transpose(1, 2)

        assert attn.to_k is not None
        assert attn.to_v is not None
        assert attn.to_out is not None
        query = split(attn.to_q(hidden_states))
        key, value = split(attn.to_k(encoder_hidden_states)), split(attn.to_v(encoder_hidden_states))
        probabilities = (query @ key.transpose(-1, -2) * attn.scale).float().softmax(-1)
        self.maps.append(probabilities.mean(1))
        out = (probabilities.to(value.dtype) @ value).transpose(1, 2).flatten(2)
        return attn.to_out[1](attn.to_out[0](out))


def word_loss(maps: list[Tensor], tokens: Tensor, masks: Tensor) -> Tensor:
    """Mean over layers and pictures of KL(m || a): m the mask spread evenly over its cells, a the word's attention.

    a is the attention that a word gets from each cell, divided by its sum over cells, so that only where the word looks
    is taught, not how much of the attention it gets.

    Args:
        maps: [B, pixels, tokens] of square pictures, from `CrossAttentionRecorder`.
        tokens: [B, tokens] bool, which tokens are the object's word.
        masks: [B, h, w] in 0..1, the share of a cell that the object covers; h, w a multiple of each map's side.
    """
    losses = []
    for attention in maps:
        side = int(attention.shape[1] ** 0.5)
        wanted = F.adaptive_avg_pool2d(masks[:, None], side).flatten(1)
        wanted = wanted / wanted.sum(1, keepdim=True).clamp_min(1e-6)
        given = (attention * tokens[:, None].to(attention.dtype)).sum(-1)
        given = given / given.sum(1, keepdim=True).clamp_min(1e-12)
        losses.append((wanted * ((wanted + 1e-8).log() - (given + 1e-8).log())).sum(1).mean())
    return torch.stack(losses).mean()
