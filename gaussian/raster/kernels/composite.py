"""Compositing tile by tile, front to back, and its analytic backward.

    C = sum_i T_i alpha_i c_i + T_end * background,    T_i = prod_{j<i} (1 - alpha_j)

The backward pass goes front to back once more. With v = dL/dC, u = dL/d(1 - T_end) and

    S_i = sum_{j>i} T_j alpha_j (v . c_j) + T_end (v . background - u),

which starts as v . C - u T_end and loses a term with every Gaussian passed,

    dL/d alpha_i = T_i (v . c_i) - S_i / (1 - alpha_i).

A Gaussian's share of one tile goes to a slot of its own, and its slots are added in order: no atomics, no races.
"""

# numba gives the first argument of an intrinsic itself
# pyright: reportCallIssue=false
from __future__ import annotations

import math

import numpy as np
from numba import prange

from editor3d.host.compiled import njit
from gaussian.raster.kernels import ALPHA_MAX, PARALLEL, T_MIN, TILE
from gaussian.raster.kernels.simd import (
    absolute,
    any_lane,
    exp_negative,
    fma,
    get_lane,
    horizontal_sum,
    lane_centres,
    load,
    minimum,
    select,
    set_lane,
    splat,
    stack_rows,
    store,
    store_sums,
)
from gaussian.raster.kernels.tiles import BLUE, EXTENT_Y, GREEN, OPACITY, RED, SIGMA_MAX, A, B, C, X, Y

SHARES = 9
"""What a slot sums over its pixels, with g = alpha dL/d alpha: g, g dx, g dx^2, g dy, g dx dy, g dy^2, and w v for the
three channels (w = T alpha); with absolute gradients also |g (A dx + B dy)| and |g (B dx + C dy)|."""
ABSOLUTE_SHARES = SHARES + 2

_f4 = np.float32
_u8 = np.uint64
_HALF, _ZERO, _ONE = _f4(0.5), _f4(0.0), _f4(1.0)
_LAST = _f4(TILE - 1)
_ALL_ROWS = _u8((1 << TILE) - 1)
_STRIDE = 7919  # a prime: neighbouring tiles cost alike, and go to different threads


@njit(**PARALLEL)
def composite(records, tile_offsets, ids, width, height, tiles_x, background, image, transmittance):
    """Draw a picture.

    Args:
        records, tile_offsets, ids: as `tiles` makes them.
        background: [3].
        image, transmittance: [H, W, 3] and [H, W] float32, filled.
    """
    tiles = tile_offsets.shape[0] - 1
    for turn in prange(tiles):
        tile = (turn * _STRIDE) % tiles
        top, left = tile // tiles_x * TILE, tile % tiles_x * TILE
        zero, one, alpha_max, t_min = splat(_ZERO), splat(_ONE), splat(ALPHA_MAX), splat(T_MIN)
        going, finished = stack_rows(), stack_rows()  # T of the pixels still open, and of those that are finished
        red, green, blue = stack_rows(), stack_rows(), stack_rows()
        for row in range(TILE):
            store(going, row, one)
            store(finished, row, zero)
            store(red, row, zero)
            store(green, row, zero)
            store(blue, row, zero)
        closed = _u8(0)  # a bit for each row without open pixels
        for k in range(tile_offsets[tile], tile_offsets[tile + 1]):
            i = ids[k]
            y = records[i, Y] - _f4(top)
            dx = splat(records[i, X] - _f4(left)) - lane_centres()
            across = splat(_HALF * records[i, A]) * dx * dx
            mixed = splat(records[i, B]) * dx
            half_c, opacity, sigma_max = _HALF * records[i, C], splat(records[i, OPACITY]), splat(records[i, SIGMA_MAX])
            r, gr, b = splat(records[i, RED]), splat(records[i, GREEN]), splat(records[i, BLUE])
            first = int(math.ceil(max(_ZERO, y - records[i, EXTENT_Y] - _HALF)))
            last = int(math.floor(min(_LAST, y + records[i, EXTENT_Y] - _HALF)))
            for row in range(first, last + 1):
                if (closed >> _u8(row)) & _u8(1):
                    continue
                dy = y - _f4(row) - _HALF
                sigma = fma(mixed, splat(dy), across) + splat(half_c * dy * dy)
                t = load(going, row)
                touched = (sigma <= sigma_max) & (zero < t)
                if not any_lane(touched):
                    continue
                alpha = select(touched, minimum(alpha_max, opacity * exp_negative(sigma)), zero)
                weight = alpha * t
                after = t - weight
                ends = (after <= t_min) & touched
                if any_lane(ends):
                    store(finished, row, select(ends, t, load(finished, row)))
                    weight, after = select(ends, zero, weight), select(ends, zero, after)
                    if not any_lane(zero < after):
                        closed |= _u8(1) << _u8(row)
                store(going, row, after)
                store(red, row, fma(weight, r, load(red, row)))
                store(green, row, fma(weight, gr, load(green, row)))
                store(blue, row, fma(weight, b, load(blue, row)))
            if closed == _ALL_ROWS:
                break
        for row in range(min(TILE, height - top)):
            for column in range(min(TILE, width - left)):
                t_end = get_lane(going, row, column) + get_lane(finished, row, column)
                y_, x_ = top + row, left + column
                transmittance[y_, x_] = t_end
                image[y_, x_, 0] = get_lane(red, row, column) + t_end * background[0]
                image[y_, x_, 1] = get_lane(green, row, column) + t_end * background[1]
                image[y_, x_, 2] = get_lane(blue, row, column) + t_end * background[2]


