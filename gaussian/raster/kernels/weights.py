"""A view's blending weights, found once: with fixed geometry a picture is linear in the Gaussians' colours.

    C_p = sum_i w_pi c_i + T_end * background,    w_pi = T_i alpha_i

An *entry* is a Gaussian in a tile; it has the weights of its rows, 16 pixels each, as bfloat16. Entries come in the
order of compositing, tile by tile. Weights below `least` in all of a row are left out at an entry's two ends.
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
    any_lane,
    exp_negative,
    fma,
    horizontal_sum,
    lane_centres,
    load,
    load_halves,
    minimum,
    select,
    set_lane,
    splat,
    stack_rows,
    store,
    store_halves,
)
from gaussian.raster.kernels.tiles import EXTENT_Y, OPACITY, SIGMA_MAX, A, B, C, X, Y

_f4 = np.float32
_u8 = np.uint64
_HALF, _ZERO, _ONE = _f4(0.5), _f4(0.0), _f4(1.0)
_LAST = _f4(TILE - 1)
_ALL_ROWS = _u8((1 << TILE) - 1)
_STRIDE = 7919  # as in compositing


@njit(**PARALLEL)
def weigh(
    records, sources, tile_offsets, ids, tiles_x, least, entry_offsets, row_offsets, counts, owners, rows, weights
):  # fmt: skip
    """Find the weights of a view, or how many there are.

    Args:
        records, tile_offsets, ids: as `tiles` makes them.
        sources: [M] int32, which Gaussian each record is.
        least: the smallest weight for which a row is kept.
        entry_offsets, row_offsets: [tiles + 1] int64, where each tile's entries and rows go.
        counts: [tiles, 2] int64, filled: the tile's entries and rows.
        owners: [E] int32, filled: the entries' Gaussians. Of length 0 to count alone.
        rows: [E, 2] uint8, filled: the entries' first row, and one past the last.
        weights: [R, 16] uint16, filled: bfloat16.
    """
    write = owners.shape[0] > 0
    tiles = tile_offsets.shape[0] - 1
    for turn in prange(tiles):
        tile = (turn * _STRIDE) % tiles
        top, left = tile // tiles_x * TILE, tile % tiles_x * TILE
        zero, one, alpha_max, t_min, enough = splat(_ZERO), splat(_ONE), splat(ALPHA_MAX), splat(T_MIN), splat(least)
        going, found = stack_rows(), stack_rows()
        for row in range(TILE):
            store(going, row, one)
        closed = _u8(0)
        entry, at = entry_offsets[tile], row_offsets[tile]
        entries_before, rows_before = entry, at
        for k in range(tile_offsets[tile], tile_offsets[tile + 1]):
            i = ids[k]
            y = records[i, Y] - _f4(top)
            dx = splat(records[i, X] - _f4(left)) - lane_centres()
            across = splat(_HALF * records[i, A]) * dx * dx
            mixed = splat(records[i, B]) * dx
            half_c, opacity, sigma_max = _HALF * records[i, C], splat(records[i, OPACITY]), splat(records[i, SIGMA_MAX])
            first = int(math.ceil(max(_ZERO, y - records[i, EXTENT_Y] - _HALF)))
            last = int(math.floor(min(_LAST, y + records[i, EXTENT_Y] - _HALF)))
            kept_first, kept_end = TILE, 0
            for row in range(first, last + 1):
                store(found, row, zero)
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
                    weight, after = select(ends, zero, weight), select(ends, zero, after)
                    if not any_lane(zero < after):
                        closed |= _u8(1) << _u8(row)
                store(going, row, after)
                if any_lane(enough <= weight):
                    store(found, row, weight)
                    kept_first, kept_end = min(kept_first, row), row + 1
            if kept_first < kept_end:
                if write:
                    owners[entry] = sources[i]
                    rows[entry, 0], rows[entry, 1] = kept_first, kept_end
                    for row in range(kept_first, kept_end):
                        store_halves(weights, at + row - kept_first, load(found, row))
                entry += 1
                at += kept_end - kept_first
            if closed == _ALL_ROWS:
                break
        counts[tile, 0], counts[tile, 1] = entry - entries_before, at - rows_before


@njit(**PARALLEL)
def normal_product(
    colors, entry_offsets, row_offsets, owners, rows, weights, importance, target, subtract, tiles_x, shares, squares
):  # fmt: skip
    """W^T M (t - W c) if `subtract`, else W^T M W c, entry by entry: `add_up` sums these by Gaussian.

    Args:
        colors: [N, 3], c.
        importance: [H, W], the diagonal of M, at least 0.
        target: [H, W, 3], t; not read unless `subtract`.
        shares: [E, 3], filled.
        squares: [tiles] float64, filled: the sum of M (t - W c)^2, or of M (W c)^2, of each tile.
    """
    tiles = entry_offsets.shape[0] - 1
    height, width = importance.shape
    for turn in prange(tiles):
        tile = (turn * _STRIDE) % tiles
        top, left = tile // tiles_x * TILE, tile % tiles_x * TILE
        red, green, blue, counted = stack_rows(), stack_rows(), stack_rows(), stack_rows()
        zero = splat(_ZERO)
        for row in range(TILE):
            store(red, row, zero)
            store(green, row, zero)
            store(blue, row, zero)
            store(counted, row, zero)
        sign = splat(_f4(-1.0)) if subtract else splat(_ONE)
        for row in range(min(TILE, height - top)):
            for column in range(min(TILE, width - left)):
                y_, x_ = top + row, left + column
                set_lane(counted, row, column, importance[y_, x_])
                if subtract:
                    set_lane(red, row, column, target[y_, x_, 0])
                    set_lane(green, row, column, target[y_, x_, 1])
                    set_lane(blue, row, column, target[y_, x_, 2])
        at = row_offsets[tile]
        for entry in range(entry_offsets[tile], entry_offsets[tile + 1]):
            i = owners[entry]
            r, g, b = sign * splat(colors[i, 0]), sign * splat(colors[i, 1]), sign * splat(colors[i, 2])
            for row in range(rows[entry, 0], rows[entry, 1]):
                weight = load_halves(weights, at)
                at += 1
                store(red, row, fma(weight, r, load(red, row)))
                store(green, row, fma(weight, g, load(green, row)))
                store(blue, row, fma(weight, b, load(blue, row)))
        total = zero
        for row in range(TILE):
            m, r, g, b = load(counted, row), load(red, row), load(green, row), load(blue, row)
            total = fma(m, fma(r, r, fma(g, g, b * b)), total)
            store(red, row, m * r)
            store(green, row, m * g)
            store(blue, row, m * b)
        squares[tile] = horizontal_sum(total)
        at = row_offsets[tile]
        for entry in range(entry_offsets[tile], entry_offsets[tile + 1]):
            sum_r, sum_g, sum_b = zero, zero, zero
            for row in range(rows[entry, 0], rows[entry, 1]):
                weight = load_halves(weights, at)
                at += 1
                sum_r = fma(weight, load(red, row), sum_r)
                sum_g = fma(weight, load(green, row), sum_g)
                sum_b = fma(weight, load(blue, row), sum_b)
            shares[entry, 0] = horizontal_sum(sum_r)
            shares[entry, 1] = horizontal_sum(sum_g)
            shares[entry, 2] = horizontal_sum(sum_b)


@njit(**PARALLEL)
def weight_sums(entry_offsets, row_offsets, owners, rows, weights, importance, tiles_x, shares):
    """Entry by entry sum M w and sum M w^2 over its pixels: the columns' sums, and the diagonal of W^T M W.

    Args:
        shares: [E, 2], filled.
    """
    tiles = entry_offsets.shape[0] - 1
    height, width = importance.shape
    for turn in prange(tiles):
        tile = (turn * _STRIDE) % tiles
        top, left = tile // tiles_x * TILE, tile % tiles_x * TILE
        counted, zero = stack_rows(), splat(_ZERO)
        for row in range(TILE):
            store(counted, row, zero)
        for row in range(min(TILE, height - top)):
            for column in range(min(TILE, width - left)):
                set_lane(counted, row, column, importance[top + row, left + column])
        at = row_offsets[tile]
        for entry in range(entry_offsets[tile], entry_offsets[tile + 1]):
            once, twice = zero, zero
            for row in range(rows[entry, 0], rows[entry, 1]):
                weight = load_halves(weights, at)
                at += 1
                seen = weight * load(counted, row)
                once += seen
                twice = fma(weight, seen, twice)
            shares[entry, 0] = horizontal_sum(once)
            shares[entry, 1] = horizontal_sum(twice)


@njit(**PARALLEL)
def add_up(shares, order, starts, sums):
    """Add the entries' shares to their Gaussians' sums, in one order.

    Args:
        shares: [E, D].
        order: [E] int32, the entries by Gaussian.
        starts: [N + 1] int64, where each Gaussian's entries begin in `order`.
        sums: [N, D], added to.
    """
    for i in prange(sums.shape[0]):
        for place in range(starts[i], starts[i + 1]):
            for column in range(sums.shape[1]):
                sums[i, column] += shares[order[place], column]
