"""What one view sees of a scene: a point, a normal and how squarely it is seen, for every pixel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from editor3d.geometry.camera import Camera
from editor3d.host.compiled import require

SURFACE_SIDE = 256
"""Pixels of the longer side of a view at which what it sees is rendered: between them surfaces are smooth, and pictures
are warped at their own size."""
OPAQUE = 0.5
"""The least accumulation of a pixel that shows a surface."""
_WINDOW = 2  # pixels each way that a normal is fitted to
_JUMP, _JUMP_PIXELS = 0.02, 1.5  # share of the distance by which a surface ends; and as many pixels' width besides
_EDGE_SIDE = 256  # pixels of a picture's side for each pixel that depth edges are widened by


@dataclass(frozen=True, eq=False)
class SeenSurface:
    """What a view sees, by pixel; on the CPU. The parts of it that are no surface have no weight anywhere."""

    camera: Camera
    distance: Tensor
    """[H, W] float32, along each pixel's ray, in the camera's units; 0 where nothing is seen."""
    normals: Tensor
    """[H, W, 3] float32, unit vectors towards the camera; 0 where nothing is seen, or too little of it. Smoothed, but
    not over edges."""
    cosine: Tensor
    """[H, W] float32, 0..1: of the angle between the normal and the ray; 1 is seen squarely, 0 has no normal."""
    edges: Tensor
    """[H, W] bool: a surface ends at or next to this pixel."""

    @staticmethod
    def of_distance(camera: Camera, distance: Tensor, accumulation: Tensor | None = None) -> SeenSurface:
        """The surface at rendered distances.

        Args:
            camera: with the resolution of the pictures.
            distance: [H, W] or [H, W, 1] along each pixel's ray; 0 or non-finite where nothing is.
            accumulation: the same shape, 0..1; None where every distance is one of a surface. Pixels below `OPAQUE`
                show none.

        Raises:
            ValueError: the camera is of another size.
        """
        height, width = camera.lens.height, camera.lens.width
        if distance.numel() != height * width:
            raise ValueError(f"Expected a distance for each of {height}x{width} pixels, got {tuple(distance.shape)}.")
        far = distance.detach().cpu().reshape(height, width).double()
        seen = far.isfinite() & (far > 0)
        if accumulation is not None:
            seen &= accumulation.detach().cpu().reshape(height, width) >= OPAQUE
        far = torch.where(seen, far, torch.zeros_like(far)).float()
        local, cosine, edges = _planes(camera, far.numpy())
        normals = torch.from_numpy(local) @ camera.c2w[:, :3].T
        return SeenSurface(
            camera,
            distance=far,
            normals=normals.float(),
            cosine=torch.from_numpy(cosine.astype(np.float32)),
            edges=torch.from_numpy(edges),
        )

    @staticmethod
    def of_depth(
        camera: Camera, depth: Float[Tensor, "*hw"], accumulation: Float[Tensor, "*hw"] | None = None
    ) -> SeenSurface:
        """The surface at z-depths [H, W]; see `of_distance`. Beside and behind a fisheye there is none."""
        ahead = camera.cosines()
        depth = depth.detach().cpu().reshape(ahead.shape).double()
        return SeenSurface.of_distance(camera, depth / ahead.clamp(min=1e-6) * (ahead > 1e-3), accumulation)

    @cached_property
    def points(self) -> Float[Tensor, "h w 3"]:
        """[H, W, 3] float64: the points of the scene behind the pixel centres; any where nothing is seen."""
        return self.camera.points_along(self.distance)

    @property
    def valid(self) -> Bool[Tensor, "h w"]:
        """[H, W] bool: a surface is seen."""
        return self.distance > 0

    @property
    def depth(self) -> Float[Tensor, "h w"]:
        """[H, W] float32: z-depth; 0 where nothing is seen."""
        return (self.distance * self.camera.cosines()).float()

    @property
    def footprint(self) -> Float[Tensor, "h w"]:
        """[H, W] float64: the width of a pixel at the surface, in the camera's units; 0 where nothing is seen."""
        lens = self.camera.lens
        return self.distance.double() / (0.5 * (lens.fl_x + lens.fl_y))

    def resized(self, width: int, height: int) -> SeenSurface:
        """The same surface in other pixels: each lies in the plane of the nearest of the pixels there are."""
        lens, camera = self.camera.lens, self.camera.resized(width, height)
        rows = ((torch.arange(height) + 0.5) * lens.height / height).long()
        columns = ((torch.arange(width) + 0.5) * lens.width / width).long()
        directions = camera.lens.directions().double() @ camera.c2w[:, :3].T
        cosine = -(self.normals[rows][:, columns].double() * directions.view(height, width, 3)).sum(-1)
        distance, old = self.distance[rows][:, columns].double(), self.cosine[rows][:, columns].double()
        distance = torch.where((old > 1e-2) & (cosine > 1e-2), distance * old / cosine.clamp(min=1e-2), distance)
        return SeenSurface.of_distance(camera, distance)

    def reduced(self, longest_side: int) -> SeenSurface:
        """The same surface in a picture with sides of at most so many pixels."""
        lens = self.camera.lens
        longest = max(lens.width, lens.height)
        if longest <= longest_side:
            return self
        return self.resized(*(max(1, round(side * longest_side / longest)) for side in (lens.width, lens.height)))


def _planes(camera: Camera, distance: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Normals [H, W, 3] in the camera's frame, their cosines [H, W] to the rays, 0 where there is none, and edges."""
    require("editor3d.geometry.warmup")
    from editor3d.geometry import kernels

    height, width = distance.shape
    focal = 0.5 * (camera.lens.fl_x + camera.lens.fl_y)
    jump = _JUMP + _JUMP_PIXELS / focal
    directions = camera.lens.directions().double().view(height, width, 3).numpy()
    normals = np.empty((height, width, 3))
    kernels.fit_planes(directions, distance.astype(np.float64), _WINDOW, jump, normals)
    cosine = -(normals * directions).sum(-1)
    edges = np.zeros((height, width), dtype=bool)
    for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
        other, toward = np.roll(distance, step, axis), np.roll(directions, step, axis)
        with np.errstate(divide="ignore", invalid="ignore"):
            # how far the neighbour lies off this pixel's plane, as a share of its distance
            off = np.abs(1.0 - other * -(normals * toward).sum(-1) / (distance * cosine))
        ends = ~(off <= jump)
        np.moveaxis(ends, axis, 0)[0 if step > 0 else -1] = False  # rolled in from the other side
        edges |= ends
    size = 2 * max(1, round(max(height, width) / _EDGE_SIDE)) - 1
    if size > 1:
        edges = cv2.dilate(edges.astype(np.uint8), np.ones((size, size), np.uint8)).astype(bool)
    return normals, cosine.clip(0.0, 1.0), edges