@njit(**PARALLEL)
def composite_backward(
    records,
    tile_offsets,
    ids,
    slots,
    width,
    height,
    tiles_x,
    image,
    transmittance,
    v_image,
    v_accumulation,
    with_absolute,
    shares,
):
    """Each Gaussian's share of the gradient, tile by tile.

    Args:
        image, transmittance: what `composite` filled.
        v_image, v_accumulation: [H, W, 3] and [H, W], the gradients of the picture and of 1 - T_end.
        with_absolute: also sum absolute gradients; the same on every call with these `shares`.
        shares: [I, SHARES or ABSOLUTE_SHARES] float32 by slot, filled.
    """
    tiles = tile_offsets.shape[0] - 1
    for turn in prange(tiles):
        tile = (turn * _STRIDE) % tiles
        top, left = tile // tiles_x * TILE, tile % tiles_x * TILE
        zero, one, alpha_max, t_min = splat(_ZERO), splat(_ONE), splat(ALPHA_MAX), splat(T_MIN)
        going, behind = stack_rows(), stack_rows()  # T, and S of the module's docstring
        v_red, v_green, v_blue = stack_rows(), stack_rows(), stack_rows()
        closed = _u8(0)
        for row in range(TILE):
            store(going, row, zero)  # pixels outside the picture are finished
            store(behind, row, zero)
            store(v_red, row, zero)
            store(v_green, row, zero)
            store(v_blue, row, zero)
            if row >= height - top:
                closed |= _u8(1) << _u8(row)
                continue
            y_ = top + row
            for column in range(min(TILE, width - left)):
                x_ = left + column
                v0, v1, v2 = v_image[y_, x_, 0], v_image[y_, x_, 1], v_image[y_, x_, 2]
                total = v0 * image[y_, x_, 0] + v1 * image[y_, x_, 1] + v2 * image[y_, x_, 2]
                set_lane(going, row, column, _ONE)
                set_lane(behind, row, column, total - v_accumulation[y_, x_] * transmittance[y_, x_])
                set_lane(v_red, row, column, v0)
                set_lane(v_green, row, column, v1)
                set_lane(v_blue, row, column, v2)
        k, end = tile_offsets[tile], tile_offsets[tile + 1]
        while k < end and closed != _ALL_ROWS:
            i, slot = ids[k], slots[k]
            k += 1
            y = records[i, Y] - _f4(top)
            dx = splat(records[i, X] - _f4(left)) - lane_centres()
            across = splat(_HALF * records[i, A]) * dx * dx
            mixed = splat(records[i, B]) * dx
            half_c, opacity, sigma_max = _HALF * records[i, C], splat(records[i, OPACITY]), splat(records[i, SIGMA_MAX])
            r, gr, b = splat(records[i, RED]), splat(records[i, GREEN]), splat(records[i, BLUE])
            first = int(math.ceil(max(_ZERO, y - records[i, EXTENT_Y] - _HALF)))
            last = int(math.floor(min(_LAST, y + records[i, EXTENT_Y] - _HALF)))
            sum_g, sum_gy, sum_gyy, sum_r, sum_gr, sum_b = zero, zero, zero, zero, zero, zero
            abs_x, abs_y = zero, zero
            for row in range(first, last + 1):
                if (closed >> _u8(row)) & _u8(1):
                    continue
                dy = y - _f4(row) - _HALF
                dys = splat(dy)
                sigma = fma(mixed, dys, across) + splat(half_c * dy * dy)
                t = load(going, row)
                touched = (sigma <= sigma_max) & (zero < t)
                if not any_lane(touched):
                    continue
                full = opacity * exp_negative(sigma)
                alpha = select(touched, minimum(alpha_max, full), zero)
                weight = alpha * t
                after = t - weight
                ends = (after <= t_min) & touched
                if any_lane(ends):
                    alpha, weight = select(ends, zero, alpha), select(ends, zero, weight)
                    after = select(ends, zero, after)
                    if not any_lane(zero < after):
                        closed |= _u8(1) << _u8(row)
                store(going, row, after)
                v0, v1, v2 = load(v_red, row), load(v_green, row), load(v_blue, row)
                seen = fma(v0, r, fma(v1, gr, v2 * b))
                rest = load(behind, row) - weight * seen
                store(behind, row, rest)
                v_alpha = t * seen - rest / (one - alpha)
                share = select(full <= alpha_max, alpha * v_alpha, zero)
                share_y = share * dys
                sum_g += share
                sum_gy += share_y
                sum_gyy = fma(share_y, dys, sum_gyy)
                sum_r = fma(weight, v0, sum_r)
                sum_gr = fma(weight, v1, sum_gr)
                sum_b = fma(weight, v2, sum_b)
                if with_absolute:
                    abs_x += absolute(share * fma(splat(records[i, A]), dx, splat(records[i, B] * dy)))
                    abs_y += absolute(share * fma(splat(records[i, B]), dx, splat(records[i, C] * dy)))
            sum_gx = sum_g * dx
            store_sums(shares, slot, sum_g, sum_gx, sum_gx * dx, sum_gy, sum_gy * dx, sum_gyy, sum_r, sum_gr)
            shares[slot, 8] = horizontal_sum(sum_b)
            if with_absolute:
                shares[slot, 9] = horizontal_sum(abs_x)
                shares[slot, 10] = horizontal_sum(abs_y)
        while k < end:
            shares[slots[k], :] = _ZERO
            k += 1


