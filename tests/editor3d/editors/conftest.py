"""Pictures to edit: random ones with the statistics of photographs, and real ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ...natural import natural_picture as draw_natural_picture


@pytest.fixture(scope="session")
def natural_picture() -> Callable[..., torch.Tensor]:
    """A function of seed (and height, width, mean) -> [H, W, 3] in 0..1."""
    return draw_natural_picture


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
