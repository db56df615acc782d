"""Ray directions of cameras, undistorted once per lens and looked up afterwards."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.cameras.rays import RayBundle
from torch import Tensor

_CACHED_LENSES = 64


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
        pixels = np.stack([x, y], -1).reshape(-1, 1, 2)
        k1, k2, k3, k4, p1, p2 = self.distortion
        matrix = np.array([[self.fl_x, 0.0, self.cx], [0.0, self.fl_y, self.cy], [0.0, 0.0, 1.0]])
        if self.fisheye:
            # k4 of a fisheye lens is its fourth radial coefficient, as in OpenCV
            plane = cv2.fisheye.undistortPoints(pixels, matrix, np.array([k1, k2, k3, k4])).reshape(-1, 2)
        elif any(self.distortion):
            criteria = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 40, 1e-9)
            coefficients = np.array([k1, k2, p1, p2, k3])
            plane = cv2.undistortPointsIter(pixels, matrix, coefficients, None, None, criteria).reshape(-1, 2)
        else:
            plane = (pixels.reshape(-1, 2) - (self.cx, self.cy)) / (self.fl_x, self.fl_y)
        rays = np.stack([plane[:, 0], -plane[:, 1], -np.ones(len(plane))], -1)
        rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
        return torch.from_numpy(rays.astype(np.float32))


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
        metadata={"directions_norm": -1.0 / local[:, 2:3]},
    )


class FastCameraRays:
    """Mixin for nerfstudio models: whole pictures through looked-up directions.

    `Cameras.generate_rays` undistorts every pixel anew, which on a CPU takes longer than rendering it.
    """

    _lenses: LensTable | None = None

    @torch.no_grad()
    def get_outputs_for_camera(self, camera: Cameras, obb_box=None) -> dict[str, Tensor]:
        """Outputs [H, W, C] of one camera; a crop box or an unusual camera takes nerfstudio's own road."""
        usual = (CameraType.PERSPECTIVE.value, CameraType.FISHEYE.value)
        if obb_box is not None or int(camera.camera_type.flatten()[0]) not in usual:
            return super().get_outputs_for_camera(camera, obb_box)
        if camera.shape == ():
            camera = camera.reshape((1,))
        if self._lenses is None:
            self._lenses = LensTable()
        rays = camera_rays(camera, 0, self._lenses, self.device)
        height, width = int(camera.height[0]), int(camera.width[0])
        return self.get_outputs_for_camera_ray_bundle(rays.reshape((height, width)))
