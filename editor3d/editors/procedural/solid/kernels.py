"""Compiled loops of solid noise (numba).

Notation
    p          a point [3], in units of the pattern
    lattice    the points with whole coordinates, each with a hashed gradient (`_corner`) or a hashed place (`cells`)
    width      of a pixel on the surface at p, in units of the pattern: octaves finer than it fade out

Every loop gives the same bits on any number of threads.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from editor3d.host.compiled import njit

_INLINE = dict(fastmath={"nsz", "arcp", "contract"}, error_model="numpy", nogil=True)
_PARALLEL = dict(parallel=True, **_INLINE)
_BITS = np.uint64(0xFFFFFFFF)


@njit(**_INLINE)
def _hash(i, j, k, seed):
    """32 well mixed bits of a lattice point."""
    h = (np.uint64(i) * np.uint64(0x8DA6B343)) ^ (np.uint64(j) * np.uint64(0xD8163841))
    h = (h ^ (np.uint64(k) * np.uint64(0xCB1AB31F)) ^ (np.uint64(seed) * np.uint64(0x165667B1))) & _BITS
    h = ((h ^ (h >> np.uint64(15))) * np.uint64(0x2C1B3C6D)) & _BITS
    h = ((h ^ (h >> np.uint64(12))) * np.uint64(0x297A2D39)) & _BITS
    return h ^ (h >> np.uint64(15))


@njit(**_INLINE)
def _corner(i, j, k, x, y, z, seed):
    """The slope of a lattice point's gradient, one of the twelve to the middles of a cube's edges, at an offset."""
    h = int(_hash(i, j, k, seed) >> np.uint64(28))
    u = x if h < 8 else y
    v = y if h < 4 else (x if h == 12 or h == 14 else z)
    return (u if h & 1 == 0 else -u) + (v if h & 2 == 0 else -v)


@njit(**_INLINE)
def _gradient_noise(x, y, z, seed):
    """Perlin's gradient noise, about -1..1."""
    i, j, k = int(math.floor(x)), int(math.floor(y)), int(math.floor(z))
    x, y, z = x - i, y - j, z - k
    u = x * x * x * (x * (6.0 * x - 15.0) + 10.0)
    v = y * y * y * (y * (6.0 * y - 15.0) + 10.0)
    w = z * z * z * (z * (6.0 * z - 15.0) + 10.0)
    total = 0.0
    for c in range(2):
        for b in range(2):
            for a in range(2):
                share = (u if a else 1.0 - u) * (v if b else 1.0 - v) * (w if c else 1.0 - w)
                total += share * _corner(i + a, j + b, k + c, x - a, y - b, z - c, seed)
    return total


@njit(**_PARALLEL)
def fractal(points, width, octaves, gain, ridged, seed, out):
    """Sum octaves of noise at P points [P, 3] with pixels of width [P]; fills out [P], about -1..1.

    With `ridged`, octaves are 1 - 2 |noise|: sharp crests.
    """
    for p in prange(len(points)):
        x, y, z = points[p, 0], points[p, 1], points[p, 2]
        size, weight, total, most = width[p], 1.0, 0.0, 0.0
        for octave in range(octaves):
            seen = min(1.0, max(0.0, 2.0 - 2.5 * size))  # a period is one unit: gone at 0.8 of it a pixel
            if seen > 0.0:
                value = _gradient_noise(x, y, z, seed + octave)
                total += weight * seen * ((1.0 - 2.0 * abs(value)) if ridged else value)
            most += weight
            weight *= gain
            x, y, z, size = 2.03 * x + 17.1, 2.03 * y - 9.7, 2.03 * z + 4.3, 2.03 * size
        out[p] = total / most


@njit(**_PARALLEL)
def cells(points, seed, first, second, owner):
    """The two nearest of the lattice's scattered points: fills their distances [P] and the nearest's hash [P], 0..1."""
    for p in prange(len(points)):
        x, y, z = points[p, 0], points[p, 1], points[p, 2]
        i, j, k = int(math.floor(x)), int(math.floor(y)), int(math.floor(z))
        nearest, next_, found = 1e9, 1e9, 0
        for c in range(-1, 2):
            for b in range(-1, 2):
                for a in range(-1, 2):
                    h = int(_hash(i + a, j + b, k + c, seed))
                    dx = i + a + (h & 1023) / 1023.0 - x
                    dy = j + b + ((h >> 10) & 1023) / 1023.0 - y
                    dz = k + c + ((h >> 20) & 1023) / 1023.0 - z
                    apart = dx * dx + dy * dy + dz * dz
                    if apart < nearest:
                        nearest, next_, found = apart, nearest, h
                    elif apart < next_:
                        next_ = apart
        first[p], second[p] = math.sqrt(nearest), math.sqrt(next_)
        owner[p] = int(_hash(found, 3, 5, seed)) / 4294967295.0
