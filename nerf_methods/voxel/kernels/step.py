"""Compiled loops of the voxel field's optimiser: smoothness and Adam. Notation: `nerf_methods.voxel.kernels.march`."""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from editor3d.host.compiled import njit
from nerf_methods.voxel.kernels.march import KERNEL

_ROW = 16  # lattice points that are tested together
_ONE, _ZERO = np.float32(1.0), np.float32(0.0)


@njit(parallel=True, **KERNEL)
def add_smoothness_gradient(grid, grad, density_weight, color_weight):
    """Add the gradient of a total-variation prior to `grad`, in rows that hold a data gradient.

    The prior is w/2 * sum over neighbouring lattice points p, q of huber(raw_p - raw_q); its derivative is the
    difference, clipped to +-1 so that true edges are not torn down faster than noise.
    """
    size_x, size_y, size_z = grid.shape[0], grid.shape[1], grid.shape[2]
    for x in prange(size_x):
        for y in range(size_y):
            for start in range(0, size_z, _ROW):
                end = min(size_z, start + _ROW)
                any_grad = False
                for z in range(start, end):
                    if grad[x, y, z, 0] != _ZERO or grad[x, y, z, 1] != _ZERO:
                        any_grad = True
                        break
                if not any_grad:
                    continue
                for z in range(start, end):
                    if grad[x, y, z, 0] == _ZERO and grad[x, y, z, 1] == _ZERO:
                        continue
                    for channel in range(4):
                        here = grid[x, y, z, channel]
                        total = _ZERO
                        if x > 0:
                            total += min(max(here - grid[x - 1, y, z, channel], -_ONE), _ONE)
                        if x < size_x - 1:
                            total += min(max(here - grid[x + 1, y, z, channel], -_ONE), _ONE)
                        if y > 0:
                            total += min(max(here - grid[x, y - 1, z, channel], -_ONE), _ONE)
                        if y < size_y - 1:
                            total += min(max(here - grid[x, y + 1, z, channel], -_ONE), _ONE)
                        if z > 0:
                            total += min(max(here - grid[x, y, z - 1, channel], -_ONE), _ONE)
                        if z < size_z - 1:
                            total += min(max(here - grid[x, y, z + 1, channel], -_ONE), _ONE)
                        grad[x, y, z, channel] += total * (density_weight if channel == 0 else color_weight)


@njit(parallel=True, **KERNEL)
def sparse_adam(param, grad, first, second, density_rate, color_rate, beta1, beta2, eps, correction1, correction2):
    """Adam on the entries whose gradient is not zero; others, and their moments, stay as they are.

    Args:
        param, grad, first, second: flat float32 arrays of one length.
        density_rate, color_rate: learning rates of every fourth entry (density) and of the other three (colour).
        correction1, correction2: 1 - beta^step, the bias corrections.
    """
    size = param.shape[0]
    rows = (size + 63) // 64
    root = _ONE / math.sqrt(correction2)
    density_step = density_rate / correction1
    color_step = color_rate / correction1
    for row in prange(rows):
        start, end = row * 64, min(size, row * 64 + 64)
        any_grad = False
        for i in range(start, end):
            any_grad |= grad[i] != _ZERO
        if not any_grad:
            continue
        for i in range(start, end):
            g = grad[i]
            used = g != _ZERO
            m = first[i] * beta1 + (_ONE - beta1) * g
            v = second[i] * beta2 + (_ONE - beta2) * g * g
            rate = density_step if i & 3 == 0 else color_step
            p = param[i] - rate * m / (math.sqrt(v) * root + eps)
            first[i] = m if used else first[i]
            second[i] = v if used else second[i]
            param[i] = p if used else param[i]
