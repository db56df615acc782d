"""Project points into pictures, with lens distortion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras
from torch import Tensor

from editor3d.plugin.views.rays import Lens, distorted

_NEAR = 1e-6


@dataclass(frozen=True, eq=False)
class PosedCamera:
    """One of `cameras`, for finding what it shows in other views; points are in the scene's frame."""

    cameras: Cameras
    index: int
    scale: float
    """Scene units of a unit of depth."""

    def points(self, depth: Tensor) -> Tensor:
        """The points [H, W, 3] float64 behind the pixel centres at z-depths [H, W]; see `ViewCamera`."""
        directions = Lens.of(self.cameras, self.index).directions().double()
        ahead = -directions[:, 2].clamp(max=-_NEAR)  # beside and behind a fisheye there is no z-depth
        local = directions * (depth.double().flatten() * self.scale / ahead)[:, None]
        return (local @ self._pose[:3, :3].T + self._pose[:3, 3]).view(*depth.shape, 3)

    def project(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Pixels [N, 2] and z-depths [N] of points [N, 3]; see `ViewCamera`."""
        pixels, held = pixels_of(self.cameras, self.index, points)
        ahead = -((points.double() - self._pose[:3, 3]) @ self._pose[:3, 2]) / self.scale
        return pixels, torch.where(held, ahead, torch.zeros_like(ahead))

    @property
    def _pose(self) -> Tensor:
        return self.cameras.camera_to_worlds[self.index].cpu().double()


def pixels_of(cameras: Cameras, index: int, points: Tensor) -> tuple[Tensor, Tensor]:
    """Where one of `cameras` shows points.

    What lies behind the camera is in no picture, nor what a lens bends beyond the rim, where its model folds over.

    Args:
        cameras: perspective or fisheye, distortion as of `Lens`.
        index: of the camera.
        points: [N, 3] scene units.

    Returns:
        pixels [N, 2] float64 (x, y), the centre of the first being (0.5, 0.5), and which of the points [N] bool the
        picture holds; both on the CPU.
    """
    lens, c2w = Lens.of(cameras, index), cameras.camera_to_worlds[index].cpu().double()
    local = (points.cpu().double() - c2w[:3, 3]) @ c2w[:3, :3]
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
    held &= x * x + y * y < _rim(lens.distortion[:4])
    u, v = distorted(x, y, lens.distortion)
    pixels = torch.stack([u * lens.fl_x + lens.cx, v * lens.fl_y + lens.cy], -1)
    held &= (pixels >= 0).all(-1) & (pixels[:, 0] < lens.width) & (pixels[:, 1] < lens.height)
    return pixels, held


def _rim(radial: tuple[float, ...]) -> float:
    """The squared radius at which r d(r) stops growing: what lies beyond, a lens model folds back into the picture."""
    growth = [(2 * i + 3) * k for i, k in enumerate(radial)]
    roots = np.roots([*reversed(growth), 1.0])
    real = roots[np.abs(roots.imag) < _NEAR].real
    return float(min(real[real > 0], default=np.inf))
