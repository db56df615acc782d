"""Compiled loops that write down a picture as a linear function of lattice colours. Notation: `kernels.march`."""

from __future__ import annotations

import numpy as np
from numba import prange

from editor3d.host.compiled import njit
from nerf_methods.voxel.kernels.march import KERNEL, cell_of

CORNERS = 8
_ONE = np.float32(1.0)


@njit(parallel=True, **KERNEL)
def count_samples(records, counts, least, kept):
    """How many samples of each ray have a blending weight T_i alpha_i of at least `least`: `kept` [N] int64."""
    for ray in prange(records.shape[0]):
        transmittance = _ONE
        found = 0
        for i in range(counts[ray]):
            passing = records[ray, i, 1]
            if transmittance * (_ONE - passing) >= least:
                found += 1
            transmittance *= passing
        kept[ray] = found


@njit(parallel=True, **KERNEL)
def weigh(grid_shape, origins, directions, bound, contract, records, counts, least, starts, columns, values):
    """The weights of lattice points in rays: T_i alpha_i times the trilinear weight of each corner of the cell.

    Args:
        starts: [N] int64, where each ray's begin in the outputs.
        columns: [E] int32, filled with flat indices of lattice points, `CORNERS` a sample; a point may come repeatedly.
        values: [E] float32, filled with their weights.
    """
    size_x, size_y, size_z = grid_shape
    for ray in prange(records.shape[0]):
        ox, oy, oz = origins[ray, 0], origins[ray, 1], origins[ray, 2]
        dx, dy, dz = directions[ray, 0], directions[ray, 1], directions[ray, 2]
        transmittance = _ONE
        place = starts[ray]
        for i in range(counts[ray]):
            passing = records[ray, i, 1]
            weight = transmittance * (_ONE - passing)
            transmittance *= passing
            if weight < least:
                continue
            t = records[ray, i, 0]
            px, py, pz = ox + t * dx, oy + t * dy, oz + t * dz
            ix, iy, iz, fx, fy, fz = cell_of(px, py, pz, bound, contract, size_x, size_y, size_z)
            for corner in range(CORNERS):
                jx, jy, jz = corner >> 2, (corner >> 1) & 1, corner & 1
                share = (fx if jx else _ONE - fx) * (fy if jy else _ONE - fy) * (fz if jz else _ONE - fz)
                columns[place] = ((ix + jx) * size_y + iy + jy) * size_z + iz + jz
                values[place] = weight * share
                place += 1
