"""Which Gaussians touch which tiles, in the order of their depth."""

from __future__ import annotations

import math

import numpy as np
from numba import get_num_threads, prange

from editor3d.host.compiled import njit
from gaussian.raster.kernels import ALPHA_MIN, INLINE, PARALLEL, TILE

RECORD = 12
X, Y, A, B, C, OPACITY, RED, GREEN, BLUE, SIGMA_MAX, EXTENT_Y, DETERMINANT = range(RECORD)
"""Columns of a record: all that compositing needs of a Gaussian, next to each other in memory."""

_f4 = np.float32
_HALF, _ZERO = _f4(0.5), _f4(0.0)
_SIDE, _PER_SIDE = _f4(TILE), _f4(1.0 / TILE)
_DIGIT_BITS = 11
_DIGITS = 1 << _DIGIT_BITS
_MARGIN = _f4(0.01)  # pixels; a bound found a little too wide costs a test, one too narrow a wrong picture


@njit(**PARALLEL)
def make_records(
    means2d, conics, determinants, opacities, colors, radii, width, height, records, bounds, reached
):  # fmt: skip
    """Gather the records of the visible Gaussians, and the tiles that each may reach.

    A Gaussian touches a pixel where alpha >= ALPHA_MIN, that is inside the ellipse sigma <= log(opacity / ALPHA_MIN).

    Args:
        determinants: [N], those of the conics as `project` finds them; a needle's rounded conic would tell another.
        colors: [N, 3].
        records: [N, RECORD] float32, filled where visible.
        bounds: [N, 4] int32, filled: first and one past the last tile column, then row.
        reached: [N] int32, filled: 1 if the Gaussian reaches a pixel of the picture, else 0.
    """
    for i in prange(means2d.shape[0]):
        reached[i] = 0
        opacity = opacities[i]
        if radii[i] <= 0 or opacity <= ALPHA_MIN:
            continue
        a, b, c, determinant = conics[i, 0], conics[i, 1], conics[i, 2], determinants[i]
        sigma_max = math.log(opacity / ALPHA_MIN)
        spread = _f4(2.0) * sigma_max / determinant
        extent_x, extent_y = math.sqrt(spread * c), math.sqrt(spread * a)
        x, y = means2d[i, 0], means2d[i, 1]
        left, right = math.ceil(x - extent_x - _HALF), math.floor(x + extent_x - _HALF)
        top, bottom = math.ceil(y - extent_y - _HALF), math.floor(y + extent_y - _HALF)
        if right < _ZERO or bottom < _ZERO or left >= width or top >= height or right < left or bottom < top:
            continue
        reached[i] = 1
        bounds[i, 0] = int(max(left, _ZERO)) // TILE
        bounds[i, 1] = int(min(right, _f4(width - 1))) // TILE + 1
        bounds[i, 2] = int(max(top, _ZERO)) // TILE
        bounds[i, 3] = int(min(bottom, _f4(height - 1))) // TILE + 1
        records[i, X], records[i, Y] = x, y
        records[i, A], records[i, B], records[i, C] = a, b, c
        records[i, OPACITY] = opacity
        records[i, RED], records[i, GREEN], records[i, BLUE] = colors[i, 0], colors[i, 1], colors[i, 2]
        records[i, SIGMA_MAX], records[i, EXTENT_Y], records[i, DETERMINANT] = sigma_max, extent_y, determinant


@njit(**INLINE)
def depth_order(depths, visible):
    """Indices of the visible Gaussians from near to far; a stable radix sort, since positive floats sort by their bits.

    Args:
        depths: [N] float32, positive where visible.
        visible: [M] int32 indices, rising.
    """
    count = visible.shape[0]
    keys, values = np.empty(count, np.uint32), visible.copy()
    bits = depths.view(np.uint32)
    histogram = np.zeros((3, _DIGITS), np.int64)
    low = np.uint32(_DIGITS - 1)
    for j in range(count):
        key = bits[visible[j]]
        keys[j] = key
        histogram[0, key & low] += 1
        histogram[1, (key >> np.uint32(_DIGIT_BITS)) & low] += 1
        histogram[2, key >> np.uint32(2 * _DIGIT_BITS)] += 1
    other_keys, other_values = np.empty_like(keys), np.empty_like(values)
    for digit in range(3):
        start = 0
        for value in range(_DIGITS):
            size = histogram[digit, value]
            histogram[digit, value] = start
            start += size
        shift = np.uint32(_DIGIT_BITS * digit)
        for j in range(count):
            key = keys[j]
            bucket = (key >> shift) & low
            to = histogram[digit, bucket]
            histogram[digit, bucket] = to + 1
            other_keys[to], other_values[to] = key, values[j]
        keys, other_keys = other_keys, keys
        values, other_values = other_values, values
    return values


@njit(**PARALLEL)
def gather(order, records, bounds, sorted_records, sorted_bounds):
    """Bring records and bounds into the order of depth, in which all that follows reads them.

    Args:
        order: [M] int32.
        sorted_records, sorted_bounds: [M, RECORD] and [M, 4], filled.
    """
    for m in prange(order.shape[0]):
        i = order[m]
        for column in range(RECORD):
            sorted_records[m, column] = records[i, column]
        for column in range(4):
            sorted_bounds[m, column] = bounds[i, column]


