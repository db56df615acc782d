"""Pictures to edit: random ones with the statistics of photographs, and real ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch


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
def picture() -> Callable[[int, int, int], torch.Tensor]:
    """A function of height, width and seed: noise [H, W, 3] in 0..1."""

    def draw(height: int, width: int, seed: int) -> torch.Tensor:
        return torch.rand(height, width, 3, generator=torch.Generator().manual_seed(seed))

    return draw


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
