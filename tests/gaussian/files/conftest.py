from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from gaussian.splats import Splats


@pytest.fixture(scope="session")
def make_splats() -> Callable[..., Splats]:
    """Random Gaussians that look like trained ones."""

    def make(seed: int, count: int = 5, degree: int = 3) -> Splats:
        generator = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> torch.Tensor:
            return torch.randn(*shape, generator=generator)

        means, scales, quats, opacities = (
            normal(count, 3) * 3,
            normal(count, 3) - 4,
            normal(count, 4),
            normal(count) * 3,
        )
        sh = normal(count, (degree + 1) ** 2, 3) * 0.2
        return Splats(means, scales, quats, opacities, sh)

    return make
