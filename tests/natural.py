"""Random pictures with the statistics of photographs."""

from __future__ import annotations

import torch


def natural_picture(seed: int, height: int = 160, width: int = 192, mean: float = 0.55) -> torch.Tensor:
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
