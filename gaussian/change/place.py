"""Move, turn, scale and copy a part of a scene; what looks from everywhere as it did from where it was."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from editor3d.errors import ConfigError
from gaussian.files.contents import FILTER, SplatFile
from gaussian.splats import Splats, concatenate, select, transform

if TYPE_CHECKING:
    from collections.abc import Sequence

_NORMALS = ("nx", "ny", "nz")
_EDGE = 0.01


def similarity(
    pivot: Sequence[float],
    by: Sequence[float] = (0.0, 0.0, 0.0),
    axis: Sequence[float] = (0.0, 0.0, 1.0),
    degrees: float = 0.0,
    scale: float = 1.0,
) -> Tensor:
    """Turn about an axis through `pivot`, scale from there, then move: x' = s R (x - p) + p + b.

    Args:
        pivot: [3].
        by: [3].
        axis: [3] of any length but zero; seen along it the turn is clockwise, as a screw goes.
        scale: s > 0.

    Returns:
        [s R | t], [3, 4] float64.

    Raises:
        ConfigError: a scale of zero or less, an axis of length zero, or a number that is not finite.
    """
    numbers = np.concatenate([np.array(one, np.float64).ravel() for one in (pivot, by, axis, degrees, scale)])
    length = float(np.linalg.norm(np.array(axis, np.float64)))
    if not np.isfinite(numbers).all() or length == 0 or scale <= 0:
        raise ConfigError(
            f"Expected finite numbers, an axis that is not zero and a scale above 0, got the axis {list(axis)}, "
            f"{degrees} degrees and the scale {scale}."
        )
    rotation = Rotation.from_rotvec(np.array(axis, np.float64) / length * np.radians(degrees)).as_matrix()
    linear = scale * rotation
    p = np.array(pivot, np.float64)
    return torch.from_numpy(np.column_stack([linear, p + np.array(by, np.float64) - linear @ p]))


def placed(contents: SplatFile, which: Tensor, matrix: Tensor, copy: bool = False) -> SplatFile:
    """A scene with a part of it elsewhere; all other Gaussians keep every bit.

    Means, scales, rotations and harmonics follow (`gaussian.splats.transform`), and so do normals and the widths of
    Mip-Splatting's filter, where a file has them.

    Args:
        which: the part, [N] bool.
        matrix: [s R | t] in the file's own frame, [3, 4] float64.
        copy: leave the part where it is, and add the moved one behind all others.
    """
    offset = torch.tensor(contents.offset, dtype=torch.float64)
    local = matrix.clone()
    local[:, 3] += matrix[:, :3] @ offset - offset
    moved = transform(select(contents.splats, which), local)
    extra = contents.extra
    if extra is not None:
        names = extra.dtype.names or ()
        part = extra[which.numpy()].copy()
        scale = float(torch.linalg.det(matrix[:, :3])) ** (1 / 3)
        if all(name in names for name in _NORMALS):
            normals = np.stack([part[name].astype(np.float64) for name in _NORMALS], 1)
            for name, column in zip(_NORMALS, (normals @ matrix[:, :3].numpy().T / scale).T, strict=True):
                part[name] = column
        if FILTER in names:
            part[FILTER] *= scale
        extra = np.concatenate([extra, part]) if copy else extra.copy()
        if not copy:
            extra[which.numpy()] = part
    if copy:
        return replace(contents, splats=concatenate([contents.splats, moved]), extra=extra)
    tensors = {name: values.clone() for name, values in contents.splats.tensors.items()}
    for name, values in moved.tensors.items():
        tensors[name][which] = values
    return replace(contents, splats=Splats(**tensors), extra=extra)


def extent(contents: SplatFile, which: Tensor, axes: Tensor) -> tuple[Tensor, Tensor]:
    """From where to where a part reaches along axes, stray Gaussians left out.

    Each Gaussian stands for its centre and one standard deviation to either side; of their opacities 1 % lie beyond
    either end.

    Args:
        which: the part, [N] bool.
        axes: unit vectors [A, 3], in the file's own frame.

    Returns:
        The lower and the upper ends, [A] float64 each.
    """
    part = select(contents.drawn, which)
    centres = (contents.centres[which] @ axes.double().T).numpy()
    spread = _spread(part, axes).numpy()
    weights = part.opacities.double().numpy()
    ends = []
    for column in range(len(axes)):
        low = _quantile(centres[:, column] - spread[:, column], weights, _EDGE)
        high = _quantile(centres[:, column] + spread[:, column], weights, 1 - _EDGE)
        ends.append((low, high))
    both = torch.tensor(ends, dtype=torch.float64)
    return both[:, 0], both[:, 1]


def _spread(part: Splats, axes: Tensor) -> Tensor:
    """Standard deviations along axes [M, A]: |S Rᵀ a|."""
    quats = part.quats.double().numpy()
    rotations = torch.from_numpy(Rotation.from_quat(np.roll(quats, -1, axis=1)).as_matrix())
    along = torch.einsum("nij,ai->naj", rotations, axes.double())
    return (along * part.scales.double()[:, None]).norm(dim=2)


def _quantile(values: np.ndarray, weights: np.ndarray, share: float) -> float:
    order = values.argsort()
    heights = np.cumsum(weights[order])
    return float(values[order][min(int(np.searchsorted(heights, share * heights[-1])), len(values) - 1)])
