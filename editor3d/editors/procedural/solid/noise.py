"""Solid noise for materials: smooth random fields and cells in space, the same at every call."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from editor3d.host.compiled import require


class Cells(NamedTuple):
    """Where points lie among cells of random shape."""

    inside: Tensor
    """[...], distance to the cell's own point, 0 to about 1."""
    border: Tensor
    """[...], how much further the next cell's point is: 0 on the border."""
    number: Tensor
    """[...], the cell's own random number, 0..1."""


def fractal(
    points: Tensor, width: Tensor, scale: float, *, octaves: int = 4, gain: float = 0.5, ridged: bool = False, seed: int
) -> Tensor:
    """A sum of octaves of gradient noise, each twice as fine as the one before.

    Args:
        points: [..., 3], shares of the object's radius.
        width: [...], of a pixel on the surface, in the same units: what is finer fades out.
        scale: periods of the first octave in a radius.
        gain: weight of an octave over that of the one before.
        ridged: crests in place of waves.

    Returns:
        [...] float32, about -1..1.
    """
    require("editor3d.editors.procedural.solid.warmup")
    from editor3d.editors.procedural.solid import kernels

    out = np.empty(width.numel())
    kernels.fractal(
        _rows(points) * scale, width.double().numpy().ravel() * scale, octaves, float(gain), bool(ridged), seed, out
    )
    return torch.from_numpy(out).float().view(width.shape)


def cells(points: Tensor, scale: float, *, seed: int) -> Cells:
    """Cells of random shape (Worley), `scale` of them in a radius.

    Args:
        points: [..., 3], shares of the object's radius.
    """
    require("editor3d.editors.procedural.solid.warmup")
    from editor3d.editors.procedural.solid import kernels

    rows = _rows(points) * scale
    first, second, owner = (np.empty(len(rows)) for _ in range(3))
    kernels.cells(rows, seed, first, second, owner)
    found = (torch.from_numpy(values).float().view(points.shape[:-1]) for values in (first, second - first, owner))
    return Cells(*found)


def _rows(points: Tensor) -> np.ndarray:
    return points.double().numpy().reshape(-1, 3)
