"""Cameras round a mesh in its unit frame, and the rays through their pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from editor3d.errors import ConfigError
from editor3d.geometry.camera import Camera
from editor3d.geometry.lens import Lens
from editor3d.outputs.orbit import look_at
from mesh.render.pytorch3d import require as require_pytorch3d

if TYPE_CHECKING:
    from pytorch3d.renderer import PerspectiveCameras

Vector = tuple[float, float, float]
_GOLDEN = math.pi * (3.0 - math.sqrt(5.0))
_MARGIN = 1.03


@dataclass(frozen=True)
class ViewSettings:
    """Where a mesh is looked at from.

    Raises:
        ConfigError: a value is out of range.
    """

    train: int = 40
    """Views that are edited and fitted."""
    held_out: int = 8
    """Views that neither see; they lie between the others."""
    side: int = 256
    """Pixels of a picture's sides."""
    elevations: tuple[float, float] = (-35.0, 65.0)
    """Degrees above the horizon between which the cameras are spread evenly."""
    field_of_view: float = 40.0
    """Degrees."""
    up: Vector = (0.0, 1.0, 0.0)
    """The mesh's vertical, in the file's frame."""
    front: Vector | None = None
    """Where the mesh faces, in the file's frame; pictures that are drawn start there."""
    supersampling: int = 2
    """Rays a pixel's side; their mean is the pixel."""

    def __post_init__(self) -> None:
        low, high = self.elevations
        for name, value, least in (
            ("train", self.train, 1),
            ("held_out", self.held_out, 0),
            ("side", self.side, 16),
            ("supersampling", self.supersampling, 1),
        ):
            if value < least:
                raise ConfigError(f"Expected at least {least} for {name}, got {value}: raise it.")
        if not -90.0 < low <= high < 90.0:
            raise ConfigError(
                f"Expected elevations between -90 and 90 degrees, the lower first, got {low:g} and {high:g}."
            )
        if not 1.0 <= self.field_of_view <= 120.0:
            raise ConfigError(f"Expected a field of view of 1 to 120 degrees, got {self.field_of_view:g}.")
        if not np.isfinite(self.up).all() or np.linalg.norm(self.up) == 0.0:
            raise ConfigError(f"Expected three numbers that point upwards, got {self.up}: 0,0,1 where z is up.")


@dataclass(frozen=True, eq=False)
class Cameras:
    """Pinholes of one size and lens."""

    c2ws: np.ndarray
    """[N, 3, 4] float64, OpenGL axes."""
    focal: float
    """Pixels."""
    side: int

    def __len__(self) -> int:
        return len(self.c2ws)

    def __getitem__(self, which: slice | list[int]) -> Cameras:
        return Cameras(self.c2ws[which], self.focal, self.side)

    def scaled(self, factor: float) -> Cameras:
        """The same views with `factor` times as many pixels a side."""
        side = max(1, round(self.side * factor))
        return Cameras(self.c2ws, self.focal * side / self.side, side)

    def camera(self, index: int) -> Camera:
        """One of them, for finding what it shows in other views; points are in the mesh's unit frame."""
        lens = Lens(self.side, self.side, self.focal, self.focal, self.side / 2, self.side / 2)
        return Camera(lens, torch.from_numpy(self.c2ws[index]))

    def rays(self) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n side side 3"]]:
        """Origins [N, 3] and directions through the centres of the pixels [N, side, side, 3] of z-depth 1, float32."""
        c2ws = torch.from_numpy(self.c2ws)
        step = (torch.arange(self.side, dtype=torch.float64) + 0.5 - self.side / 2) / self.focal
        y, x = torch.meshgrid(-step, step, indexing="ij")
        local = torch.stack([x, y, -torch.ones_like(x)], -1)
        return c2ws[:, :, 3].float(), torch.einsum("nij,hwj->nhwi", c2ws[:, :, :3], local).float()

    def to_pytorch3d(self, device: torch.device | str = "cpu") -> PerspectiveCameras:
        """The same cameras as PyTorch3D's, whose x axis points left and whose z axis looks forward.

        Raises:
            DeviceError: PyTorch3D cannot be used.
        """
        require_pytorch3d()
        from pytorch3d.renderer import PerspectiveCameras

        c2ws = torch.from_numpy(self.c2ws)
        rotation = c2ws[:, :, :3] * torch.tensor([-1.0, 1.0, -1.0], dtype=torch.float64)
        translation = -torch.einsum("nij,ni->nj", rotation, c2ws[:, :, 3])
        count = len(self)
        return PerspectiveCameras(
            focal_length=torch.full((count, 2), self.focal),
            principal_point=torch.full((count, 2), self.side / 2),
            R=rotation.float(),
            T=translation.float(),
            in_ndc=False,
            image_size=torch.full((count, 2), float(self.side)),
            device=device,
        )


