"""Compiled loops of the voxel radiance field: ray marching, its analytic backward, and occupancy.

Notation
    grid       [X, Y, Z, 4] float32, raw (before activation) density and colour at the lattice points
    c          contracted position; the lattice spans [-bound, bound]^3
    step       marching step in contracted units; constant along a ray
    occupancy  [X', Y', Z'] uint8, 0 where a block of `OCCUPANCY_BLOCK`^3 lattice cells is known to be empty
    record     what a sample leaves for the backward pass: (t, 1 - alpha, d optical depth / d raw density, r, g, b)

Rendering follows Max's optical model, C = sum_i T_i alpha_i c_i + T_end * background, with
alpha_i = 1 - exp(-a(raw_i + shift) * step), T_i = prod_{j<i} (1 - alpha_j) and c_i = sigmoid(raw_i), where a is the
softplus or, in a ReLU field, max(0, .). Inside the unit cube contracted and scene units agree, so there `a(...)` is a
density per scene unit.

Every loop is deterministic for a given number of threads: rays are dealt to `chunks` in a fixed way, each chunk sums
into a gradient of its own, and the chunks are added in order.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from editor3d.host.compiled import njit

OCCUPANCY_BLOCK = 4
RECORD_SIZE = 6
_ROW = 16  # lattice points whose gradient is cleared and summed together (256 contiguous bytes)


def rows_of(size: int) -> int:
    """How many rows a z-axis of `size` lattice points has: the last dimension of `touched`."""
    return -(-size // _ROW)


_f4 = np.float32
_ONE, _TWO, _HALF, _ZERO = _f4(1.0), _f4(2.0), _f4(0.5), _f4(0.0)
FAST = {"nnan", "ninf", "nsz", "arcp", "contract", "afn", "reassoc"}
KERNEL = dict(fastmath=FAST, error_model="numpy", nogil=True)
_INLINE = dict(fastmath=FAST, error_model="numpy", inline="always")


@njit(**_INLINE)
def _contraction_scale(m):
    """Mip-NeRF 360's contraction with the maximum norm m: c = p * scale(m), scale = (2 - 1/m)/m outside the core."""
    if m <= _ONE:
        return _ONE
    inv = _ONE / m
    return (_TWO - inv) * inv


@njit(**_INLINE)
def _contracted_speed(px, py, pz, dx, dy, dz, m):
    """|dc/dt| of a ray at p, by the contraction's derivative."""
    if m <= _ONE:
        return _ONE
    inv = _ONE / m
    scale = (_TWO - inv) * inv
    if abs(px) == m:
        dm = dx if px > _ZERO else -dx
    elif abs(py) == m:
        dm = dy if py > _ZERO else -dy
    else:
        dm = dz if pz > _ZERO else -dz
    slope = _TWO * inv * inv * (inv - _ONE) * dm  # d scale / dt
    vx = dx * scale + px * slope
    vy = dy * scale + py * slope
    vz = dz * scale + pz * slope
    return math.sqrt(vx * vx + vy * vy + vz * vz)


@njit(**_INLINE)
def cell_of(px, py, pz, bound, contract, size_x, size_y, size_z):
    """The lattice cell that a point lies in, and where in it: its lowest corner (i, j, k) and shares of 0..1."""
    if contract:
        scale = _contraction_scale(max(abs(px), max(abs(py), abs(pz))))
        px, py, pz = px * scale, py * scale, pz * scale
    gx = (px + bound) * (_f4(size_x - 1) / (_TWO * bound))
    gy = (py + bound) * (_f4(size_y - 1) / (_TWO * bound))
    gz = (pz + bound) * (_f4(size_z - 1) / (_TWO * bound))
    ix = min(max(int(gx), 0), size_x - 2)
    iy = min(max(int(gy), 0), size_y - 2)
    iz = min(max(int(gz), 0), size_z - 2)
    return ix, iy, iz, gx - _f4(ix), gy - _f4(iy), gz - _f4(iz)


@njit(**_INLINE)
def _sigmoid(x):
    return _ONE / (_ONE + math.exp(-x))


