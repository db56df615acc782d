"""A denoiser in closed form."""

from __future__ import annotations

import torch
from torch import Tensor


class PixelPrior:
    """Knows pictures that are N(mean, deviation^2), and is its own encoder."""

    def locate(self) -> None:
        pass

    def encode(self, images: Tensor, generator: torch.Generator) -> Tensor:
        return images.permute(0, 3, 1, 2)

    def encode_condition(self, images: Tensor) -> Tensor:
        return images.permute(0, 3, 1, 2)


def expected_noise(noisy: Tensor, abar: Tensor, mean: Tensor, deviation: float) -> Tensor:
    """With z_t = sqrt(abar) z + sqrt(1 - abar) eps and z ~ N(mean, deviation^2):
    E[eps | z_t] = sqrt(1 - abar) (z_t - sqrt(abar) mean) / (abar deviation^2 + 1 - abar).

    Args:
        noisy: z_t, [B, C, H, W].
        abar: [B].
    """
    abar = abar.view(-1, 1, 1, 1)
    return (1 - abar).sqrt() * (noisy - abar.sqrt() * mean) / (abar * deviation**2 + 1 - abar)