@njit(**PARALLEL)
def gather_shares(
    records, sources, slot_offsets, shares, with_absolute, v_means2d, v_conics, v_opacities, v_colors, v_absolute
):
    """Add up each Gaussian's shares and turn them into gradients.

    Args:
        sources: [M] int32, which Gaussian each record is.
        v_means2d, v_conics, v_opacities, v_colors: [N, ...], written where a record has its source.
        v_absolute: [N, 2], written `with_absolute`: sums of the absolute values of what `v_means2d` sums.
    """
    for m in prange(records.shape[0]):
        i = sources[m]
        s, sx, sxx, sy, sxy, syy = _ZERO, _ZERO, _ZERO, _ZERO, _ZERO, _ZERO
        r, g, b, ax, ay = _ZERO, _ZERO, _ZERO, _ZERO, _ZERO
        for slot in range(slot_offsets[m], slot_offsets[m + 1]):
            s += shares[slot, 0]
            sx += shares[slot, 1]
            sxx += shares[slot, 2]
            sy += shares[slot, 3]
            sxy += shares[slot, 4]
            syy += shares[slot, 5]
            r += shares[slot, 6]
            g += shares[slot, 7]
            b += shares[slot, 8]
            if with_absolute:
                ax += shares[slot, 9]
                ay += shares[slot, 10]
        conic_a, conic_b, conic_c = records[m, A], records[m, B], records[m, C]
        v_means2d[i, 0], v_means2d[i, 1] = -(conic_a * sx + conic_b * sy), -(conic_b * sx + conic_c * sy)
        v_conics[i, 0], v_conics[i, 1], v_conics[i, 2] = -_HALF * sxx, -sxy, -_HALF * syy
        v_opacities[i] = s / records[m, OPACITY]
        v_colors[i, 0], v_colors[i, 1], v_colors[i, 2] = r, g, b
        if with_absolute:
            v_absolute[i, 0], v_absolute[i, 1] = ax, ay
