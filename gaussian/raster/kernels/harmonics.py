"""Colour by direction: real spherical harmonics to degree 3, and their analytic backward.

colour = sum_k Y_k(d / |d|) sh_k,    d from the camera to the Gaussian
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from editor3d.host.compiled import njit
from gaussian.raster.kernels import INLINE, PARALLEL

MAX_DEGREE = 3
_MAX_BASES = (MAX_DEGREE + 1) ** 2
_BLOCK = 2048  # Gaussians that share one scratch

_f4 = np.float32
_ZERO, _ONE = _f4(0.0), _f4(1.0)
_Y0 = _f4(0.28209479177387814)
_Y1 = _f4(0.4886025119029199)
_Y2 = _f4(1.0925484305920792)
_Y2_ZZ = _f4(0.31539156525252005)
_Y2_XX = _f4(0.5462742152960396)
_Y3_0 = _f4(0.5900435899266435)
_Y3_1 = _f4(2.890611442640554)
_Y3_2 = _f4(0.4570457994644658)
_Y3_3 = _f4(0.3731763325901154)
_Y3_5 = _f4(1.445305721320277)
_2, _3, _4, _5, _6, _8 = _f4(2), _f4(3), _f4(4), _f4(5), _f4(6), _f4(8)


@njit(**INLINE)
def _basis(degree, x, y, z):
    """Y_k at a unit direction; what lies beyond `degree` is zero."""
    xx, yy, zz = x * x, y * y, z * z
    one = _ONE if degree >= 1 else _ZERO
    two = _ONE if degree >= 2 else _ZERO
    three = _ONE if degree >= 3 else _ZERO
    return (
        _Y0,
        -one * _Y1 * y,
        one * _Y1 * z,
        -one * _Y1 * x,
        two * _Y2 * x * y,
        -two * _Y2 * y * z,
        two * _Y2_ZZ * (_2 * zz - xx - yy),
        -two * _Y2 * x * z,
        two * _Y2_XX * (xx - yy),
        -three * _Y3_0 * y * (_3 * xx - yy),
        three * _Y3_1 * x * y * z,
        -three * _Y3_2 * y * (_4 * zz - xx - yy),
        three * _Y3_3 * z * (_2 * zz - _3 * xx - _3 * yy),
        -three * _Y3_2 * x * (_4 * zz - xx - yy),
        three * _Y3_5 * z * (xx - yy),
        -three * _Y3_0 * x * (xx - _3 * yy),
    )


@njit(**INLINE)
def _basis_gradient(degree, x, y, z, g):
    """sum_k g_k dY_k/d(x, y, z), with the polynomials of `_basis` taken as functions of any (x, y, z)."""
    dx, dy, dz = _ZERO, _ZERO, _ZERO
    if degree >= 1:
        dy -= _Y1 * g[1]
        dz += _Y1 * g[2]
        dx -= _Y1 * g[3]
    if degree >= 2:
        dx += _Y2 * (y * g[4] - z * g[7]) + _2 * x * (_Y2_XX * g[8] - _Y2_ZZ * g[6])
        dy += _Y2 * (x * g[4] - z * g[5]) - _2 * y * (_Y2_XX * g[8] + _Y2_ZZ * g[6])
        dz += _4 * _Y2_ZZ * z * g[6] - _Y2 * (y * g[5] + x * g[7])
    if degree >= 3:
        xx, yy, zz = x * x, y * y, z * z
        dx += -_6 * _Y3_0 * x * y * g[9] + _Y3_1 * y * z * g[10] + _2 * _Y3_2 * x * y * g[11]
        dx += -_6 * _Y3_3 * x * z * g[12] - _Y3_2 * (_4 * zz - _3 * xx - yy) * g[13]
        dx += _2 * _Y3_5 * x * z * g[14] - _3 * _Y3_0 * (xx - yy) * g[15]
        dy += -_3 * _Y3_0 * (xx - yy) * g[9] + _Y3_1 * x * z * g[10] - _Y3_2 * (_4 * zz - xx - _3 * yy) * g[11]
        dy += -_6 * _Y3_3 * y * z * g[12] + _2 * _Y3_2 * x * y * g[13]
        dy += -_2 * _Y3_5 * y * z * g[14] + _6 * _Y3_0 * x * y * g[15]
        dz += _Y3_1 * x * y * g[10] - _8 * _Y3_2 * y * z * g[11]
        dz += _Y3_3 * (_6 * zz - _3 * xx - _3 * yy) * g[12] - _8 * _Y3_2 * x * z * g[13] + _Y3_5 * (xx - yy) * g[14]
    return dx, dy, dz


@njit(**INLINE)
def _direction(mean, eye):
    x, y, z = mean[0] - eye[0], mean[1] - eye[1], mean[2] - eye[2]
    inverse = _ONE / math.sqrt(max(x * x + y * y + z * z, _f4(1e-24)))
    return x * inverse, y * inverse, z * inverse, inverse


@njit(**PARALLEL)
def colors_of(means, eye, sh, degree, radii, colors):
    """Evaluate the harmonics of the visible Gaussians.

    Args:
        eye: [3], the camera's position.
        sh: [N, K, 3] with K >= (degree + 1)^2.
        colors: [N, 3], filled; zero where `radii` is 0.
    """
    bases = (degree + 1) * (degree + 1)
    for i in prange(means.shape[0]):
        r, g, b = _ZERO, _ZERO, _ZERO
        if radii[i] > 0:
            x, y, z, _ = _direction(means[i], eye)
            basis = _basis(degree, x, y, z)
            for k in range(bases):
                r += basis[k] * sh[i, k, 0]
                g += basis[k] * sh[i, k, 1]
                b += basis[k] * sh[i, k, 2]
        colors[i, 0], colors[i, 1], colors[i, 2] = r, g, b


@njit(**PARALLEL)
def colors_backward(means, eye, sh, degree, radii, v_colors, v_sh, v_means):
    """Hand the gradient of the colours on; all outputs are zero where `radii` is 0.

    Args:
        v_sh: [N, K, 3], filled.
        v_means: [N, 3], filled. The gradient of `eye` is minus its sum.
    """
    bases = (degree + 1) * (degree + 1)
    n = means.shape[0]
    for block in prange(-(-n // _BLOCK)):
        along = np.empty(_MAX_BASES, np.float32)
        for i in range(block * _BLOCK, min(n, (block + 1) * _BLOCK)):
            if radii[i] == 0:
                v_sh[i, :, :] = _ZERO
                v_means[i, :] = _ZERO
                continue
            x, y, z, inverse = _direction(means[i], eye)
            basis = _basis(degree, x, y, z)
            r, g, b = v_colors[i, 0], v_colors[i, 1], v_colors[i, 2]
            for k in range(bases):
                along[k] = r * sh[i, k, 0] + g * sh[i, k, 1] + b * sh[i, k, 2]
                v_sh[i, k, 0], v_sh[i, k, 1], v_sh[i, k, 2] = basis[k] * r, basis[k] * g, basis[k] * b
            v_sh[i, bases:, :] = _ZERO
            dx, dy, dz = _basis_gradient(degree, x, y, z, along)
            radial = dx * x + dy * y + dz * z  # the length of the direction changes nothing
            v_means[i, 0] = (dx - radial * x) * inverse
            v_means[i, 1] = (dy - radial * y) * inverse
            v_means[i, 2] = (dz - radial * z) * inverse
