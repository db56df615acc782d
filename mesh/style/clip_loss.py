"""Text2Mesh's losses: how far pictures of a mesh are from a text under CLIP, through random views of each picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

DISTORTION, LIKELY = 0.5, 0.8
"""How far corners move at most, as a share of half the side, and how often they do."""


class Encoder(Protocol):
    """What the losses need of CLIP: `editor3d.guidance.clip.ClipEncoder` has it."""

    name: str
    side: int

    def embed_images(self, images: Tensor) -> Tensor: ...

    def embed_texts(self, texts: list[str]) -> Tensor: ...


@dataclass(frozen=True)
class ClipLossSettings:
    """Weights of the three losses and how many augmentations each averages over."""

    whole: float = 1.0
    """Of pictures as they are, seen from changed perspectives."""
    parts: float = 1.0
    """Of crops of them."""
    shape: float = 1.0
    """Of crops of pictures in the mesh's own colours: what its displacement alone shows."""
    augmentations: int = 1
    crop: float = 0.1
    """Share of a picture's area that a crop shows."""
    smoothness: float = 0.0
    """Weight of the colour change's variance over the vertices: large for one colour all over."""


def clip_loss(
    encoder: Encoder,
    text: Tensor,
    colored: Tensor,
    shaped: Tensor | None,
    settings: ClipLossSettings,
    generator: torch.Generator,
) -> Tensor:
    """L = -sum_k w_k cos(mean_v E(T_k(I_v)), t), with T_k an augmentation that all views share.

    Args:
        text: the prompt's embedding [D], of length 1.
        colored: pictures of the styled mesh [B, S, S, 3] in 0..1.
        shaped: the same in the mesh's own colours; None where its shape stays.
        generator: on the CPU; draws the augmentations.

    Returns:
        [], between minus and plus the sum of the weights.
    """
    terms = [(settings.whole, colored, 1.0), (settings.parts, colored, settings.crop)]
    if shaped is not None:
        terms.append((settings.shape, shaped, settings.crop))
    total = text.new_zeros(())
    for weight, pictures, share in terms:
        if weight == 0.0:
            continue
        for _ in range(settings.augmentations):
            seen = augmented(pictures, share, generator)
            mean = encoder.embed_images(seen).mean(0)
            total = total - weight / settings.augmentations * F.cosine_similarity(mean, text, dim=0)
    return total


def augmented(pictures: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """A random crop of `share` of the area, scaled up again, in a random perspective, white round it.

    Args:
        pictures: [B, S, S, 3]; all are changed alike.
    """
    from torchvision.transforms import functional as transforms  # imports for seconds

    planes = pictures.permute(0, 3, 1, 2)
    side = planes.shape[-1]
    if share < 1.0:
        size = max(1, round(side * share**0.5))
        top, left = torch.randint(side - size + 1, (2,), generator=generator).tolist()
        planes = transforms.resized_crop(planes, top, left, size, size, [side, side], antialias=True)
    if float(torch.rand((), generator=generator)) < LIKELY:
        reach = DISTORTION * side / 2
        inwards = (torch.rand(4, 2, generator=generator) * reach).tolist()
        corners = [[0, 0], [side - 1, 0], [side - 1, side - 1], [0, side - 1]]
        signs = [[1, 1], [-1, 1], [-1, -1], [1, -1]]
        moved = [
            [corner[k] + sign[k] * by[k] for k in (0, 1)]
            for corner, sign, by in zip(corners, signs, inwards, strict=True)
        ]
        planes = transforms.perspective(planes, corners, moved, fill=[1.0])
    return planes.permute(0, 2, 3, 1)
