from __future__ import annotations

import pytest
import torch

from gaussian.splats import Splats


@pytest.fixture
def ball() -> Splats:
    """A shell of 600 coloured Gaussians with harmonics, and a floor below it."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    shell = torch.nn.functional.normalize(normal(600, 3), dim=1) * 0.5
    side = torch.linspace(-1.5, 1.5, 40)
    floor = torch.cat([torch.cartesian_prod(side, side), torch.full((1600, 1), -0.5)], 1)
    means = torch.cat([shell, floor + normal(1600, 3) * 0.02])  # no two at one depth
    n = len(means)
    sh = torch.cat([normal(n, 1, 3) * 0.4, normal(n, 15, 3) * 0.1], 1)
    return Splats(means, normal(n, 3) * 0.2 - 3.2, normal(n, 4), normal(n) * 0.3 + 3, sh)
