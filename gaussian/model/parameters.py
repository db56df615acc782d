"""A scene of Gaussians as trainable parameters of splatfacto's names and shapes, and back."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from gaussian.splats import Splats

PARAMETERS = ("means", "scales", "quats", "features_dc", "features_rest", "opacities")
"""Names of the parameters, and of their groups in the optimisers."""


def parameters_of(splats: Splats) -> dict[str, Tensor]:
    """The parameters of a scene; copies."""
    return {
        "means": splats.means.clone(),
        "scales": splats.log_scales.clone(),
        "quats": splats.quats.clone(),
        "features_dc": splats.sh[:, 0].clone(),
        "features_rest": splats.sh[:, 1:].clone(),
        "opacities": splats.opacity_logits[:, None].clone(),
    }


def splats_of(parameters: Mapping[str, Tensor]) -> Splats:
    """The scene of parameters, sharing memory with them where it can."""
    p = parameters
    return Splats(p["means"], p["scales"], p["quats"], p["opacities"][:, 0], harmonics_of(p)).detach()


def harmonics_of(parameters: Mapping[str, Tensor], degree: int | None = None) -> Tensor:
    """Coefficients of spherical harmonics [N, (degree + 1)^2, 3], all that there are by default."""
    rest = parameters["features_rest"]
    if degree is not None:
        rest = rest[:, : (degree + 1) ** 2 - 1]
    return torch.cat([parameters["features_dc"][:, None], rest], 1)
