"""Projection of 3D Gaussians to the picture (EWA splatting), and its analytic backward.

With p = R m + t the centre in the camera's frame, J the derivative of the pinhole projection at p (x/z and y/z held
within 1.3 times the field of view, as in gsplat) and M = rotation(q) diag(s),

    means2d = (f_x x / z + c_x, f_y y / z + c_y),    cov2d = (J R M) (J R M)^T + eps2d I.

A needle's cov2d has a determinant far smaller than the products xx yy and xy^2 that it is the difference of: in float32
nothing is left of it. It is therefore found from the factor J R M, whose rows are a and b, as a sum of squares:

    det(J R M (J R M)^T) = |a x b|^2,    det cov2d = |a x b|^2 + eps2d (|a|^2 + |b|^2) + eps2d^2.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from editor3d.host.compiled import njit
from gaussian.raster.kernels import INLINE, PARALLEL

_f4, _f8 = np.float32, np.float64
_ZERO, _HALF, _ONE, _TWO, _THREE = _f4(0.0), _f4(0.5), _f4(1.0), _f4(2.0), _f4(3.0)
_BLOCK = 2048  # Gaussians whose gradients of the pose are added up together
_SLACK = _f4(0.3)
_MIN_SPREAD = _f4(0.01)


@njit(**INLINE)
def _to_camera(mean, viewmat):
    x = viewmat[0, 0] * mean[0] + viewmat[0, 1] * mean[1] + viewmat[0, 2] * mean[2] + viewmat[0, 3]
    y = viewmat[1, 0] * mean[0] + viewmat[1, 1] * mean[1] + viewmat[1, 2] * mean[2] + viewmat[1, 3]
    z = viewmat[2, 0] * mean[0] + viewmat[2, 1] * mean[1] + viewmat[2, 2] * mean[2] + viewmat[2, 3]
    return x, y, z


@njit(**INLINE)
def _slopes(x, y, z, k, width, height):
    """x/z and y/z, held where the linearisation is still sensible; and whether each is free, not held."""
    fx, fy, cx, cy = k[0, 0], k[1, 1], k[0, 2], k[1, 2]
    slack_x, slack_y = _SLACK * _HALF * _f4(width) / fx, _SLACK * _HALF * _f4(height) / fy
    low_u, high_u = -cx / fx - slack_x, (_f4(width) - cx) / fx + slack_x
    low_v, high_v = -cy / fy - slack_y, (_f4(height) - cy) / fy + slack_y
    u, v = x / z, y / z
    free_u, free_v = low_u <= u <= high_u, low_v <= v <= high_v
    return min(high_u, max(low_u, u)), min(high_v, max(low_v, v)), free_u, free_v


@njit(**INLINE)
def _unit(quat):
    w, x, y, z = quat[0], quat[1], quat[2], quat[3]
    inverse = _ONE / math.sqrt(w * w + x * x + y * y + z * z)
    return w * inverse, x * inverse, y * inverse, z * inverse, inverse


@njit(**INLINE)
def _rotation(w, x, y, z):
    return (
        (_ONE - _TWO * (y * y + z * z), _TWO * (x * y - w * z), _TWO * (x * z + w * y)),
        (_TWO * (x * y + w * z), _ONE - _TWO * (x * x + z * z), _TWO * (y * z - w * x)),
        (_TWO * (x * z - w * y), _TWO * (y * z + w * x), _ONE - _TWO * (x * x + y * y)),
    )


@njit(**INLINE)
def _times(row, m):
    """row (3) times matrix (3 x 3)."""
    return (
        row[0] * m[0][0] + row[1] * m[1][0] + row[2] * m[2][0],
        row[0] * m[0][1] + row[1] * m[1][1] + row[2] * m[2][1],
        row[0] * m[0][2] + row[1] * m[1][2] + row[2] * m[2][2],
    )


@njit(**INLINE)
def _scaled(row, s):
    return (row[0] * s[0], row[1] * s[1], row[2] * s[2])


@njit(**INLINE)
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit(**INLINE)
def _cross(a, b):
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


@njit(**INLINE)
def _jacobian_rows(z, u, v, k, viewmat):
    """The two rows of J R."""
    j0, j2 = k[0, 0] / z, -k[0, 0] * u / z
    k1, k2 = k[1, 1] / z, -k[1, 1] * v / z
    first = (
        j0 * viewmat[0, 0] + j2 * viewmat[2, 0],
        j0 * viewmat[0, 1] + j2 * viewmat[2, 1],
        j0 * viewmat[0, 2] + j2 * viewmat[2, 2],
    )
    second = (
        k1 * viewmat[1, 0] + k2 * viewmat[2, 0],
        k1 * viewmat[1, 1] + k2 * viewmat[2, 1],
        k1 * viewmat[1, 2] + k2 * viewmat[2, 2],
    )
    return first, second


@njit(**PARALLEL)
def project(
    means, quats, scales, viewmat, k, width, height, near, far, eps2d, radius_clip,
    means2d, depths, conics, radii, compensations, determinants,
):  # fmt: skip
    """Project all Gaussians; outputs are zero where a Gaussian cannot be seen.

    Args:
        k: [3, 3] intrinsics.
        means2d, depths, conics: [N, 2], [N], [N, 3], filled.
        compensations: [N], filled: sqrt(det cov / det(cov + eps2d I)), by which antialiasing takes back the opacity
            that the blur adds.
        determinants: [N], filled: A C - B^2 of the conics, which their own rounded numbers may no longer give.
        radii: [N] int32, filled: three standard deviations of the longer axis in pixels, rounded up; 0 where unseen.
    """
    for i in prange(means.shape[0]):
        means2d[i, 0], means2d[i, 1], depths[i], radii[i], compensations[i] = _ZERO, _ZERO, _ZERO, 0, _ZERO
        conics[i, 0], conics[i, 1], conics[i, 2], determinants[i] = _ZERO, _ZERO, _ZERO, _ZERO
        x, y, z = _to_camera(means[i], viewmat)
        if z <= near or z >= far:
            continue
        u, v, _, _ = _slopes(x, y, z, k, width, height)
        w, qx, qy, qz, _ = _unit(quats[i])
        rotation = _rotation(w, qx, qy, qz)
        first, second = _jacobian_rows(z, u, v, k, viewmat)
        a, b = _scaled(_times(first, rotation), scales[i]), _scaled(_times(second, rotation), scales[i])
        raw_xx, xy, raw_yy = _dot(a, a), _dot(a, b), _dot(b, b)
        xx, yy = raw_xx + eps2d, raw_yy + eps2d
        normal = _cross(a, b)
        raw_determinant = _dot(normal, normal)
        determinant = raw_determinant + eps2d * (raw_xx + raw_yy) + eps2d * eps2d
        if not determinant > _ZERO:
            continue
        middle = _HALF * (xx + yy)
        radius = math.ceil(_THREE * math.sqrt(middle + math.sqrt(max(_MIN_SPREAD, middle * middle - determinant))))
        px, py = k[0, 0] * x / z + k[0, 2], k[1, 1] * y / z + k[1, 2]
        outside = px + radius <= _ZERO or px - radius >= width or py + radius <= _ZERO or py - radius >= height
        if outside or radius <= radius_clip:
            continue
        means2d[i, 0], means2d[i, 1], depths[i], radii[i] = px, py, z, int(radius)
        conics[i, 0], conics[i, 1], conics[i, 2] = yy / determinant, -xy / determinant, xx / determinant
        compensations[i], determinants[i] = math.sqrt(raw_determinant / determinant), _ONE / determinant


@njit(**INLINE)
def _factor_gradient(a, b, eps2d, v_conic, v_compensation):
    """dL/da and dL/db of the factor F = [a; b] of cov = F F^T, from the gradients of conic and compensation.

    With X the conic, G = dL/dX and q = det(cov) / det(cov + eps2d I),

        dL/dF = -2 X G X F,    d sqrt(q) / dF = sqrt(q) (cov^-1 - X) F.

    In float64, as two multiplications by X leave almost nothing of what lies along a needle.
    """
    a0, a1, a2, b0, b1, b2 = _f8(a[0]), _f8(a[1]), _f8(a[2]), _f8(b[0]), _f8(b[1]), _f8(b[2])
    blur = _f8(eps2d)
    raw_xx, xy, raw_yy = a0 * a0 + a1 * a1 + a2 * a2, a0 * b0 + a1 * b1 + a2 * b2, b0 * b0 + b1 * b1 + b2 * b2
    raw_determinant = raw_xx * raw_yy - xy * xy
    determinant = raw_determinant + blur * (raw_xx + raw_yy + blur)
    inverse = 1.0 / determinant
    xa, xb, xc = (raw_yy + blur) * inverse, -xy * inverse, (raw_xx + blur) * inverse
    g_a, g_b, g_c = _f8(v_conic[0]), 0.5 * _f8(v_conic[1]), _f8(v_conic[2])
    # P = -2 X G X, symmetric
    p00, p01, p10, p11 = xa * g_a + xb * g_b, xa * g_b + xb * g_c, xb * g_a + xc * g_b, xb * g_b + xc * g_c
    xx, mixed, yy = -2.0 * (p00 * xa + p01 * xb), -2.0 * (p00 * xb + p01 * xc), -2.0 * (p10 * xb + p11 * xc)
    if v_compensation != _ZERO and raw_determinant > 0.0:
        root = math.sqrt(raw_determinant * inverse)
        raw = _f8(v_compensation) * root / raw_determinant
        own = _f8(v_compensation) * root
        xx += raw * raw_yy - own * xa
        mixed += -raw * xy - own * xb
        yy += raw * raw_xx - own * xc
    v_a = (_f4(xx * a0 + mixed * b0), _f4(xx * a1 + mixed * b1), _f4(xx * a2 + mixed * b2))
    v_b = (_f4(mixed * a0 + yy * b0), _f4(mixed * a1 + yy * b1), _f4(mixed * a2 + yy * b2))
    return v_a, v_b


@njit(**INLINE)
def _quaternion_gradient(w, x, y, z, inverse_length, m):
    """dL/dq of an unnormalised quaternion from m = dL/d rotation."""
    gw = _TWO * (x * (m[2][1] - m[1][2]) + y * (m[0][2] - m[2][0]) + z * (m[1][0] - m[0][1]))
    gx = _TWO * (
        y * (m[0][1] + m[1][0]) + z * (m[0][2] + m[2][0]) + w * (m[2][1] - m[1][2]) - _TWO * x * (m[1][1] + m[2][2])
    )
    gy = _TWO * (
        x * (m[0][1] + m[1][0]) + z * (m[1][2] + m[2][1]) + w * (m[0][2] - m[2][0]) - _TWO * y * (m[0][0] + m[2][2])
    )
    gz = _TWO * (
        x * (m[0][2] + m[2][0]) + y * (m[1][2] + m[2][1]) + w * (m[1][0] - m[0][1]) - _TWO * z * (m[0][0] + m[1][1])
    )
    along = gw * w + gx * x + gy * y + gz * z  # a quaternion's length changes nothing
    return (
        (gw - along * w) * inverse_length,
        (gx - along * x) * inverse_length,
        (gy - along * y) * inverse_length,
        (gz - along * z) * inverse_length,
    )


@njit(**PARALLEL)
def project_backward(
    means, quats, scales, viewmat, k, width, height, eps2d, radii,
    v_means2d, v_depths, v_conics, v_compensations, v_means, v_quats, v_scales, v_viewmats,
):  # fmt: skip
    """Hand the gradients of the projection on to the Gaussians, and to the pose.

    Args:
        v_means, v_quats, v_scales: [N, 3], [N, 4], [N, 3], filled; zero where `radii` is 0.
        v_viewmats: [blocks_of(N), 3, 4], filled; their sum is dL/d viewmat.
    """
    n = means.shape[0]
    for block in prange(v_viewmats.shape[0]):
        v_view = v_viewmats[block]
        v_view[:, :] = _ZERO
        for i in range(block * _BLOCK, min(n, (block + 1) * _BLOCK)):
            if radii[i] == 0:
                v_means[i, :], v_quats[i, :], v_scales[i, :] = _ZERO, _ZERO, _ZERO
                continue
            x, y, z = _to_camera(means[i], viewmat)
            u, v, free_u, free_v = _slopes(x, y, z, k, width, height)
            w, qx, qy, qz, inverse_length = _unit(quats[i])
            rotation = _rotation(w, qx, qy, qz)
            first, second = _jacobian_rows(z, u, v, k, viewmat)
            s = scales[i]
            unscaled_a, unscaled_b = _times(first, rotation), _times(second, rotation)
            a, b = _scaled(unscaled_a, s), _scaled(unscaled_b, s)

            # a = first @ rotation @ diag(s), b likewise
            v_a, v_b = _factor_gradient(a, b, eps2d, v_conics[i], v_compensations[i])
            along_a, along_b = _scaled(v_a, s), _scaled(v_b, s)
            v_first = (_dot(along_a, rotation[0]), _dot(along_a, rotation[1]), _dot(along_a, rotation[2]))
            v_second = (_dot(along_b, rotation[0]), _dot(along_b, rotation[1]), _dot(along_b, rotation[2]))
            v_rotation = (
                (
                    first[0] * along_a[0] + second[0] * along_b[0],
                    first[0] * along_a[1] + second[0] * along_b[1],
                    first[0] * along_a[2] + second[0] * along_b[2],
                ),
                (
                    first[1] * along_a[0] + second[1] * along_b[0],
                    first[1] * along_a[1] + second[1] * along_b[1],
                    first[1] * along_a[2] + second[1] * along_b[2],
                ),
                (
                    first[2] * along_a[0] + second[2] * along_b[0],
                    first[2] * along_a[1] + second[2] * along_b[1],
                    first[2] * along_a[2] + second[2] * along_b[2],
                ),
            )
            for axis in range(3):
                v_scales[i, axis] = v_a[axis] * unscaled_a[axis] + v_b[axis] * unscaled_b[axis]
            v_quats[i, 0], v_quats[i, 1], v_quats[i, 2], v_quats[i, 3] = _quaternion_gradient(
                w, qx, qy, qz, inverse_length, v_rotation
            )

            # first = j0 R[0] + j2 R[2], second = k1 R[1] + k2 R[2];
            # j0 = fx / z, j2 = -fx u / z, k1 = fy / z, k2 = -fy v / z
            fx, fy = k[0, 0], k[1, 1]
            v_j0 = v_first[0] * viewmat[0, 0] + v_first[1] * viewmat[0, 1] + v_first[2] * viewmat[0, 2]
            v_j2 = v_first[0] * viewmat[2, 0] + v_first[1] * viewmat[2, 1] + v_first[2] * viewmat[2, 2]
            v_k1 = v_second[0] * viewmat[1, 0] + v_second[1] * viewmat[1, 1] + v_second[2] * viewmat[1, 2]
            v_k2 = v_second[0] * viewmat[2, 0] + v_second[1] * viewmat[2, 1] + v_second[2] * viewmat[2, 2]
            v_px, v_py = v_means2d[i, 0], v_means2d[i, 1]
            inverse = _ONE / z
            v_x, v_y = fx * inverse * v_px, fy * inverse * v_py
            v_z = v_depths[i] - (fx * x * v_px + fy * y * v_py) * inverse * inverse
            v_z -= (fx * v_j0 + fy * v_k1) * inverse * inverse
            v_z += (fx * u * v_j2 + fy * v * v_k2) * inverse * inverse
            if free_u:
                v_x -= fx * inverse * inverse * v_j2
                v_z += fx * u * inverse * inverse * v_j2
            if free_v:
                v_y -= fy * inverse * inverse * v_k2
                v_z += fy * v * inverse * inverse * v_k2
            for axis in range(3):
                v_means[i, axis] = viewmat[0, axis] * v_x + viewmat[1, axis] * v_y + viewmat[2, axis] * v_z
                v_view[0, axis] += means[i, axis] * v_x + fx * inverse * v_first[axis]
                v_view[1, axis] += means[i, axis] * v_y + fy * inverse * v_second[axis]
                v_view[2, axis] += means[i, axis] * v_z - inverse * (fx * u * v_first[axis] + fy * v * v_second[axis])
            v_view[0, 3] += v_x
            v_view[1, 3] += v_y
            v_view[2, 3] += v_z


def blocks_of(count: int) -> int:
    """Blocks of `count` Gaussians: the length of `project_backward`'s `v_viewmats`."""
    return max(1, -(-count // _BLOCK))