@njit(**_INLINE)
def _ray_interval(ox, oy, oz, dx, dy, dz, near, bound, contract):
    """Where a ray is inside the lattice: (t_start, t_end). A contracted lattice holds all space."""
    if contract:
        return near, _f4(1e10)
    t0 = near
    t1 = _f4(1e10)
    for axis in range(3):
        o = ox if axis == 0 else (oy if axis == 1 else oz)
        d = dx if axis == 0 else (dy if axis == 1 else dz)
        if abs(d) < _f4(1e-12):
            if abs(o) > bound:
                return _ONE, _ZERO
            continue
        a = (-bound - o) / d
        b = (bound - o) / d
        t0 = max(t0, min(a, b))
        t1 = min(t1, max(a, b))
    return t0, t1


@njit(parallel=True, **KERNEL)
def march(
    grid,
    occupancy,
    origins,
    directions,
    jitter,
    explore_every,
    near,
    bound,
    contract,
    step,
    shift,
    relu,
    stop,
    background,
    chunks,
    records,
    counts,
    rgb,
    accumulation,
    depth,
):
    """Render rays through the grid.

    Args:
        origins, directions: [N, 3] float32 in scene units; unit directions.
        jitter: [N] in 0..1, the first sample's offset in steps.
        explore_every: every n-th ray ignores `occupancy`, so that density can grow where there was none; 0 for none.
        near: distance at which marching starts.
        relu: activate density by max(0, .) instead of softplus.
        stop: transmittance below which a ray ends.
        background: [3], seen through what transmittance is left.
        records: [N, S, RECORD_SIZE], filled with one row a sample; S = 0 when no backward pass will follow.
        counts: [N] int32, filled with the samples of a ray.
        rgb, accumulation, depth: [N, 3], [N], [N], filled. Depth is the distance of the sample at which transmittance
            falls below one half; where it never does, that of the last sample inside the lattice, or `near` for a ray
            that misses it.
    """
    n_rays = origins.shape[0]
    size_x, size_y, size_z = grid.shape[0], grid.shape[1], grid.shape[2]
    to_x = _f4(size_x - 1) / (_TWO * bound)
    to_y = _f4(size_y - 1) / (_TWO * bound)
    to_z = _f4(size_z - 1) / (_TWO * bound)
    capacity = records.shape[1]
    # A contracted ray never reaches the lattice's border; it ends once its steps no longer change the position much.
    limit = max(bound - _HALF * step, _ONE) if contract else bound
    for chunk in prange(chunks):
        for ray in range(chunk, n_rays, chunks):
            ox, oy, oz = origins[ray, 0], origins[ray, 1], origins[ray, 2]
            dx, dy, dz = directions[ray, 0], directions[ray, 1], directions[ray, 2]
            t, t_end = _ray_interval(ox, oy, oz, dx, dy, dz, near, bound, contract)
            explore = explore_every > 0 and ray % explore_every == 0
            transmittance = _ONE
            red, green, blue = _ZERO, _ZERO, _ZERO
            median, last = _f4(-1.0), near
            count = 0
            first = True
            begin, taken = t, _ZERO
            while t < t_end:
                px, py, pz = ox + t * dx, oy + t * dy, oz + t * dz
                dt = step
                cx, cy, cz = px, py, pz
                if contract:
                    m = max(abs(px), max(abs(py), abs(pz)))
                    if m > _ONE:
                        dt = step / _contracted_speed(px, py, pz, dx, dy, dz, m)
                        scale = _contraction_scale(m)
                        cx, cy, cz = px * scale, py * scale, pz * scale
                        if max(abs(cx), max(abs(cy), abs(cz))) > limit:
                            break
                if first:  # the jitter shifts the whole ladder of samples by up to one step
                    first = False
                    t += jitter[ray] * dt
                    begin = t
                    continue
                last = t
                gx, gy, gz = (cx + bound) * to_x, (cy + bound) * to_y, (cz + bound) * to_z
                ix = min(max(int(gx), 0), size_x - 2)
                iy = min(max(int(gy), 0), size_y - 2)
                iz = min(max(int(gz), 0), size_z - 2)
                if not explore and (
                    occupancy[ix // OCCUPANCY_BLOCK, iy // OCCUPANCY_BLOCK, iz // OCCUPANCY_BLOCK] == 0
                ):
                    taken += _ONE
                    t = t + dt if contract else begin + taken * step
                    continue
                fx, fy, fz = gx - _f4(ix), gy - _f4(iy), gz - _f4(iz)
                ex, ey, ez = _ONE - fx, _ONE - fy, _ONE - fz
                raw0, raw1, raw2, raw3 = _ZERO, _ZERO, _ZERO, _ZERO
                for corner in range(4):
                    jx, jy = ix + (corner >> 1), iy + (corner & 1)
                    w = (fx if corner >> 1 else ex) * (fy if corner & 1 else ey)
                    w0, w1 = w * ez, w * fz
                    raw0 += w0 * grid[jx, jy, iz, 0] + w1 * grid[jx, jy, iz + 1, 0]
                    raw1 += w0 * grid[jx, jy, iz, 1] + w1 * grid[jx, jy, iz + 1, 1]
                    raw2 += w0 * grid[jx, jy, iz, 2] + w1 * grid[jx, jy, iz + 1, 2]
                    raw3 += w0 * grid[jx, jy, iz, 3] + w1 * grid[jx, jy, iz + 1, 3]
                x = raw0 + shift
                if relu:
                    sigma, slope = (x, _ONE) if x > _ZERO else (_ZERO, _ZERO)
                elif x > _f4(15.0):
                    sigma, slope = x, _ONE
                else:
                    grown = math.exp(x)
                    sigma = math.log(_ONE + grown) if grown > _f4(1e-4) else grown
                    slope = grown / (_ONE + grown)
                kept = math.exp(-sigma * step)
                c0, c1, c2 = _sigmoid(raw1), _sigmoid(raw2), _sigmoid(raw3)
                if capacity > 0:
                    if count >= capacity:
                        break
                    records[ray, count, 0] = t
                    records[ray, count, 1] = kept
                    records[ray, count, 2] = step * slope
                    records[ray, count, 3] = c0
                    records[ray, count, 4] = c1
                    records[ray, count, 5] = c2
                count += 1
                weight = transmittance * (_ONE - kept)
                red += weight * c0
                green += weight * c1
                blue += weight * c2
                transmittance *= kept
                if median < _ZERO and transmittance < _HALF:
                    median = t
                taken += _ONE
                # even steps are counted, since hundreds of additions would shift samples against a hard surface
                t = t + dt if contract else begin + taken * step
                if transmittance < stop:
                    break
            counts[ray] = count
            rgb[ray, 0] = red + transmittance * background[0]
            rgb[ray, 1] = green + transmittance * background[1]
            rgb[ray, 2] = blue + transmittance * background[2]
            accumulation[ray] = _ONE - transmittance
            depth[ray] = median if median >= _ZERO else last


@njit(**_INLINE)
def _open_row(grad, marks, x, y, row):
    """Clear a row of a gradient unless it is marked as touched."""
    if marks[x, y, row] == 0:
        marks[x, y, row] = 1
        for z in range(row * _ROW, min(grad.shape[2], (row + 1) * _ROW)):
            for channel in range(4):
                grad[x, y, z, channel] = _ZERO


@njit(parallel=True, **KERNEL)
def march_backward(
    grid_shape,
    origins,
    directions,
    bound,
    contract,
    background,
    records,
    counts,
    rgb,
    accumulation,
    grad_rgb,
    grad_accumulation,
    chunks,
    grads,
    touched,
):
    """Gradient of `march` with respect to the grid.

    With tau_i the optical depth of sample i (alpha_i = 1 - exp(-tau_i)) and S_i = sum_{j>i} T_j alpha_j c_j + T_end b
    the light that comes from behind it, dC/d tau_i = T_{i+1} c_i - S_i and d accumulation / d tau_i = T_end.

    Args:
        grads: [chunks, X, Y, Z, 4] float32, arbitrary on entry; each chunk adds into its own, in rows cleared when they
            are first touched. Other rows stay as they are: see `sum_chunks`.
        touched: [chunks, X, Y, ceil(Z / row)] uint8, all zero on entry; set where a chunk has written.
    """
    n_rays = origins.shape[0]
    size_x, size_y, size_z = grid_shape
    for chunk in prange(chunks):
        grad = grads[chunk]
        marks = touched[chunk]
        for ray in range(chunk, n_rays, chunks):
            g0, g1, g2 = grad_rgb[ray, 0], grad_rgb[ray, 1], grad_rgb[ray, 2]
            ga = grad_accumulation[ray]
            if g0 == _ZERO and g1 == _ZERO and g2 == _ZERO and ga == _ZERO:
                continue
            left = _ONE - accumulation[ray]  # T_end
            # dot products with the incoming gradient: what is still behind the sample, background included
            behind = g0 * rgb[ray, 0] + g1 * rgb[ray, 1] + g2 * rgb[ray, 2]
            transmittance = _ONE
            ox, oy, oz = origins[ray, 0], origins[ray, 1], origins[ray, 2]
            dx, dy, dz = directions[ray, 0], directions[ray, 1], directions[ray, 2]
            for i in range(counts[ray]):
                t = records[ray, i, 0]
                kept = records[ray, i, 1]
                c0, c1, c2 = records[ray, i, 3], records[ray, i, 4], records[ray, i, 5]
                weight = transmittance * (_ONE - kept)
                transmittance *= kept
                seen = g0 * c0 + g1 * c1 + g2 * c2
                behind -= weight * seen
                d0 = (transmittance * seen - behind + ga * left) * records[ray, i, 2]
                d1 = weight * g0 * c0 * (_ONE - c0)
                d2 = weight * g1 * c1 * (_ONE - c1)
                d3 = weight * g2 * c2 * (_ONE - c2)
                px, py, pz = ox + t * dx, oy + t * dy, oz + t * dz
                ix, iy, iz, fx, fy, fz = cell_of(px, py, pz, bound, contract, size_x, size_y, size_z)
                ex, ey, ez = _ONE - fx, _ONE - fy, _ONE - fz
                row0, row1 = iz // _ROW, (iz + 1) // _ROW
                for corner in range(4):
                    jx, jy = ix + (corner >> 1), iy + (corner & 1)
                    w = (fx if corner >> 1 else ex) * (fy if corner & 1 else ey)
                    w0, w1 = w * ez, w * fz
                    _open_row(grad, marks, jx, jy, row0)
                    if row1 != row0:
                        _open_row(grad, marks, jx, jy, row1)
                    grad[jx, jy, iz, 0] += w0 * d0
                    grad[jx, jy, iz, 1] += w0 * d1
                    grad[jx, jy, iz, 2] += w0 * d2
                    grad[jx, jy, iz, 3] += w0 * d3
                    grad[jx, jy, iz + 1, 0] += w1 * d0
                    grad[jx, jy, iz + 1, 1] += w1 * d1
                    grad[jx, jy, iz + 1, 2] += w1 * d2
                    grad[jx, jy, iz + 1, 3] += w1 * d3


@njit(parallel=True, **KERNEL)
def sum_chunks(grads, touched):
    """Make chunk 0 the whole gradient: zero where it was not touched, the touched rows of chunks 1.. added in order."""
    chunks, size_x, size_y, size_z, _ = grads.shape
    for x in prange(size_x):
        for y in range(size_y):
            for row in range(touched.shape[3]):
                _open_row(grads[0], touched[0], x, y, row)
                for chunk in range(1, chunks):
                    if touched[chunk, x, y, row]:
                        for z in range(row * _ROW, min(size_z, (row + 1) * _ROW)):
                            for channel in range(4):
                                grads[0, x, y, z, channel] += grads[chunk, x, y, z, channel]


@njit(parallel=True, **KERNEL)
def update_occupancy(grid, threshold, occupancy):
    """Mark the blocks in which some lattice point, their border included, has a raw density above `threshold`."""
    size_x, size_y, size_z = grid.shape[0], grid.shape[1], grid.shape[2]
    for bx in prange(occupancy.shape[0]):
        for by in range(occupancy.shape[1]):
            for bz in range(occupancy.shape[2]):
                full = np.uint8(0)
                # one point beyond the block on each side: cells between blocks belong to both
                for x in range(max(0, bx * OCCUPANCY_BLOCK - 1), min(size_x, (bx + 1) * OCCUPANCY_BLOCK + 2)):
                    for y in range(max(0, by * OCCUPANCY_BLOCK - 1), min(size_y, (by + 1) * OCCUPANCY_BLOCK + 2)):
                        for z in range(max(0, bz * OCCUPANCY_BLOCK - 1), min(size_z, (bz + 1) * OCCUPANCY_BLOCK + 2)):
                            if grid[x, y, z, 0] > threshold:
                                full = np.uint8(1)
                                break
                        if full:
                            break
                    if full:
                        break
                occupancy[bx, by, bz] = full
