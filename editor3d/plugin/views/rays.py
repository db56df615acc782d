"""Ray directions of cameras, undistorted once per lens and looked up afterwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.cameras.rays import RayBundle
from torch import Tensor

_CACHED_LENSES = 64
_NEWTON_STEPS = 12
_CONVERGED = 1e-9
_FOLDED = 1e-3
_MIN_COSINE = 1e-3


@dataclass(frozen=True)
class Lens:
    """Everything that the directions of a camera depend on, in its own frame. Hashable."""

    width: int
    height: int
    fl_x: float
    fl_y: float
    cx: float
    cy: float
    distortion: tuple[float, ...] = (0.0,) * 6
    fisheye: bool = False

    @staticmethod
    def of(cameras: Cameras, index: int) -> Lens:
        """The lens of one of `cameras` (perspective or fisheye)."""
        distortion = (0.0,) * 6
        if cameras.distortion_params is not None:
            distortion = tuple(cameras.distortion_params[index].tolist())
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

    def directions(self) -> Tensor:
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


class LensTable:
    """Directions by lens; the least recently used are forgotten."""

    def __init__(self) -> None:
        self._directions: dict[Lens, Tensor] = {}

    def __getitem__(self, lens: Lens) -> Tensor:
        directions = self._directions.pop(lens, None)
        if directions is None:
            directions = lens.directions()
            while len(self._directions) >= _CACHED_LENSES:
                del self._directions[next(iter(self._directions))]
        self._directions[lens] = directions
        return directions


def camera_rays(cameras: Cameras, index: int, table: LensTable, device: torch.device | str) -> RayBundle:
    """All rays of one camera, row by row: a bundle of [H * W]."""
    lens = Lens.of(cameras, index)
    local = table[lens].to(device)
    c2w = cameras.camera_to_worlds[index].to(device)
    directions = local @ c2w[:3, :3].T
    return bundle(
        c2w[:3, 3].expand_as(directions),
        directions,
        pixel_area=torch.full((len(local), 1), 1.0 / (lens.fl_x * lens.fl_y), device=device),
        camera_indices=torch.zeros(len(local), 1, dtype=torch.long, device=device),
        local=local,
    )


def bundle(
    origins: Tensor, directions: Tensor, *, pixel_area: Tensor, camera_indices: Tensor, local: Tensor
) -> RayBundle:
    """A nerfstudio ray bundle [N]; `local` are the directions in the camera's frame, whose z the depth needs."""
    # nerfstudio's models turn ray distance into z-depth by the length of the unnormalised direction
    return RayBundle(
        origins=origins,
        directions=directions,
        pixel_area=pixel_area,
        camera_indices=camera_indices,
        metadata={"directions_norm": 1.0 / (-local[:, 2:3]).clamp(min=_MIN_COSINE)},
    )
