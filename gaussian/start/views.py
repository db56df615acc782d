"""Small pinhole pictures of a capture for the depth sweep."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras

from editor3d.datasets.views.images import read_mask
from editor3d.geometry.lens import Lens
from editor3d.plugin.train.pictures import TrainingPictures
from gaussian.draw.lens import canvas_of

_WHOLE = 0.99
"""Share of a small pixel that must be seen for it to count."""


@dataclass(frozen=True, eq=False)
class SmallView:
    """A posed pinhole picture."""

    pixels: np.ndarray
    """[H, W, 3] uint8."""
    seen: np.ndarray
    """[H, W] bool: what the photograph holds and its mask lets count."""
    K: np.ndarray
    """[3, 3] intrinsics, pixels; the centre of the first pixel is (0.5, 0.5)."""
    pose: np.ndarray
    """[3, 4] camera to world in OpenCV's axes: x right, y down, z forward; scene units."""

    @property
    def origin(self) -> np.ndarray:
        """The camera's place [3]."""
        return self.pose[:, 3]

    @cached_property
    def marked(self) -> np.ndarray:
        """[H, W, 4] uint8: the pixels, and 255 for those that are seen, 0 for the others."""
        return np.dstack([self.pixels, self.seen.astype(np.uint8) * 255])

    @cached_property
    def rays(self) -> np.ndarray:
        """Directions [H, W, 3] in the world through the centres of the pixels, of z-depth 1."""
        height, width = self.seen.shape
        x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
        return np.stack([x, y, np.ones_like(x)], -1) @ (self.pose[:, :3] @ np.linalg.inv(self.K)).T

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where points [..., 3] appear: row and column of the pixel [...], which are 0 where there is none, and the
        z-depth [...], which is infinite there."""
        local = (points - self.origin) @ self.pose[:, :3]
        depth = local[..., 2]
        ahead = depth > 1e-9
        flat = local[..., :2] / np.where(ahead, depth, 1)[..., None]
        x, y = np.floor(flat * self.K[[0, 1], [0, 1]] + self.K[:2, 2]).transpose(-1, *range(depth.ndim))
        inside = ahead & (x >= 0) & (y >= 0) & (x < self.seen.shape[1]) & (y < self.seen.shape[0])
        row, column = np.where(inside, y, 0).astype(int), np.where(inside, x, 0).astype(int)
        return row, column, np.where(inside, depth, np.inf)


def small_views(pictures: TrainingPictures, cameras: Cameras, side: int) -> list[SmallView]:
    """The pictures with at most so many pixels along a side, lens distortion taken off."""
    return [_small(pictures, cameras, index, side) for index in range(len(pictures))]


def _small(pictures: TrainingPictures, cameras: Cameras, index: int, side: int) -> SmallView:
    lens = Lens.of(cameras, index)
    canvas = canvas_of(lens)
    scale = min(1.0, side / max(canvas.width, canvas.height))
    size = (max(1, round(canvas.width * scale)), max(1, round(canvas.height * scale)))
    pixels = cv2.resize(canvas.flatten(pictures[index]).numpy(), size, interpolation=cv2.INTER_AREA)
    seen = np.full((canvas.height, canvas.width), 1.0, np.float32)
    mask, held = read_mask(pictures.views[index]), canvas.seen(lens.height, lens.width)
    if mask is not None:
        flat = canvas.flatten(mask.to(torch.uint8)[..., None] * 255)
        seen *= flat.numpy().reshape(seen.shape) == 255
    if held is not None:
        seen *= held.numpy()
    seen = cv2.resize(seen, size, interpolation=cv2.INTER_AREA) > _WHOLE
    K = canvas.K.double().numpy() * [[size[0] / canvas.width], [size[1] / canvas.height], [1]]
    pose = cameras.camera_to_worlds[index].cpu().double().numpy() * [1, -1, -1, 1]
    return SmallView(pixels, seen, K, pose)
