"""Splats are drawn through pinholes: the canvas that stands in for a lens, and the way from one to the other.

A canvas is a pinhole picture that sees all that the lens sees, at the same focal length. Photographs are brought to it
once, to be trained on; what is drawn on it is bent back where a view is asked for as its camera took it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from editor3d.plugin.rays import Lens

_MIN_COSINE = 0.2  # beyond 78 degrees off the axis a pinhole picture grows without bound
_MAX_GROWTH = 2.0
_CACHED = 64


@dataclass(frozen=True, eq=False)
class Canvas:
    """The pinhole picture of one lens."""

    width: int
    height: int
    K: Tensor
    """[3, 3] float32 intrinsics in pixels."""
    to_canvas: np.ndarray | None
    """[H', W', 2] float32: for each pixel of the canvas, where its value lies in the photograph (OpenCV's convention,
    the top-left pixel's centre at 0). None where canvas and photograph are the same."""
    to_picture: Tensor | None
    """[H, W, 2] float32: for each pixel of the photograph, where its value lies on the canvas, in -1..1."""

    def flatten(self, picture: Tensor) -> Tensor:
        """A photograph [H, W, C] uint8, brought to the canvas: [H', W', C] uint8."""
        if self.to_canvas is None:
            return picture
        mapped = cv2.remap(
            picture.numpy(), self.to_canvas[..., 0], self.to_canvas[..., 1], cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        return torch.from_numpy(mapped)

    def seen(self, height: int, width: int) -> Tensor | None:
        """Which pixels of the canvas a photograph of this size holds: [H', W'] bool; None for all."""
        if self.to_canvas is None:
            return None
        x, y = self.to_canvas[..., 0], self.to_canvas[..., 1]
        return torch.from_numpy((x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5))

    def bend(self, drawn: Tensor) -> Tensor:
        """What was drawn on the canvas [H', W', C], as the lens would show it: [H, W, C]."""
        if self.to_picture is None:
            return drawn
        planes = drawn.permute(2, 0, 1)[None]
        where = self.to_picture.to(drawn.device)[None]
        bent = F.grid_sample(planes, where, mode="bicubic", padding_mode="border", align_corners=False)
        return bent[0].permute(1, 2, 0)


@lru_cache(_CACHED)
def canvas_of(lens: Lens) -> Canvas:
    """The canvas of a lens; the same object for equal lenses."""
    if not any(lens.distortion) and not lens.fisheye:
        K = torch.tensor([[lens.fl_x, 0.0, lens.cx], [0.0, lens.fl_y, lens.cy], [0.0, 0.0, 1.0]])
        return Canvas(lens.width, lens.height, K, None, None)
    rays = lens.directions().double().numpy().reshape(lens.height, lens.width, 3)
    forward = np.maximum(-rays[..., 2], _MIN_COSINE)
    x = lens.fl_x * rays[..., 0] / forward + lens.cx
    y = -lens.fl_y * rays[..., 1] / forward + lens.cy
    slack_x, slack_y = 0.5 * (_MAX_GROWTH - 1) * lens.width, 0.5 * (_MAX_GROWTH - 1) * lens.height
    left = int(np.floor(max(x.min() - 0.5, -slack_x)))
    top = int(np.floor(max(y.min() - 0.5, -slack_y)))
    right = int(np.ceil(min(x.max() + 0.5, lens.width + slack_x)))
    bottom = int(np.ceil(min(y.max() + 0.5, lens.height + slack_y)))
    width, height = right - left, bottom - top
    where = np.stack([2 * (x - left) / width - 1, 2 * (y - top) / height - 1], -1)
    columns, rows = np.meshgrid(np.arange(width) + 0.5 + left, np.arange(height) + 0.5 + top)
    u, v = distorted((columns - lens.cx) / lens.fl_x, (rows - lens.cy) / lens.fl_y, lens)
    source = np.stack([u * lens.fl_x + lens.cx - 0.5, v * lens.fl_y + lens.cy - 0.5], -1)
    K = torch.tensor([[lens.fl_x, 0.0, lens.cx - left], [0.0, lens.fl_y, lens.cy - top], [0.0, 0.0, 1.0]])
    return Canvas(width, height, K, source.astype(np.float32), torch.from_numpy(where.astype(np.float32)))


def distorted(x: np.ndarray, y: np.ndarray, lens: Lens) -> tuple[np.ndarray, np.ndarray]:
    """Where a lens shows the pinhole coordinates (x/z, y/z), by the model of `editor3d.plugin.rays.undistorted`."""
    if lens.fisheye:
        radius = np.maximum(np.hypot(x, y), 1e-12)
        angle = np.arctan(radius) / radius
        x, y = x * angle, y * angle
    k1, k2, k3, k4, p1, p2 = lens.distortion
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * (k3 + r2 * k4)))
    return (
        x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
        y * radial + 2 * p2 * x * y + p1 * (r2 + 2 * y * y),
    )
