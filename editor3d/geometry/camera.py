"""A posed camera: which points its pixels show, and which pixels show a point."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from editor3d.geometry.lens import Lens, distorted, rim

if TYPE_CHECKING:
    from nerfstudio.cameras.cameras import Cameras

    from editor3d.types import View

_NEAR = 1e-6


@dataclass(frozen=True, eq=False)
class Camera:
    """Where a view looks from, lens and all. On the CPU."""

    lens: Lens
    c2w: Tensor
    """[3, 4] float64, OpenGL axes."""

    @staticmethod
    def of(cameras: Cameras, index: int, scale: float = 1.0) -> Camera:
        """One of `cameras` (perspective or fisheye).

        Args:
            scale: how many units of `cameras` make one of the camera's own.
        """
        c2w = cameras.camera_to_worlds[index].cpu().double().clone()
        c2w[:, 3] /= scale
        return Camera(Lens.of(cameras, index), c2w)

    @staticmethod
    def of_view(view: View) -> Camera:
        """The camera of a view of a capture, in the capture file's own frame."""
        return Camera(Lens.of_view(view), torch.as_tensor(view.c2w, dtype=torch.float64))

    @property
    def origin(self) -> Float[Tensor, 3]:
        """[3] float64."""
        return self.c2w[:, 3]

    def resized(self, width: int, height: int) -> Camera:
        """The same camera with another pixel grid over the same field of view."""
        return replace(self, lens=self.lens.resized(width, height))

    def cosines(self) -> Float[Tensor, "h w"]:
        """Of the angle between each pixel's ray and the viewing axis [H, W] float64: z-depth over distance."""
        return -self.lens.directions()[:, 2].double().view(self.lens.height, self.lens.width)

    def points(self, depth: Float[Tensor, "h w"]) -> Float[Tensor, "h w 3"]:
        """The points [H, W, 3] float64 behind the pixel centres at z-depths [H, W]; any where that is unknown."""
        ahead = self.cosines().clamp(min=_NEAR)  # beside and behind a fisheye there is no z-depth
        return self.points_along(depth.double() / ahead)

    def points_along(self, distance: Float[Tensor, "h w"]) -> Float[Tensor, "h w 3"]:
        """The points [H, W, 3] float64 at distances [H, W] along the rays through the pixel centres."""
        local = self.lens.directions().double() * distance.double().flatten()[:, None]
        return (local @ self.c2w[:, :3].T + self.origin).view(*distance.shape, 3)

    def project(self, points: Float[Tensor, "n 3"]) -> tuple[Float[Tensor, "n 2"], Float[Tensor, " n"]]:
        """Where points [N, 3] appear.

        Returns:
            pixels [N, 2] float64 as of `pixels`, and z-depths [N], 0 where the picture does not hold the point.
        """
        pixels, held = self.pixels(points)
        ahead = -((points.cpu().double() - self.origin) @ self.c2w[:, 2])
        return pixels, torch.where(held, ahead, torch.zeros_like(ahead))

    def pixels(self, points: Float[Tensor, "n 3"]) -> tuple[Float[Tensor, "n 2"], Bool[Tensor, " n"]]:
        """Where the picture shows points.

        What lies behind the camera is in no picture, nor what a lens bends beyond the rim, where its model folds over.

        Args:
            points: [N, 3].

        Returns:
            pixels [N, 2] float64 (x, y), the centre of the first being (0.5, 0.5), and which of the points [N] bool the
            picture holds; both on the CPU.
        """
        lens = self.lens
        local = (points.cpu().double() - self.origin) @ self.c2w[:, :3]
        ahead = -local[:, 2]
        if lens.fisheye:
            beside = local[:, :2].norm(dim=-1)
            angle = torch.atan2(beside, ahead)
            flat = local[:, :2] * (angle / beside.clamp_min(_NEAR))[:, None]
            held = (ahead > _NEAR) | (beside > _NEAR)
        else:
            flat = local[:, :2] / ahead.clamp_min(_NEAR)[:, None]
            held = ahead > _NEAR
        x, y = flat[:, 0], -flat[:, 1]
        held &= x * x + y * y < rim(lens.distortion[:4])
        u, v = distorted(x, y, lens.distortion)
        pixels = torch.stack([u * lens.fl_x + lens.cx, v * lens.fl_y + lens.cy], -1)
        held &= (pixels >= 0).all(-1) & (pixels[:, 0] < lens.width) & (pixels[:, 1] < lens.height)
        return pixels, held
