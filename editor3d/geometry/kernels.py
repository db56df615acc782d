"""Compiled loops of visibility (numba).

Notation
    d_p        unit direction of pixel p in its camera's frame (OpenGL axes), [3]
    r_p        distance along it to the surface; 0 where nothing is seen
    n_p        the surface's unit normal in the world, towards the camera
    lens       (f_x, f_y, c_x, c_y, k1, k2, k3, k4, p1, p2, rim, fisheye): `LENS` float64
    views      lie one after another in flat arrays; view i has the pixels starts[i] to starts[i + 1], row by row

Every loop gives the same bits on any number of threads.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from editor3d.host.compiled import njit

LENS = 12
_NEAR = 1e-9
_INLINE = dict(fastmath={"nsz", "arcp", "contract"}, error_model="numpy", nogil=True)
_PARALLEL = dict(parallel=True, **_INLINE)
_SINGULAR = 5e-3


@njit(**_INLINE)
def _to_pixel(x, y, z, lens):
    """Where a point of the camera's frame appears, and whether it does."""
    ahead = -z
    if lens[11] > 0.0:
        beside = math.sqrt(x * x + y * y)
        if ahead <= _NEAR and beside <= _NEAR:
            return 0.0, 0.0, False
        narrowed = math.atan2(beside, ahead) / max(beside, _NEAR)
        u, v = x * narrowed, -y * narrowed
    else:
        if ahead <= _NEAR:
            return 0.0, 0.0, False
        u, v = x / ahead, -y / ahead
    r2 = u * u + v * v
    if r2 >= lens[10]:
        return 0.0, 0.0, False
    k1, k2, k3, k4, p1, p2 = lens[4], lens[5], lens[6], lens[7], lens[8], lens[9]
    radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * (k3 + r2 * k4)))
    bent_u = u * radial + 2.0 * p1 * u * v + p2 * (r2 + 2.0 * u * u)
    bent_v = v * radial + 2.0 * p2 * u * v + p1 * (r2 + 2.0 * v * v)
    return bent_u * lens[0] + lens[2], bent_v * lens[1] + lens[3], True


@njit(**_INLINE)
def _match(px, py, pz, nx, ny, nz, footprint, pose, lens, width, height, start, distance, normals, edges, limits):
    """The place and the weight in one view of one point of the world; see `matching.matches`."""
    ox, oy, oz = px - pose[0, 3], py - pose[1, 3], pz - pose[2, 3]
    if nx * ox + ny * oy + nz * oz >= 0.0:  # seen from behind
        return 0.0, 0.0, 0.0
    x, y, held = _to_pixel(
        pose[0, 0] * ox + pose[1, 0] * oy + pose[2, 0] * oz,
        pose[0, 1] * ox + pose[1, 1] * oy + pose[2, 1] * oz,
        pose[0, 2] * ox + pose[1, 2] * oy + pose[2, 2] * oz,
        lens,
    )
    slack = 1e-3
    if not (held and x > -slack and y > -slack and x < width + slack and y < height + slack):
        return 0.0, 0.0, 0.0
    left, top = int(math.floor(x - 0.5)), int(math.floor(y - 0.5))
    for row in range(top, top + 2):  # all four that the place lies between have to show one surface
        for column in range(left, left + 2):
            at = start + min(max(row, 0), height - 1) * width + min(max(column, 0), width - 1)
            if edges[at] or distance[at] <= 0.0:
                return x, y, 0.0
    at = start + min(max(int(y), 0), height - 1) * width + min(max(int(x), 0), width - 1)
    far = math.sqrt(ox * ox + oy * oy + oz * oz)
    cosine = -(normals[at, 0] * ox + normals[at, 1] * oy + normals[at, 2] * oz) / far
    tolerance, grazing = limits[0], limits[1]
    if cosine <= grazing:
        return x, y, 0.0
    # the distance at which this ray meets the plane of the nearest pixel, whose own cosine is kept beside its normal
    there = distance[at] * normals[at, 3] / cosine
    focal = 0.5 * (lens[0] + lens[1])
    allowed = tolerance + 0.5 / (focal * cosine)
    off = abs(far - there) / (allowed * far)
    if off >= 1.0:
        return x, y, 0.0
    agreement = (1.0 - off * off) ** 2
    finer = footprint * focal / far
    weight = min(1.0, cosine * min(1.0, finer * finer)) * min(1.0, (cosine - grazing) / grazing) * agreement
    return x, y, weight