def cameras_round(vertices: np.ndarray, settings: ViewSettings) -> tuple[Cameras, Cameras]:
    """Training and held-out cameras that look at the origin from the sphere, spread evenly over it.

    The lens is as long as the mesh allows: in the view that fills the picture most, it just fits.

    Args:
        vertices: [V, 3] in the unit frame.
    """
    count = settings.train + settings.held_out
    outward = _spread(count, settings)
    # every k-th direction is held out, so that held-out ones lie between the others
    held_out = np.zeros(count, bool)
    if settings.held_out:
        held_out[np.floor((np.arange(settings.held_out) + 0.5) * count / settings.held_out).astype(int)] = True
    poses = look_at(outward * _distance(settings), outward, _unit(settings.up))
    focal = _focal(vertices, poses, settings)
    return (
        Cameras(poses[~held_out], focal, settings.side),
        Cameras(poses[held_out], focal, settings.side),
    )


def cameras_at(azimuths: np.ndarray, elevations: np.ndarray, settings: ViewSettings, focal: float) -> Cameras:
    """Cameras that look at the origin from given angles [N], radians."""
    outward = _directions(azimuths, elevations, settings)
    return Cameras(look_at(outward * _distance(settings), outward, _unit(settings.up)), focal, settings.side)


def _distance(settings: ViewSettings) -> float:
    return _MARGIN / math.sin(math.radians(settings.field_of_view) / 2)


def _spread(count: int, settings: ViewSettings) -> np.ndarray:
    """A golden spiral between the elevations: [count, 3]."""
    low, high = (math.sin(math.radians(value)) for value in settings.elevations)
    heights = low + (high - low) * (np.arange(count) + 0.5) / count
    return _directions(_GOLDEN * np.arange(count), np.arcsin(heights), settings)


def _directions(azimuths: np.ndarray, elevations: np.ndarray, settings: ViewSettings) -> np.ndarray:
    up = _unit(settings.up)
    aside = np.array([0.0, 0.0, 1.0]) if abs(up[2]) < 0.9 else np.array([0.0, -1.0, 0.0])
    if settings.front is not None:
        aside = np.asarray(settings.front, np.float64)
    front = aside - (aside @ up) * up
    if np.linalg.norm(front) < 1e-9:
        raise ConfigError(f"Expected a front that is not the vertical, got {settings.front}: turn it.")
    front /= np.linalg.norm(front)
    side = np.cross(up, front)
    flat = np.cos(azimuths)[:, None] * front + np.sin(azimuths)[:, None] * side
    return np.cos(elevations)[:, None] * flat + np.sin(elevations)[:, None] * up


def _unit(vector: Vector) -> np.ndarray:
    return np.asarray(vector, np.float64) / np.linalg.norm(vector)


def _focal(vertices: np.ndarray, poses: np.ndarray, settings: ViewSettings) -> float:
    most = 0.0
    for pose in poses:
        local = (vertices - pose[:, 3]) @ pose[:, :3]
        most = max(most, float(np.abs(local[:, :2] / -local[:, 2:]).max()))
    return settings.side / 2 / (most * _MARGIN)
