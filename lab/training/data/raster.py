"""A z-buffer for small pictures of many triangles, compiled by numba: which triangle is seen where."""

from __future__ import annotations

import numpy as np

from editor3d.host.compiled import njit


@njit()
def _fill(points: np.ndarray, faces: np.ndarray, height: int, width: int):
    nearest = np.full((height, width), np.inf, np.float32)
    index = np.full((height, width), -1, np.int32)
    weights = np.zeros((height, width, 3), np.float32)
    for f in range(len(faces)):
        a, b, c = points[faces[f, 0]], points[faces[f, 1]], points[faces[f, 2]]
        if a[2] <= 1e-3 or b[2] <= 1e-3 or c[2] <= 1e-3:
            continue
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if abs(area) < 1e-9:
            continue
        left = max(0, int(np.floor(min(a[0], b[0], c[0]) - 0.5)))
        right = min(width - 1, int(np.ceil(max(a[0], b[0], c[0]) - 0.5)))
        top = max(0, int(np.floor(min(a[1], b[1], c[1]) - 0.5)))
        bottom = min(height - 1, int(np.ceil(max(a[1], b[1], c[1]) - 0.5)))
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                px, py = x + 0.5, y + 0.5
                u = ((b[0] - px) * (c[1] - py) - (b[1] - py) * (c[0] - px)) / area
                v = ((c[0] - px) * (a[1] - py) - (c[1] - py) * (a[0] - px)) / area
                w = 1.0 - u - v
                if u < 0.0 or v < 0.0 or w < 0.0:
                    continue
                # Attributes over depth are linear on the screen, and so is 1 / depth.
                wu, wv, ww = u / a[2], v / b[2], w / c[2]
                depth = 1.0 / (wu + wv + ww)
                if depth < nearest[y, x]:
                    nearest[y, x] = depth
                    index[y, x] = f
                    weights[y, x, 0], weights[y, x, 1], weights[y, x, 2] = wu * depth, wv * depth, ww * depth
    return index, weights, nearest


def rasterize(
    points: np.ndarray, faces: np.ndarray, height: int, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the triangle nearest to the camera in each pixel.

    Triangles that reach behind the camera are left out.

    Args:
        points: [V, 3] float64, (x, y) in pixels and depth along the viewing axis, above 0 in front.
        faces: [F, 3] int.
        height, width: of the picture.

    Returns:
        The triangle's index [H, W] int32 (-1 is none), its perspective-correct barycentric weights [H, W, 3], and the
        depth [H, W] (inf where there is none).
    """
    return _fill(np.ascontiguousarray(points, np.float64), np.ascontiguousarray(faces, np.int64), height, width)
