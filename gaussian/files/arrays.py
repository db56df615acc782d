"""Conversions that several formats share: arrays to splats, 8-bit opacities, packed rotations, change of frame."""

from __future__ import annotations

import numpy as np
import torch

from gaussian.splats import Splats

_TURN_MEAN = torch.tensor([1.0, -1.0, -1.0])
_TURN_QUAT = torch.tensor([1.0, 1.0, -1.0, -1.0])
_TURN_SH = torch.tensor([1.0, -1, -1, 1, -1, 1, 1, -1, 1, -1, 1, -1, -1, 1, -1, 1])
"""Whether a basis function is even (1) or odd (-1) in y and z together, in the order of `sh_basis`."""


def splats_of(
    means: np.ndarray, log_scales: np.ndarray, quats: np.ndarray, opacity_logits: np.ndarray, sh: np.ndarray
) -> Splats:
    """Splats of arrays of any float type and byte order, copied only where needed; shapes as in `Splats`."""
    arrays = (means, log_scales, quats, opacity_logits, sh)
    with np.errstate(over="ignore"):  # beyond float32: becomes infinite, which `checked` names
        return Splats(*(torch.from_numpy(np.require(array, np.float32, ["C", "W"])) for array in arrays))


def turned_about_x(splats: Splats) -> Splats:
    """The scene turned by 180 degrees about x, between the frames of .ply (y down) and of .spz and glTF (y up).

    Only signs change, so turning twice gives the same bits. The Gaussian's own axes are turned along, which changes
    nothing: R -> F R F with F = diag(1, -1, -1), under which its covariance becomes F Sigma F.
    """
    return Splats(
        splats.means * _TURN_MEAN,
        splats.log_scales,
        splats.quats * _TURN_QUAT,
        splats.opacity_logits,
        splats.sh * _TURN_SH[: splats.sh.shape[1], None],
    )


def opacity_bytes(splats: Splats) -> np.ndarray:
    """Opacities as [N] uint8, 255 for opaque."""
    return np.rint(splats.opacities.numpy() * 255).astype(np.uint8)


def opacity_logits_of(opacity: np.ndarray) -> np.ndarray:
    """Logits of 8-bit opacities; 0 and 255, whose logits would be infinite, stand for a quarter of a step inside.

    Args:
        opacity: [N], 0..255.
    """
    inside = np.clip(opacity.astype(np.float64), 0.25, 254.75) / 255
    return np.log(inside / (1 - inside))


def quats_of_smallest_three(largest: np.ndarray, smallest: np.ndarray) -> np.ndarray:
    """Unit quaternions of which only the three smallest components are stored.

    Args:
        largest: which component is missing [N], 0..3.
        smallest: the others in their order [N, 3].

    Returns:
        [N, 4] float64, the missing component positive.
    """
    quats = np.empty((len(largest), 4))
    stored = np.arange(4) != largest[:, None]
    quats[stored] = smallest.reshape(-1)
    quats[~stored] = np.sqrt(np.maximum(1 - (smallest**2).sum(1), 0))
    return quats
