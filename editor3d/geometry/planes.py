"""Planes that are known at few pixels of a view, carried over to all of them (numba)."""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from editor3d.host.compiled import njit


@njit(parallel=True, fastmath={"nsz", "arcp", "contract"}, error_model="numpy", nogil=True)
def carry_planes(known, valid, rays, far, eye, limits, out):
    """Carry planes known at the pixels of a small picture [h, w] over to a large one [H, W] of the same view.

    Of the four small pixels round each pixel, those count whose planes its ray meets near the distance that it shows.

    Args:
        known: [h, w, 7], a point of the plane, its normal, and a value.
        valid: [h, w], which of them are known.
        rays: [H, W, 3], unit vectors.
        far: [H, W], the distance that each pixel shows; 0 where it shows nothing.
        eye: [3], where the rays begin.
        limits: (how far off a plane may lie, and how far the result may lie off, as shares of the distance).
        out: [H, W, 5], filled: the distance to the planes, the normal (not of unit length) and the value; 0 where
            nothing is. Where no plane is near: the distance shown, and the mean of the four.
    """
    rows, columns = valid.shape
    height, width = far.shape
    for r in prange(height):
        y = min(max((r + 0.5) * rows / height - 0.5, 0.0), rows - 1.0)
        top = int(y)
        for c in range(width):
            shown = far[r, c]
            for k in range(5):
                out[r, c, k] = 0.0
            if shown <= 0.0:
                continue
            x = min(max((c + 0.5) * columns / width - 0.5, 0.0), columns - 1.0)
            left = int(x)
            total, plain, distance = 0.0, 0.0, 0.0
            near, mean = np.zeros(4), np.zeros(4)
            for down in range(2):
                for right in range(2):
                    i, j = min(top + down, rows - 1), min(left + right, columns - 1)
                    if not valid[i, j]:
                        continue
                    share = (y - top if down else 1.0 - y + top) * (x - left if right else 1.0 - x + left)
                    along, ahead = 0.0, 0.0
                    for k in range(3):
                        along += known[i, j, 3 + k] * rays[r, c, k]
                        ahead += known[i, j, 3 + k] * (known[i, j, k] - eye[k])
                    plain += share
                    for k in range(4):
                        mean[k] += share * known[i, j, 3 + k]
                    if along < -0.05:
                        meets = ahead / along
                        off = (meets - shown) * along / (limits[0] * shown)
                        weight = share * math.exp(-off * off)
                        total += weight
                        distance += weight * meets
                        for k in range(4):
                            near[k] += weight * known[i, j, 3 + k]
            out[r, c, 0] = shown
            if total > 1e-3:
                low, high = shown * (1.0 - limits[1]), shown * (1.0 + limits[1])
                out[r, c, 0] = min(max(distance / total, low), high)
                for k in range(4):
                    out[r, c, 1 + k] = near[k] / total
            elif plain > 0.0:
                for k in range(4):
                    out[r, c, 1 + k] = mean[k] / plain
