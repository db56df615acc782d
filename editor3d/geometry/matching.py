"""Where one view shows what another sees, and pictures warped by that.

The pixel p of the target shows the point X = o_t + r_t(p) d_t(p). Its place in the source is q = P_s(X), and its weight

    w = cos_s min(1, (f_t^-1 r_t / f_s^-1 |X - o_s|)^2) b(delta),

with cos_s the cosine at which the source sees the surface, the bracket how fine the source's pixels are there beside
the target's (so that w ranks sources by cos / distance^2), delta how far X lies off the source's own surface, as a
share of what is allowed, and b(delta) = (1 - delta^2)^2 below 1. It is 0 behind the source, outside its picture, where
something stands before X, where the surface ends, is seen from behind or grazingly, and next to such holes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from editor3d.geometry.lens import rim
from editor3d.geometry.surface import SeenSurface
from editor3d.host.compiled import require

TOLERANCE = 0.02
"""Share of the distance by which two views' surfaces may lie apart and be the same; half a pixel's width is added."""
GRAZING = 0.12
"""The least cosine at which a surface is seen well enough: 83 degrees."""


@dataclass(frozen=True, eq=False)
class Match:
    """Where a source shows what the pixels of a target see."""

    pixels: Tensor
    """[H, W, 2] float32 (x, y) in the source, the centre of its first pixel being (0.5, 0.5)."""
    weight: Tensor
    """[H, W] float32 in 0..1; 0 where the source does not show it."""
    source_size: tuple[int, int]
    """Width and height of the source's surface, which `pixels` count in."""

    @property
    def share(self) -> float:
        """The share of the target's pixels that the source shows, 0..1."""
        return (self.weight > 0).double().mean().item()


class Stacked(NamedTuple):
    """Views as the kernels read them."""

    poses: np.ndarray
    lenses: np.ndarray
    sizes: np.ndarray
    starts: np.ndarray
    distance: np.ndarray
    normals: np.ndarray
    edges: np.ndarray


def matches(
    target: SeenSurface, source: SeenSurface, *, tolerance: float = TOLERANCE, dilate: int | None = None
) -> Match:
    """Where `source` shows what the pixels of `target` see, with the weights of this module's page.

    Args:
        tolerance: the share of the distance by which the two surfaces may lie apart; larger for rough reconstructions.
        dilate: pixels by which holes are widened; one for every 256 of the target's side by default.
    """
    require("editor3d.geometry.warmup")
    from editor3d.geometry import kernels

    points, normals, footprints = points_of(target)
    view = stack([source])
    pixels, weights = np.empty((len(points), 2), np.float32), np.empty(len(points), np.float32)
    kernels.match_view(
        points, normals, footprints, view.poses[0], view.lenses[0], view.sizes[0, 0], view.sizes[0, 1], view.distance,
        view.normals, view.edges, limits(tolerance), pixels, weights,
    )  # fmt: skip
    height, width = target.distance.shape
    weights = weights.reshape(height, width)
    dilate = max(1, round(max(height, width) / 256)) if dilate is None else dilate
    if dilate and not weights.all():
        kept = (weights > 0).astype(np.uint8)
        size = 2 * dilate + 1
        kept = cv2.erode(kept, np.ones((size, size), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=(1,))
        weights = weights * kept
    return Match(
        torch.from_numpy(pixels.reshape(height, width, 2)),
        torch.from_numpy(weights),
        (source.camera.lens.width, source.camera.lens.height),
    )


def warp(picture: Float[Tensor, "source_h source_w c"], match: Match) -> Float[Tensor, "h w c"]:
    """The source's picture as the target would show it.

    Args:
        picture: [H', W', C] float32 of the source, of its surface's size or another over the same field of view.
        match: of a target of [H, W].

    Returns:
        [H, W, C], interpolated bilinearly; any values where `match.weight` is 0.
    """
    height, width = picture.shape[:2]
    scale = np.array([width / match.source_size[0], height / match.source_size[1]], np.float32)
    where = match.pixels.numpy() * scale - np.float32(0.5)  # OpenCV has the first pixel's centre at 0
    warped = cv2.remap(
        np.ascontiguousarray(picture.detach().cpu().numpy()),
        where[..., 0],
        where[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return torch.from_numpy(warped.reshape(*match.weight.shape, *picture.shape[2:]))


def limits(tolerance: float) -> np.ndarray:
    """What the kernels allow."""
    return np.array([tolerance, GRAZING])


def points_of(surface: SeenSurface) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points [P, 3], normals [P, 3] and widths of pixels [P] of a surface, row by row."""
    return (
        surface.points.reshape(-1, 3).numpy(),
        surface.normals.reshape(-1, 3).numpy(),
        surface.footprint.reshape(-1).numpy(),
    )


def stack(surfaces: Sequence[SeenSurface]) -> Stacked:
    """Surfaces as the kernels read them, one after another."""
    lenses = [surface.camera.lens for surface in surfaces]
    counts = [surface.distance.numel() for surface in surfaces]
    return Stacked(
        poses=np.stack([surface.camera.c2w.numpy() for surface in surfaces]),
        lenses=np.array(
            [
                (
                    lens.fl_x,
                    lens.fl_y,
                    lens.cx,
                    lens.cy,
                    *lens.distortion,
                    rim(lens.distortion[:4]),
                    float(lens.fisheye),
                )
                for lens in lenses
            ]
        ),
        sizes=np.array([(lens.width, lens.height) for lens in lenses]),
        starts=np.cumsum([0, *counts[:-1]]),
        distance=torch.cat([surface.distance.reshape(-1) for surface in surfaces]).numpy(),
        normals=torch.cat(
            [torch.cat([surface.normals, surface.cosine[..., None]], -1).reshape(-1, 4) for surface in surfaces]
        ).numpy(),
        edges=torch.cat([surface.edges.reshape(-1) for surface in surfaces]).numpy(),
    )
