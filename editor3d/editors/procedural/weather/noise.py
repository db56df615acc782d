"""Random patterns of the points of a surface: the same point has the same value at every call and in every view."""

from __future__ import annotations

import torch
from torch import Tensor

from editor3d.editors.procedural.basis.surface import Surface
from editor3d.editors.procedural.solid.noise import fractal

_SPREAD, _PERIOD = 1.1, 0.6
"""Times the solid noise, for nine tenths of the values to lie in 0.15..0.85; and its periods to a patch."""


def noise(surface: Surface, frequency: float, seed: int, octaves: int = 3) -> Tensor:
    """Solid noise of about `frequency` patches in a unit, and finer ones of half the size and weight.

    What is finer than a pixel on the surface fades to the mean, so that near and far views agree.

    Args:
        octaves: how many sizes are summed.

    Returns:
        [H, W] float32, about 0..1 with mean 0.5.
    """
    scale = _PERIOD * frequency
    return 0.5 + _SPREAD * fractal(surface.points, surface.footprint, scale, octaves=octaves, seed=seed)


def chance(cells: Tensor, seed: int) -> Tensor:
    """A random number for each cell of a grid.

    Args:
        cells: [H, W, D], whole numbers.

    Returns:
        [H, W] float32 in 0..1.
    """
    mixed = torch.full(cells.shape[:-1], seed * 0x9E3779B1, dtype=torch.int64)
    for axis in cells.unbind(-1):
        mixed = _mixed(mixed + axis.long() * 0x85EBCA6B)
    return (mixed >> 8).float() / float(1 << 24)


def _mixed(bits: Tensor) -> Tensor:
    """Spread what differs between 32-bit numbers over all bits (MurmurHash3's finalizer)."""
    bits = bits & 0xFFFFFFFF
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        bits = ((bits ^ (bits >> shift)) * factor) & 0xFFFFFFFF
    return bits ^ (bits >> 16)
