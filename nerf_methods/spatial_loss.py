"""The spatial loss, which keeps a neural field unchanged outside a region (NeRF-Insert, Zhou et al. 2024)."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

SPATIAL_WEIGHT, DENSITY_WEIGHT, COLOR_WEIGHT = 10.0, 100.0, 10.0
"""The paper's code's."""


def spatial_loss(
    density: Float[Tensor, "*samples 1"],
    rgb: Float[Tensor, "*samples 3"],
    weights: Float[Tensor, "*samples 1"],
    density0: Float[Tensor, "*samples 1"],
    rgb0: Float[Tensor, "*samples 3"],
    weights0: Float[Tensor, "*samples 1"],
    outside: Bool[Tensor, "*samples"],
) -> Float[Tensor, ""]:
    """How far a field is from the original at samples outside a region, where either of them shows something.

    L = 10 mean[(100 (exp(-sigma) - exp(-sigma_0))^2 + 10 |c - c_0|^2) (w + w_0)]

    Args:
        density, density0: [..., 1], of the field and of the original at the same samples.
        rgb, rgb0: [..., 3].
        weights, weights0: [..., 1], what each sample contributes to its ray's colour in the one and in the other; held
            fixed.
        outside: [...] bool, which samples lie outside; the mean is over these.

    Returns:
        []; 0 where no sample lies outside.
    """
    opacity = ((-density).exp() - (-density0).exp()).square()
    color = (rgb - rgb0).square().sum(-1, keepdim=True)
    terms = (DENSITY_WEIGHT * opacity + COLOR_WEIGHT * color) * (weights + weights0).detach()
    return SPATIAL_WEIGHT * (terms[..., 0] * outside).sum() / outside.sum().clamp_min(1)
