"""Sixteen floats at a time: every operation equals numpy's, and LLVM keeps the lanes together."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from gaussian.raster.kernels.simd import (
    LANES,
    absolute,
    any_lane,
    exp_negative,
    fma,
    get_lane,
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
    store_sums,
)

PLUS, MINUS, TIMES, OVER, FMA, MINIMUM, ABSOLUTE, BELOW, AT_MOST, BOTH, EXP, CENTRES = range(12)
f4 = np.float32


@njit
def _fill(rows, row, values):
    for lane in range(LANES):
        set_lane(rows, row, lane, values[lane])


@njit
def calculate(which, a, b, c):
    """One operation on vectors filled lane by lane, read back lane by lane."""
    rows = stack_rows()
    _fill(rows, 0, a)
    _fill(rows, 1, b)
    _fill(rows, 2, c)
    x, y, z, one, zero = load(rows, 0), load(rows, 1), load(rows, 2), splat(f4(1.0)), splat(f4(0.0))
    result = zero
    if which == PLUS:
        result = x + y
    elif which == MINUS:
        result = x - y
    elif which == TIMES:
        result = x * y
    elif which == OVER:
        result = x / y
    elif which == FMA:
        result = fma(x, y, z)
    elif which == MINIMUM:
        result = minimum(x, y)
    elif which == ABSOLUTE:
        result = absolute(x)
    elif which == BELOW:
        result = select(x < y, one, zero)
    elif which == AT_MOST:
        result = select(x <= y, one, zero)
    elif which == BOTH:
        result = select((x < y) & (y < z), x, z)
    elif which == EXP:
        result = exp_negative(x)
    elif which == CENTRES:
        result = lane_centres()
    store(rows, 3, result)
    out = np.empty(LANES, np.float32)
    for lane in range(LANES):
        out[lane] = get_lane(rows, 3, lane)
    return out


@njit
def sum_of(a):
    rows = stack_rows()
    _fill(rows, 15, a)
    return horizontal_sum(load(rows, 15))


@njit
def any_below(a, limit):
    rows = stack_rows()
    _fill(rows, 0, a)
    return any_lane(load(rows, 0) < splat(limit))


@njit
def eight_sums(vectors, out, row):
    rows = stack_rows()
    for i in range(8):
        _fill(rows, i, vectors[i])
    store_sums(
        out, row,
        load(rows, 0), load(rows, 1), load(rows, 2), load(rows, 3), load(rows, 4), load(rows, 5), load(rows, 6),
        load(rows, 7),
    )  # fmt: skip


@njit
def two_buffers(a, b):
    first, second = stack_rows(), stack_rows()
    _fill(first, 7, a)
    _fill(second, 7, b)
    return get_lane(first, 7, 3), get_lane(second, 7, 3)


def vectors(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(3, LANES)).astype(np.float32)


@pytest.mark.parametrize(
    ("which", "numpy"),
    [
        (PLUS, lambda a, b, c: a + b),
        (MINUS, lambda a, b, c: a - b),
        (TIMES, lambda a, b, c: a * b),
        (OVER, lambda a, b, c: a / b),
        (FMA, lambda a, b, c: a * b + c),
        (MINIMUM, lambda a, b, c: np.minimum(a, b)),
        (ABSOLUTE, lambda a, b, c: np.abs(a)),
        (BELOW, lambda a, b, c: a < b),
        (AT_MOST, lambda a, b, c: a <= b),
        (BOTH, lambda a, b, c: np.where((a < b) & (b < c), a, c)),
        (CENTRES, lambda a, b, c: np.arange(LANES) + 0.5),
    ],
)
def test_operations_equal_numpy_lane_by_lane(which, numpy):
    a, b, c = vectors()
    b[:3] = a[:3]  # equal ones, too
    np.testing.assert_allclose(calculate(which, a, b, c), numpy(a, b, c), rtol=1e-6, atol=2e-7)


def test_comparisons_with_nan_are_false_and_minimum_takes_the_other():
    a, b, c = vectors()
    a[5] = np.nan
    assert calculate(BELOW, a, b, c)[5] == calculate(AT_MOST, a, b, c)[5] == 0.0
    assert calculate(MINIMUM, a, b, c)[5] == b[5]


def test_any_lane_finds_a_single_one():
    for lane in range(LANES):
        a = np.ones(LANES, np.float32)
        assert not any_below(a, f4(0.5))
        a[lane] = 0.25
        assert any_below(a, f4(0.5))


def test_sums_over_lanes():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(8, LANES)).astype(np.float32)
    np.testing.assert_allclose([sum_of(v) for v in values], values.sum(1), rtol=1e-5, atol=1e-6)
    out = np.full((3, 9), np.nan, np.float32)
    eight_sums(values, out, 1)
    np.testing.assert_allclose(out[1, :8], values.sum(1), rtol=1e-5, atol=1e-6)
    assert np.isnan(out[[0, 2]]).all()  # nothing beside the row is written
    assert np.isnan(out[1, 8])


def test_every_buffer_is_its_own():
    a, b, _ = vectors()
    assert two_buffers(a, b) == (a[3], b[3])


def test_exponential_to_five_millionths():
    s = np.linspace(0.0, 5.55, 100_000 // LANES * LANES, dtype=np.float32)
    found = np.concatenate([calculate(EXP, part, part, part) for part in s.reshape(-1, LANES)])
    relative = found / np.exp(-s.astype(np.float64)) - 1
    assert np.abs(relative).max() <= 5e-6


def test_a_weight_of_a_centre_is_no_more_than_one():
    assert calculate(EXP, *np.zeros((3, LANES), np.float32)).max() <= 1.0


@njit
def _through_halves(values, array):
    rows = stack_rows()
    _fill(rows, 0, values)
    store_halves(array, 1, load(rows, 0))
    store(rows, 0, load_halves(array, 1))
    return [get_lane(rows, 0, lane) for lane in range(LANES)]


def test_halves_are_the_nearest_numbers_of_eight_bits():
    values = np.concatenate([np.random.default_rng(0).random(13, f4), np.array([0.0, 1.0, 1e-6], f4)])
    array = np.zeros((3, LANES), np.uint16)
    wanted = ((values.view(np.uint32) + 0x8000) >> 16).astype(np.uint16)
    read = np.array(_through_halves(values, array), f4)
    assert (array[1] == wanted).all()
    assert not array[[0, 2]].any()
    assert (read.view(np.uint32) == wanted.astype(np.uint32) << 16).all()
    np.testing.assert_allclose(read, values, rtol=2.0**-8)
