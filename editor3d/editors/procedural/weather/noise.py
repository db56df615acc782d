"""Random patterns of the points of a surface: the same point has the same value at every call and in every view."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

_PERIOD = 32


@lru_cache(maxsize=64)
def _lattice(seed: int) -> Tensor:
    """Random values [1, 1, P + 1, P + 1, P + 1] of a lattice that repeats itself."""
    values = torch.rand((_PERIOD,) * 3, generator=torch.Generator().manual_seed(seed))
    for axis in range(3):
        values = torch.cat([values, values.narrow(axis, 0, 1)], axis)
    return values[None, None]


def noise(points: Tensor, frequency: float, seed: int, octaves: int = 3) -> Tensor:
    """Value noise with a lattice point every 1 / `frequency` units, and finer ones of half the size and weight.

    Args:
        points: [H, W, 3] float32.
        octaves: how many sizes are summed.

    Returns:
        [H, W] float32, about 0..1 with mean 0.5.
    """
    total, weights = torch.zeros(points.shape[:2]), 0.0
    for octave in range(octaves):
        at = (points * frequency * 2.0**octave + 7.3 * (octave + 1)).remainder(_PERIOD)
        cell = at.floor()
        share = at - cell
        at = cell + share * share * (3.0 - 2.0 * share)
        grid = (at * (2.0 / _PERIOD) - 1.0)[None, None]
        found = torch.nn.functional.grid_sample(
            _lattice(seed + octave), grid, padding_mode="border", align_corners=True
        )
        total += 0.5**octave * found[0, 0, 0]
        weights += 0.5**octave
    return 0.5 + 1.6 * (total / weights - 0.5)


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
