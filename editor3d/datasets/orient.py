"""The frame that a scene is trained in: turned and centred as nerfstudio does it, and exact far from the origin."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from nerfstudio.cameras.camera_utils import auto_orient_and_center_poses
from torch import Tensor

from editor3d.precision import offset_of

Orientation = Literal["pca", "up", "vertical", "none"]
Centring = Literal["poses", "focus", "none"]


def oriented(poses: np.ndarray, orientation: Orientation, centring: Centring) -> tuple[Tensor, Tensor]:
    """Turn and centre poses by nerfstudio's own methods, which work in float32.

    Poses far from the origin are brought near it in float64 first, also where no centring is requested: in float32
    their cameras would fall together. Other poses come out as nerfstudio's parser has them, bit for bit.

    Args:
        poses: camera-to-world [N, 3, 4] float64.

    Returns:
        The poses [N, 3, 4] float32, and T [3, 4] float64, a rotation and a translation, with x_oriented = T x.
    """
    offset = offset_of(poses[:, :, 3])
    near = poses.copy()
    near[:, :, 3] -= offset
    rows = np.broadcast_to([[[0.0, 0.0, 0.0, 1.0]]], (len(poses), 1, 4))
    turned, transform = auto_orient_and_center_poses(
        torch.from_numpy(np.concatenate([near, rows], 1).astype(np.float32)), orientation, centring
    )
    rotation = _orthonormal(transform[:, :3].double())
    translation = transform[:, 3].double() - rotation @ torch.from_numpy(offset)
    return turned[:, :3], torch.cat([rotation, translation[:, None]], 1)


def _orthonormal(rotation: Tensor) -> Tensor:
    """The rotation that a matrix rounded to float32 stands for: its transpose is its inverse, however far away.

    By Newton's iteration R <- R (3 - R^T R) / 2, under which an exact rotation stays unchanged.
    """
    one = torch.eye(3, dtype=torch.float64)
    for _ in range(3):
        rotation = rotation @ (3 * one - rotation.T @ rotation) / 2
    return rotation
