"""A camera's lens: the directions of its pixels, and its distortion put on and taken off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from editor3d.datasets.views.intrinsics import lens_of
from editor3d.types import Intrinsics, View

if TYPE_CHECKING:
    from nerfstudio.cameras.cameras import Cameras


_NEWTON_STEPS = 12
_CONVERGED = 1e-9
_FOLDED = 1e-3
_REAL = 1e-6


@dataclass(frozen=True)
class Lens(Intrinsics):
    """Everything that the directions of a camera depend on, in its own frame. Hashable."""

    @staticmethod
    def of(cameras: Cameras, index: int) -> Lens:
        """The lens of one of `cameras` (perspective or fisheye)."""
        from nerfstudio.cameras.cameras import CameraType

        distortion = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        if cameras.distortion_params is not None:
            k1, k2, k3, k4, p1, p2 = cameras.distortion_params[index].tolist()
            distortion = (k1, k2, k3, k4, p1, p2)
        return Lens(
            int(cameras.width[index]),
            int(cameras.height[index]),
            float(cameras.fx[index]),
            float(cameras.fy[index]),
            float(cameras.cx[index]),
            float(cameras.cy[index]),
            distortion,
            int(cameras.camera_type[index]) == CameraType.FISHEYE.value,
        )

    @staticmethod
    def of_view(view: View) -> Lens:
        """The lens of a view of a capture."""
        return Lens(**vars(lens_of(view)))

    def directions(self) -> Float[Tensor, "pixels 3"]:
        """Unit directions through the pixel centres in the camera's frame (OpenGL axes): [H * W, 3] float32."""
        x, y = np.meshgrid(np.arange(self.width) + 0.5, np.arange(self.height) + 0.5)
        seen = np.stack([(x.ravel() - self.cx) / self.fl_x, (y.ravel() - self.cy) / self.fl_y], -1)
        x, y = undistorted(seen, self.distortion).T
        if self.fisheye:  # the distance from the centre is the angle to the viewing axis, beyond 90 degrees too
            angle = np.hypot(x, y)
            narrowed = np.sinc(angle / np.pi)  # sin(angle) / angle
            rays = np.stack([x * narrowed, -y * narrowed, -np.cos(angle)], -1)
        else:
            rays = np.stack([x, -y, -np.ones_like(x)], -1)
        rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
        return torch.from_numpy(rays.astype(np.float32))


def undistorted(seen: np.ndarray, distortion: tuple[float, ...]) -> np.ndarray:
    """Take lens distortion off normalised picture coordinates, as nerfstudio does for every kind of camera.

    With r² = x² + y² and the radial factor d = 1 + k1 r² + k2 r⁴ + k3 r⁶ + k4 r⁸ a lens maps (x, y) to

        (x d + 2 p1 x y + p2 (r² + 2 x²),  y d + 2 p2 x y + p1 (r² + 2 y²)).

    That is OpenCV's model of perspective lenses but for k4, and its fisheye model with (x, y) scaled to the length of
    the angle; OpenCV itself inverts the latter only below 90 degrees.

    Args:
        seen: [N, 2] float64, as seen through the lens.
        distortion: (k1, k2, k3, k4, p1, p2).

    Returns:
        [N, 2] float64, found by Newton's method.
    """
    if not any(distortion):
        return seen
    k1, k2, k3, k4, p1, p2 = distortion
    x, y = seen.T.copy()
    for _ in range(_NEWTON_STEPS):
        r2 = x * x + y * y
        radial = 1 + r2 * (k1 + r2 * (k2 + r2 * (k3 + r2 * k4)))
        slope = 2 * (k1 + r2 * (2 * k2 + r2 * (3 * k3 + r2 * 4 * k4)))  # d radial / d x = slope x
        off_x = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x) - seen[:, 0]
        off_y = y * radial + 2 * p2 * x * y + p1 * (r2 + 2 * y * y) - seen[:, 1]
        xx = radial + slope * x * x + 2 * p1 * y + 6 * p2 * x
        xy = slope * x * y + 2 * p1 * x + 2 * p2 * y
        yy = radial + slope * y * y + 2 * p2 * x + 6 * p1 * y
        determinant = xx * yy - xy * xy
        # beyond the rim, where a lens model folds over, there is nothing to find: stay
        safe = np.where(np.abs(determinant) > _FOLDED, determinant, np.inf)
        step_x, step_y = (yy * off_x - xy * off_y) / safe, (xx * off_y - xy * off_x) / safe
        x, y = x - step_x, y - step_y
        if max(np.abs(step_x).max(), np.abs(step_y).max()) < _CONVERGED:
            break
    return np.stack([x, y], -1)


def distorted(x, y, distortion: tuple[float, ...]):
    """Put lens distortion on normalised picture coordinates: the map that `undistorted` takes off.

    Args:
        x, y: arrays or tensors of one shape, for a fisheye scaled to the length of the angle.
        distortion: (k1, k2, k3, k4, p1, p2).

    Returns:
        x and y as seen through the lens, of the same kind.
    """
    k1, k2, k3, k4, p1, p2 = distortion
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * (k3 + r2 * k4)))
    return x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x), y * radial + 2 * p2 * x * y + p1 * (r2 + 2 * y * y)


def rim(radial: tuple[float, ...]) -> float:
    """The squared radius at which r d(r) stops growing: what lies beyond, a lens model folds back into the picture.

    Args:
        radial: (k1, k2, k3, k4); infinite where they fold nothing.
    """
    growth = [(2 * i + 3) * k for i, k in enumerate(radial)]
    roots = np.roots([*reversed(growth), 1.0])
    real = roots[np.abs(roots.imag) < _REAL].real
    return float(min(real[real > 0], default=np.inf))