@njit(**_PARALLEL)
def match_view(
    points, normals, footprints, pose, lens, width, height, distance, source_normals, edges, limits, pixels, weights
):
    """Match P points of the world [P, 3] with one view; fills pixels [P, 2] and weights [P]."""
    for p in prange(len(points)):
        pixels[p, 0] = pixels[p, 1] = weights[p] = 0.0
        if footprints[p] > 0.0:
            x, y, weight = _match(
                points[p, 0], points[p, 1], points[p, 2], normals[p, 0], normals[p, 1], normals[p, 2], footprints[p],
                pose, lens, width, height, 0, distance, source_normals, edges, limits,
            )  # fmt: skip
            pixels[p, 0], pixels[p, 1], weights[p] = x, y, weight


@njit(**_PARALLEL)
def match_all(
    points, normals, footprints, owner, poses, lenses, sizes, starts, distance, source_normals, edges, limits, enough,
    quality,
):  # fmt: skip
    """How well each of V views sees each of P points; fills quality [V, P] uint8: 255 from the weight `enough` on.

    A view sees all that is its own.
    """
    views, count = quality.shape
    for i in prange(views):
        pose, lens, width, height, start = poses[i], lenses[i], sizes[i, 0], sizes[i, 1], starts[i]
        for p in range(count):
            if footprints[p] <= 0.0:
                quality[i, p] = 0
            elif owner[p] == i:
                quality[i, p] = 255
            else:
                _, _, weight = _match(
                    points[p, 0], points[p, 1], points[p, 2], normals[p, 0], normals[p, 1], normals[p, 2],
                    footprints[p], pose, lens, width, height, start, distance, source_normals, edges, limits,
                )  # fmt: skip
                quality[i, p] = min(255, int(math.ceil(255.0 * weight / enough)))


@njit(**_PARALLEL)
def gains(quality, best, out):
    """By how much each view [V, P] uint8 betters the best so far [P]: fills out [V] int64."""
    for i in prange(quality.shape[0]):
        total = 0
        for p in range(quality.shape[1]):
            if quality[i, p] > best[p]:
                total += np.int64(quality[i, p]) - np.int64(best[p])
        out[i] = total


@njit(**_INLINE)
def _solve(a, b):
    """x [3] of the symmetric system a [6] (xx, xy, xz, yy, yz, zz), b [3]; zeros where there is no one answer."""
    c0, c1, c2 = a[3] * a[5] - a[4] * a[4], a[2] * a[4] - a[1] * a[5], a[1] * a[4] - a[2] * a[3]
    det = a[0] * c0 + a[1] * c1 + a[2] * c2
    if not det > _SINGULAR * a[0] * (a[3] + a[5]) ** 2:  # points in a line are in many planes
        return 0.0, 0.0, 0.0
    c3, c4, c5 = a[0] * a[5] - a[2] * a[2], a[1] * a[2] - a[0] * a[4], a[0] * a[3] - a[1] * a[1]
    return (
        (c0 * b[0] + c1 * b[1] + c2 * b[2]) / det,
        (c1 * b[0] + c3 * b[1] + c4 * b[2]) / det,
        (c2 * b[0] + c4 * b[1] + c5 * b[2]) / det,
    )


