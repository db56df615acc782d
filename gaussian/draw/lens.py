"""Render lens distortion: splats are rendered on a pinhole canvas, which is warped to the lens.

A canvas is a pinhole picture that sees all that the lens sees, at the same focal length. Photographs are brought to it
once, to be trained on; what is drawn on it is bent back where a view is rendered as its camera took it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from editor3d.geometry.lens import Lens, distorted

_MIN_COSINE = 0.2  # beyond 78 degrees off the axis a pinhole picture grows without bound
_MAX_GROWTH = 2.0
_CACHED = 100_000  # a few hundred bytes each: every view of a capture may have a lens of its own
_CACHED_MAPS = 32  # megabytes each; training reads them once a view


@dataclass(frozen=True, eq=False)
class Canvas:
    """The pinhole picture of one lens."""

    lens: Lens
    width: int
    height: int
    left: int
    top: int
    """Where the canvas's top-left corner lies in the photograph's pixels."""

    @property
    def same(self) -> bool:
        """Whether canvas and photograph are the same."""
        return not any(self.lens.distortion) and not self.lens.fisheye

    @property
    def K(self) -> Tensor:
        """[3, 3] float32 intrinsics in pixels."""
        lens = self.lens
        return torch.tensor(
            [[lens.fl_x, 0.0, lens.cx - self.left], [0.0, lens.fl_y, lens.cy - self.top], [0.0, 0.0, 1.0]]
        )

    @property
    def to_canvas(self) -> np.ndarray | None:
        """[H', W', 2] float32: for each pixel of the canvas, where its value lies in the photograph (OpenCV's
        convention, the top-left pixel's centre at 0). None where canvas and photograph are the same."""
        return None if self.same else _to_canvas(self)

    @property
    def to_picture(self) -> Tensor | None:
        """[H, W, 2] float32: for each pixel of the photograph, where its value lies on the canvas, in -1..1. None where
        canvas and photograph are the same."""
        return None if self.same else _to_picture(self)

    def flatten(self, picture: Tensor) -> Tensor:
        """A photograph [H, W, C], brought to the canvas: [H', W', C] of the same type, uint8 or float32."""
        where = self.to_canvas
        if where is None:
            return picture
        mapped = cv2.remap(
            picture.numpy(), where[..., 0], where[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        return torch.from_numpy(mapped)

    def seen(self, height: int, width: int) -> Tensor | None:
        """Which pixels of the canvas a photograph of this size holds: [H', W'] bool; None for all."""
        where = self.to_canvas
        if where is None:
            return None
        x, y = where[..., 0], where[..., 1]
        return torch.from_numpy((x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5))

    def bend(self, drawn: Tensor) -> Tensor:
        """What was drawn on the canvas [H', W', C], as the lens would show it: [H, W, C]."""
        to_picture = self.to_picture
        if to_picture is None:
            return drawn
        planes = drawn.permute(2, 0, 1)[None]
        where = to_picture.to(drawn.device)[None]
        bent = F.grid_sample(planes, where, mode="bicubic", padding_mode="border", align_corners=False)
        return bent[0].permute(1, 2, 0)


@lru_cache(_CACHED)
def canvas_of(lens: Lens) -> Canvas:
    """The canvas of a lens; the same object for equal lenses."""
    canvas = Canvas(lens, lens.width, lens.height, 0, 0)
    if canvas.same:
        return canvas
    x, y = _through_pinhole(lens)
    slack_x, slack_y = 0.5 * (_MAX_GROWTH - 1) * lens.width, 0.5 * (_MAX_GROWTH - 1) * lens.height
    left = int(np.floor(max(x.min() - 0.5, -slack_x)))
    top = int(np.floor(max(y.min() - 0.5, -slack_y)))
    right = int(np.ceil(min(x.max() + 0.5, lens.width + slack_x)))
    bottom = int(np.ceil(min(y.max() + 0.5, lens.height + slack_y)))
    return Canvas(lens, right - left, bottom - top, left, top)


def ray_lengths(canvas: Canvas, on_canvas: bool) -> Tensor:
    """[H, W, 1] length of a pixel's ray per unit of z-depth, of the canvas's pixels or of the lens's."""
    if not on_canvas:
        lens = canvas.lens
        forward = (-lens.directions()[:, 2]).clamp_min(1e-3)
        return (1.0 / forward).view(lens.height, lens.width, 1)
    x = (torch.arange(canvas.width) + 0.5 - canvas.K[0, 2]) / canvas.K[0, 0]
    y = (torch.arange(canvas.height) + 0.5 - canvas.K[1, 2]) / canvas.K[1, 1]
    return (1 + x[None, :] ** 2 + y[:, None] ** 2).sqrt()[..., None]


def _through_pinhole(lens: Lens) -> tuple[np.ndarray, np.ndarray]:
    """Where a pinhole of the same focal length and centre shows what each pixel of a lens sees: x, y [H, W]."""
    rays = lens.directions().double().numpy().reshape(lens.height, lens.width, 3)
    forward = np.maximum(-rays[..., 2], _MIN_COSINE)
    return lens.fl_x * rays[..., 0] / forward + lens.cx, -lens.fl_y * rays[..., 1] / forward + lens.cy


@lru_cache(_CACHED_MAPS)
def _to_canvas(canvas: Canvas) -> np.ndarray:
    lens = canvas.lens
    columns, rows = np.meshgrid(
        np.arange(canvas.width) + 0.5 + canvas.left, np.arange(canvas.height) + 0.5 + canvas.top
    )
    u, v = _seen_at((columns - lens.cx) / lens.fl_x, (rows - lens.cy) / lens.fl_y, lens)
    source = np.stack([u * lens.fl_x + lens.cx - 0.5, v * lens.fl_y + lens.cy - 0.5], -1)
    return source.astype(np.float32)


@lru_cache(_CACHED_MAPS)
def _to_picture(canvas: Canvas) -> Tensor:
    x, y = _through_pinhole(canvas.lens)
    where = np.stack([2 * (x - canvas.left) / canvas.width - 1, 2 * (y - canvas.top) / canvas.height - 1], -1)
    return torch.from_numpy(where.astype(np.float32))


def _seen_at(x: np.ndarray, y: np.ndarray, lens: Lens) -> tuple[np.ndarray, np.ndarray]:
    """Where a lens shows the pinhole coordinates (x/z, y/z)."""
    if lens.fisheye:
        radius = np.maximum(np.hypot(x, y), 1e-12)
        angle = np.arctan(radius) / radius
        x, y = x * angle, y * angle
    return distorted(x, y, lens.distortion)
