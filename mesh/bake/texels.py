"""Find the surface point of each texel."""

from __future__ import annotations

import os

import numpy as np


def covering(uvs: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The triangle that covers the centre of each texel.

    Args:
        uvs: [F, 3, 2], v pointing up.
        size: texels of the texture's sides.

    Returns:
        Face [size, size] int64, -1 for none, and barycentrics [size, size, 3] float32; the first row is at v = 1.
    """
    import open3d

    scene = open3d.t.geometry.RaycastingScene(nthreads=os.cpu_count() or 1)
    corners = np.zeros((3 * len(uvs), 3), np.float32)
    corners[:, :2] = uvs.reshape(-1, 2)
    triangles = np.arange(len(corners), dtype=np.uint32).reshape(-1, 3)
    scene.add_triangles(open3d.core.Tensor.from_numpy(corners), open3d.core.Tensor.from_numpy(triangles))
    u = (np.arange(size, dtype=np.float32) + 0.5) / size
    rays = np.zeros((size, size, 6), np.float32)
    rays[..., 0], rays[..., 1] = u[None, :], 1.0 - u[:, None]
    rays[..., 2], rays[..., 5] = 1.0, -1.0
    found = scene.cast_rays(open3d.core.Tensor.from_numpy(rays))
    face = found["primitive_ids"].numpy()
    one_two = found["primitive_uvs"].numpy()
    weights = np.concatenate([1.0 - one_two.sum(-1, keepdims=True), one_two], -1)
    return np.where(face == scene.INVALID_ID, -1, face.astype(np.int64)), weights


def spread(texture: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """A texture [H, W, C] whose uncovered texels have the colour of the nearest covered one, so that no seam shows."""
    from scipy.ndimage import distance_transform_edt

    if covered.all() or not covered.any():
        return texture
    rows, columns = np.asarray(distance_transform_edt(~covered, return_distances=False, return_indices=True))
    return texture[rows, columns]
