"""Random views of a captured scene, at the size that a diffusion model works at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.cameras.rays import RayBundle

from editor3d.errors import ConfigError
from editor3d.guidance.prompts import camera_angles
from editor3d.outputs.orbit import look_at, look_at_point, up_axis
from editor3d.plugin.views.rays import LensTable, camera_rays

ViewKind = Literal["data", "orbit"]
MULTIPLE = 8
"""Pixels that sides are multiples of, so that no model's encoder has to pad a picture."""


@dataclass(frozen=True, eq=False)
class DrawnView:
    """One view to be rendered."""

    camera: Cameras
    """[1], of the working size."""
    azimuth: float
    """Degrees from the front, counter-clockwise seen from above."""
    elevation: float
    """Degrees."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return int(self.camera.height[0]), int(self.camera.width[0])


class ViewSampler:
    """Draws views.

    `data` draws one of the capture's own views. `orbit` puts a camera round the point that the capture looks at, with
    the azimuth, the elevation and the distance of three of its views, and so stays inside what was seen.
    """

    def __init__(self, cameras: Cameras, sides: tuple[int, int], kind: ViewKind, front: int = 0) -> None:
        """Remember the capture's views.

        Args:
            cameras: of the training views, scene units.
            sides: pixels of the shorter and the longer side, at most.
            kind: where views come from.
            front: index of a view that sees the front; azimuths count from it.

        Raises:
            ConfigError: there is no view of this index.
        """
        if not 0 <= front < len(cameras):
            raise ConfigError(
                f"Expected the index of a training view for the front, 0 to {len(cameras) - 1}, got {front}."
            )
        self._kind, self._table = kind, LensTable()
        self._cameras = [fitted(cameras[index : index + 1], sides) for index in range(len(cameras))]
        poses = cameras.camera_to_worlds.cpu().double().numpy()
        self._center = look_at_point(poses[:, :, 3], -poses[:, :, 2])
        self._up = up_axis(poses)
        self._front = poses[front, :, 3] - self._center
        self._angles = [camera_angles(pose, self._center, self._front, self._up) for pose in poses]
        self._distances = np.linalg.norm(poses[:, :, 3] - self._center, axis=1)

    def draw(self, count: int, generator: torch.Generator) -> list[DrawnView]:
        """Views of one size, independent of each other.

        Args:
            count: how many.
            generator: on the CPU.
        """
        first = int(torch.randint(len(self._cameras), (), generator=generator))
        size = self._size(first)
        alike = [index for index in range(len(self._cameras)) if self._size(index) == size]
        more = torch.randint(len(alike), (count - 1,), generator=generator).tolist()
        return [self._view(index, generator) for index in (first, *(alike[i] for i in more))]

    def rays(self, view: DrawnView, device: torch.device | str) -> RayBundle:
        """All rays of a view, row by row: a bundle of [H * W]."""
        return camera_rays(view.camera, 0, self._table, device)

    def _size(self, index: int) -> tuple[int, int]:
        camera = self._cameras[index]
        return int(camera.height[0]), int(camera.width[0])

    def _view(self, index: int, generator: torch.Generator) -> DrawnView:
        camera = self._cameras[index]
        if self._kind == "data":
            return DrawnView(camera, *self._angles[index])
        turned, raised, away = torch.randint(len(self._cameras), (3,), generator=generator).tolist()
        azimuth, elevation = self._angles[turned][0], self._angles[raised][1]
        pose = self.pose(azimuth, elevation, self._distances[away])
        return DrawnView(_camera(camera, pose), azimuth, elevation)

    def pose(self, azimuth: float, elevation: float, distance: float) -> np.ndarray:
        """A camera that looks at the centre: [3, 4], OpenGL axes. Angles in degrees, as `camera_angles` gives them."""
        ahead = self._front - (self._front @ self._up) * self._up
        ahead /= np.linalg.norm(ahead)
        left = np.cross(self._up, ahead)
        turn, rise = np.radians(azimuth), np.radians(elevation)
        flat = np.cos(turn) * ahead + np.sin(turn) * left
        offset = distance * (np.cos(rise) * flat + np.sin(rise) * self._up)
        return look_at((self._center + offset)[None], offset[None], self._up)[0]


def fitted(camera: Cameras, sides: tuple[int, int]) -> Cameras:
    """A camera [1] scaled until its picture fits into `sides`, cut or widened evenly to multiples of `MULTIPLE`.

    Args:
        camera: one camera.
        sides: pixels of the shorter and the longer side, at most (but for rounding to the multiple).
    """
    height, width = int(camera.height[0]), int(camera.width[0])
    scale = min(sides[0] / min(height, width), sides[1] / max(height, width))
    new_height, new_width = (max(MULTIPLE, round(side * scale / MULTIPLE) * MULTIPLE) for side in (height, width))
    return Cameras(
        camera_to_worlds=camera.camera_to_worlds.clone(),
        fx=camera.fx * scale,
        fy=camera.fy * scale,
        cx=camera.cx * scale + (new_width - width * scale) / 2,
        cy=camera.cy * scale + (new_height - height * scale) / 2,
        width=new_width,
        height=new_height,
        distortion_params=camera.distortion_params,
        camera_type=camera.camera_type,
    )


def _camera(like: Cameras, pose: np.ndarray) -> Cameras:
    """`like` at another pose, which looks through the picture's middle without distortion."""
    return Cameras(
        camera_to_worlds=torch.from_numpy(np.ascontiguousarray(pose)).to(like.camera_to_worlds)[None],
        fx=like.fx,
        fy=like.fy,
        cx=like.width / 2,
        cy=like.height / 2,
        width=like.width,
        height=like.height,
    )