@njit(**INLINE)
def _ellipse(records, i):
    """What `_columns` needs of Gaussian i, found once for all its rows: (b/a, 1/a, 2 sigma_max a, determinant, widest).

    On the ellipse's right side x = (-b dy + sqrt(2 sigma_max a - determinant dy^2)) / a, which is greatest at
    dy = widest. The left side mirrors it.
    """
    a, b, c = records[i, A], records[i, B], records[i, C]
    k = _f4(2.0) * records[i, SIGMA_MAX]
    determinant = records[i, DETERMINANT]
    inverse = _f4(1.0) / a
    return b * inverse, inverse, k * a, determinant, -b * math.sqrt(k / (c * determinant))


@njit(**INLINE)
def _columns(x, y, ellipse, first_column, end_column, row):
    """First and one past the last tile column that an ellipse at (x, y) reaches within tile row `row`."""
    slope, inverse, limit, determinant, widest = ellipse
    first = _f4(row * TILE) + _HALF - y
    last = first + _SIDE - _f4(1.0)
    right_dy = min(last, max(first, widest))
    left_dy = min(last, max(first, -widest))
    right = math.sqrt(max(_ZERO, limit - determinant * right_dy * right_dy)) * inverse - slope * right_dy
    left = -math.sqrt(max(_ZERO, limit - determinant * left_dy * left_dy)) * inverse - slope * left_dy
    begin = int(math.floor((x + left - _HALF - _MARGIN) * _PER_SIDE))
    end = int(math.floor((x + right - _HALF + _MARGIN) * _PER_SIDE)) + 1
    return max(first_column, begin), min(end_column, end)


@njit(**PARALLEL)
def _count(records, bounds, tiles_x, chunks, counts, per_gaussian):
    n = records.shape[0]
    for chunk in prange(chunks):
        for m in range(n * chunk // chunks, n * (chunk + 1) // chunks):
            left, right, top, bottom = bounds[m, 0], bounds[m, 1], bounds[m, 2], bounds[m, 3]
            if right - left == 1 and bottom - top == 1:
                counts[chunk, top * tiles_x + left] += 1
                per_gaussian[m] = 1
                continue
            ellipse = _ellipse(records, m)
            touched = 0
            for row in range(top, bottom):
                begin, end = _columns(records[m, X], records[m, Y], ellipse, left, right, row)
                for column in range(begin, end):
                    counts[chunk, row * tiles_x + column] += 1
                touched += max(0, end - begin)
            per_gaussian[m] = touched


@njit(**PARALLEL)
def _place(records, bounds, tiles_x, chunks, places, slot_offsets, ids, slots):
    n = records.shape[0]
    for chunk in prange(chunks):
        for m in range(n * chunk // chunks, n * (chunk + 1) // chunks):
            left, right, top, bottom = bounds[m, 0], bounds[m, 1], bounds[m, 2], bounds[m, 3]
            slot = slot_offsets[m]
            if right - left == 1 and bottom - top == 1:
                to = places[chunk, top * tiles_x + left]
                places[chunk, top * tiles_x + left] = to + 1
                ids[to], slots[to] = m, slot
                continue
            ellipse = _ellipse(records, m)
            for row in range(top, bottom):
                begin, end = _columns(records[m, X], records[m, Y], ellipse, left, right, row)
                for column in range(begin, end):
                    to = places[chunk, row * tiles_x + column]
                    places[chunk, row * tiles_x + column] = to + 1
                    ids[to], slots[to] = m, slot
                    slot += 1


@njit(**INLINE)
def _starts(counts, places):
    """Turn counts [chunks, tiles] into where each chunk's part of each tile's list begins; the tiles' offsets."""
    chunks, tiles = counts.shape
    offsets = np.empty(tiles + 1, np.int64)
    total = 0
    for tile in range(tiles):
        offsets[tile] = total
        for chunk in range(chunks):
            places[chunk, tile] = total
            total += counts[chunk, tile]
    offsets[tiles] = total
    return offsets


def intersect(records, bounds, tiles_x, tiles_y):
    """List the intersections tile by tile, each list from near to far.

    Args:
        records, bounds: [M, ...], from near to far.

    Returns:
        tile_offsets [tiles + 1], where each tile's list begins; ids [I] int32, its Gaussians as rows of `records`;
        slots [I] int64, for each intersection its place in a list ordered by Gaussian; slot_offsets [M + 1], where a
        Gaussian's slots begin.
    """
    chunks = get_num_threads()
    counts = np.zeros((chunks, tiles_x * tiles_y), np.int32)
    per_gaussian = np.zeros(len(records), np.int32)
    _count(records, bounds, tiles_x, chunks, counts, per_gaussian)
    places = np.empty(counts.shape, np.int64)
    tile_offsets = _starts(counts, places)
    slot_offsets = np.zeros(len(records) + 1, np.int64)
    np.cumsum(per_gaussian, out=slot_offsets[1:])
    ids = np.empty(tile_offsets[-1], np.int32)
    slots = np.empty(tile_offsets[-1], np.int64)
    _place(records, bounds, tiles_x, chunks, places, slot_offsets, ids, slots)
    return tile_offsets, ids, slots, slot_offsets
