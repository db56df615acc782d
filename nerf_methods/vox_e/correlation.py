"""L_reg3D of Vox-E: keep an edited density correlated with the source's."""

from __future__ import annotations

import math

import numpy as np
import torch
from numba import prange
from torch import Tensor

from editor3d.host.compiled import njit
from nerf_methods.voxel.field import VoxelField
from nerf_methods.voxel.reference import activate

_f4 = np.float32
_KERNEL = dict(error_model="numpy", nogil=True)


@njit(inline="always")
def _activated(x, relu):
    """Density of a shifted raw value, and its derivative; see `kernels.march`."""
    if relu:
        return (x, _f4(1.0)) if x > _f4(0.0) else (_f4(0.0), _f4(0.0))
    if x > _f4(15.0):
        return x, _f4(1.0)
    grown = math.exp(x)
    return (math.log(_f4(1.0) + grown) if grown > _f4(1e-4) else grown), grown / (_f4(1.0) + grown)


@njit(parallel=True, **_KERNEL)
def _densities(grid, shift, relu, values):
    """Fill `values` [X, Y, Z]; by the loops' own arithmetic, so that a field agrees with itself to the last bit."""
    size_x, size_y, size_z = values.shape
    for x in prange(size_x):
        for y in range(size_y):
            for z in range(size_z):
                values[x, y, z], _ = _activated(grid[x, y, z, 0] + shift, relu)


@njit(parallel=True, **_KERNEL)
def _moments(grid, source, source_mean, pivot, shift, relu, sums):
    """Sums over each x-plane of (f - pivot, (f - pivot)^2, (f - pivot) (f_i - mean f_i)) into [X, 3] float64."""
    size_x, size_y, size_z = source.shape
    for x in prange(size_x):
        first, second, mixed = 0.0, 0.0, 0.0
        for y in range(size_y):
            for z in range(size_z):
                value, _ = _activated(grid[x, y, z, 0] + shift, relu)
                away = np.float64(value) - pivot
                first += away
                second += away * away
                mixed += away * (np.float64(source[x, y, z]) - source_mean)
        sums[x, 0], sums[x, 1], sums[x, 2] = first, second, mixed


@njit(parallel=True, **_KERNEL)
def _gradient(grid, source, source_mean, mean, on_source, on_own, shift, relu, grad):
    """grad[..., 0] = (on_source (f_i - mean f_i) + on_own (f - mean f)) df/draw; colours get none."""
    size_x, size_y, size_z = source.shape
    for x in prange(size_x):
        for y in range(size_y):
            for z in range(size_z):
                value, slope = _activated(grid[x, y, z, 0] + shift, relu)
                push = on_source * (np.float64(source[x, y, z]) - source_mean) + on_own * (np.float64(value) - mean)
                grad[x, y, z, 0] = _f4(push * slope)
                grad[x, y, z, 1] = grad[x, y, z, 2] = grad[x, y, z, 3] = _f4(0.0)


class _Correlation(torch.autograd.Function):
    """1 - correlation of the densities at the lattice points, and its gradient with respect to the raw lattice."""

    @staticmethod
    def forward(ctx, grid: Tensor, reference: DensityReference, shift: float, relu: bool) -> Tensor:
        sums = np.empty((grid.shape[0], 3))
        raw, single = grid.detach().numpy(), _f4(shift)
        _moments(raw, reference.values, reference.mean, reference.mean, single, relu, sums)
        first, second, mixed = sums.sum(0) / reference.values.size
        mean, variance = reference.mean + first, second - first * first
        ctx.saved = raw, reference, single, relu, mean, variance, mixed
        # the source's deviations sum to zero, so the pivot drops out of the covariance
        return grid.new_tensor(1.0 - mixed / math.sqrt(variance * reference.variance))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, upstream: Tensor):
        raw, reference, shift, relu, mean, variance, covariance = ctx.saved
        scale = float(upstream) / (reference.values.size * math.sqrt(variance * reference.variance))
        grad = np.empty(raw.shape, np.float32)
        _gradient(raw, reference.values, reference.mean, mean, -scale, scale * covariance / variance, shift, relu, grad)
        return torch.from_numpy(grad), None, None, None


class DensityReference:
    """The densities that L_reg3D compares with, and what of them does not change."""

    def __init__(self, source: VoxelField) -> None:
        """Remember a field's densities at its lattice points."""
        grid = source.grid.detach()
        if grid.device.type != "cpu":
            self.density = activate(grid[..., 0] + source.shift, source.relu)
            return
        self.values = np.empty(grid.shape[:3], np.float32)
        _densities(grid.numpy(), _f4(source.shift), source.relu, self.values)
        self.mean = float(self.values.mean(dtype=np.float64))
        self.variance = float(self.values.var(dtype=np.float64))

    def loss(self, field: VoxelField) -> Tensor:
        """1 - Cov(f_i, f_e) / sqrt(Var f_i Var f_e) over all lattice points: 0 where the densities agree up to scale.

        Args:
            field: the edited field, of the source's resolution.

        Returns:
            [], in 0..2, with a gradient to the field's raw density.
        """
        if field.grid.device.type == "cpu":
            return _Correlation.apply(field.grid, self, field.shift, field.relu)
        return correlation_loss(activate(field.grid[..., 0] + field.shift, field.relu), self.density)


def correlation_loss(one: Tensor, other: Tensor) -> Tensor:
    """1 - Cov(a, b) / sqrt(Var a Var b), in plain torch.

    Args:
        one, other: of one shape.
    """
    a, b = one - one.mean(), other - other.mean()
    return 1.0 - (a * b).mean() / (a.square().mean() * b.square().mean()).sqrt()