@njit(**_PARALLEL)
def fit_planes(directions, distance, radius, jump, normals):
    """Fit a plane to each pixel's neighbours that lie on its surface; fills normals [H, W, 3] in the camera's frame.

    A plane n . x = 1 has 1 / r = n . d at distance r along direction d: linear in n for any lens. Least squares over
    the (2 radius + 1)^2 window, reweighted twice by how far each neighbour is off the plane found; what is farther off
    than the share `jump` of the distance does not count. (0, 0, 0) where there is no answer.

    Args:
        directions: [H, W, 3] unit vectors, camera's frame.
        distance: [H, W], 0 where nothing is seen.
    """
    height, width = distance.shape
    for row in prange(height):
        a, b = np.zeros(6), np.zeros(3)
        e1, e2 = np.zeros(3), np.zeros(3)
        for column in range(width):
            r0 = distance[row, column]
            nx, ny, nz = 0.0, 0.0, 0.0
            normals[row, column, 0] = normals[row, column, 1] = normals[row, column, 2] = 0.0
            if r0 <= 0.0:
                continue
            # a basis of the pixel's own ray keeps the system well conditioned: d = d0 + u e1 + v e2, nearly
            d0 = directions[row, column]
            if abs(d0[0]) < 0.9:
                e1[0], e1[1], e1[2] = 0.0, d0[2], -d0[1]
            else:
                e1[0], e1[1], e1[2] = -d0[2], 0.0, d0[0]
            length = math.sqrt(e1[0] ** 2 + e1[1] ** 2 + e1[2] ** 2)
            for k in range(3):
                e1[k] /= length
            e2[0] = d0[1] * e1[2] - d0[2] * e1[1]
            e2[1] = d0[2] * e1[0] - d0[0] * e1[2]
            e2[2] = d0[0] * e1[1] - d0[1] * e1[0]
            right = directions[row, min(column + 1, width - 1)] if column + 1 < width else directions[row, column - 1]
            step = math.sqrt((right[0] - d0[0]) ** 2 + (right[1] - d0[1]) ** 2 + (right[2] - d0[2]) ** 2)
            for sweep in range(3):
                a[:] = 0.0
                b[:] = 0.0
                for i in range(max(row - radius, 0), min(row + radius + 1, height)):
                    for j in range(max(column - radius, 0), min(column + radius + 1, width)):
                        r = distance[i, j]
                        if r <= 0.0:
                            continue
                        d = directions[i, j]
                        c = d[0] * d0[0] + d[1] * d0[1] + d[2] * d0[2]
                        u = (d[0] * e1[0] + d[1] * e1[1] + d[2] * e1[2]) / step
                        v = (d[0] * e2[0] + d[1] * e2[1] + d[2] * e2[2]) / step
                        if sweep == 0:
                            # slopes are not known yet: nearer pixels may be off by as much as a steep plane would be
                            off = (r - r0) / (r0 * (jump + 3.0 * step * math.sqrt(u * u + v * v)))
                        else:
                            off = (1.0 - r / r0 * (nx * c + ny * u + nz * v)) / jump
                        if abs(off) >= 1.0:
                            continue
                        w = (1.0 - off * off) ** 2 * r * r / (r0 * r0)
                        target = r0 / r
                        a[0] += w * c * c
                        a[1] += w * c * u
                        a[2] += w * c * v
                        a[3] += w * u * u
                        a[4] += w * u * v
                        a[5] += w * v * v
                        b[0] += w * c * target
                        b[1] += w * u * target
                        b[2] += w * v * target
                nx, ny, nz = _solve(a, b)
                if nx == 0.0:
                    break
            if nx <= 0.0:
                continue
            ny, nz = ny / step, nz / step
            length = math.sqrt(nx * nx + ny * ny + nz * nz)
            for k in range(3):
                normals[row, column, k] = -(nx * d0[k] + ny * e1[k] + nz * e2[k]) / length


@njit(**_PARALLEL)
def carve(
    origin, directions, ends, poses, lenses, sizes, starts, distance, changed, near, steps, tolerance, opposed, out
):  # fmt: skip
    """Whether the rays of P pixels cross space that several views allow to have changed; fills out [P] uint8.

    A place votes for a change by each view that sees as far and changed there, and against it by each that did not. 0:
    no view says anything of where the ray ends; 1: nothing has changed along the ray; 2: something may have.
    """
    for p in prange(len(directions)):
        found = 0
        for step in range(steps + 1):
            t = ends[p] * (near + (1.0 - near) * step / steps)
            x, y, z = (
                origin[0] + t * directions[p, 0], origin[1] + t * directions[p, 1], origin[2] + t * directions[p, 2]
            )  # fmt: skip
            yes, no = 0, 0
            for i in range(len(poses)):
                pose, width, height = poses[i], sizes[i, 0], sizes[i, 1]
                ox, oy, oz = x - pose[0, 3], y - pose[1, 3], z - pose[2, 3]
                u, v, held = _to_pixel(
                    pose[0, 0] * ox + pose[1, 0] * oy + pose[2, 0] * oz,
                    pose[0, 1] * ox + pose[1, 1] * oy + pose[2, 1] * oz,
                    pose[0, 2] * ox + pose[1, 2] * oy + pose[2, 2] * oz,
                    lenses[i],
                )
                if not (held and u >= 0.0 and v >= 0.0 and u < width and v < height):
                    continue
                at = starts[i] + int(v) * width + int(u)
                far = math.sqrt(ox * ox + oy * oy + oz * oz)
                if distance[at] > 0.0 and far > distance[at] * (1.0 + tolerance):  # hidden
                    continue
                if changed[at]:
                    yes += 1
                else:
                    no += 1
                    if no > opposed * len(poses):  # whatever the others say
                        break
            if yes > 0 and no <= opposed * (yes + no):
                found = 2
                break
            if step == steps and no > 0:
                found = 1
        out[p] = found
