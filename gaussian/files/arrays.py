"""Conversions that several formats share: arrays to splats, 8-bit opacities, packed rotations, change of frame."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gaussian.splats import Splats

_ABOUT_X = torch.tensor([1.0, -1, -1, 1, -1, 1, 1, -1, 1, -1, 1, -1, -1, 1, -1, 1])
_ABOUT_Z = torch.tensor([1.0, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1])
"""Whether a basis function is even (1) or odd (-1) in the two other axes together, in the order of `sh_basis`."""


def splats_of(
    means: np.ndarray, log_scales: np.ndarray, quats: np.ndarray, opacity_logits: np.ndarray, sh: np.ndarray
) -> Splats:
    """Splats of arrays of any float type and byte order, copied only where needed; shapes as in `Splats`."""
    arrays = (means, log_scales, quats, opacity_logits, sh)
    with np.errstate(over="ignore"):  # beyond float32: becomes infinite, which `checked` names
        return Splats(*(torch.from_numpy(np.require(array, np.float32, ["C", "W"])) for array in arrays))


def turned_about_x(splats: Splats) -> Splats:
    """The scene turned by 180 degrees about x, between the frames of .ply (right, down, front) and of .spz and USD
    (right, up, back).

    Only signs change, so turning twice gives the same bits. The Gaussian's own axes are turned along, which changes
    nothing: R -> F R F with F = diag(1, -1, -1), under which its covariance becomes F Sigma F.
    """
    return _turned(splats, torch.tensor([1.0, -1.0, -1.0]), _ABOUT_X)


def turned_about_z(splats: Splats) -> Splats:
    """The same about z, between the frames of .ply and of glTF (left, up, front)."""
    return _turned(splats, torch.tensor([-1.0, -1.0, 1.0]), _ABOUT_Z)


def _turned(splats: Splats, signs: Tensor, harmonics: Tensor) -> Splats:
    return Splats(
        splats.means * signs,
        splats.log_scales,
        splats.quats * torch.cat([torch.ones(1), signs]),
        splats.opacity_logits,
        splats.sh * harmonics[: splats.sh.shape[1], None],
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


def packed_smallest_three(quats: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Which component of a rotation is largest [N], and the three others [N, 3] as integers 0..most over +-1/sqrt(2).

    Args:
        quats: [N, 4] of any length but zero.
    """
    unit = quats.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    largest = np.abs(unit).argmax(1)
    unit *= np.where(np.take_along_axis(unit, largest[:, None], 1) < 0, -1, 1)
    others = unit[np.arange(4) != largest[:, None]].reshape(-1, 3)
    return largest, np.rint((others * 0.5**0.5 + 0.5) * most).clip(0, most).astype(np.int64)


def along_curve(means: Tensor) -> Tensor:
    """The order [N] of centres [N, 3] along the Morton curve, 21 bits an axis: what is near in space is near in it."""
    places = means.double()
    low, high = places.amin(0), places.amax(0)
    cells = ((places - low) / (high - low).clamp_min(1e-300) * (2**21 - 1)).long()
    code = torch.zeros(len(means), dtype=torch.int64)
    for axis in range(3):
        bits = cells[:, axis]
        for shift, mask in (
            (32, 0x1F00000000FFFF),
            (16, 0x1F0000FF0000FF),
            (8, 0x100F00F00F00F00F),
            (4, 0x10C30C30C30C30C3),
            (2, 0x1249249249249249),
        ):
            bits = (bits | bits << shift) & mask
        code |= bits << axis
    return code.argsort(stable=True)
