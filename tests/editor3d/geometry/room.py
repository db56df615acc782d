"""A painted floor with a ball on it, of which distances and pictures are known exactly, for tests of visibility."""

from __future__ import annotations

import torch
from torch import Tensor

from editor3d.geometry.camera import Camera
from editor3d.geometry.lens import Lens
from editor3d.geometry.surface import SeenSurface

BALL, RADIUS = (0.0, 0.0, 0.5), 0.5
LENSES = {
    "pinhole": {},
    "distorted": {"distortion": (0.12, -0.05, 0.01, 0.0, 0.01, -0.02)},
    "barrel": {"distortion": (-0.2, 0.03, 0.0, 0.0, 0.0, 0.0)},
    "fisheye": {"distortion": (0.05, 0.01, 0.0, 0.0, 0.0, 0.0), "fisheye": True},
}


def looking(place: tuple[float, float, float], side: int = 96, kind: str = "pinhole", at=(0.0, 0.0, 0.3)) -> Camera:
    """A camera at a place that looks at a point, z up."""
    eye = torch.tensor(place, dtype=torch.float64)
    back = torch.nn.functional.normalize(eye - torch.tensor(at, dtype=torch.float64), dim=0)
    right = torch.nn.functional.normalize(torch.linalg.cross(torch.tensor([0.0, 0.0, 1.0]).double(), back), dim=0)
    pose = torch.stack([right, torch.linalg.cross(back, right), back, eye], 1)
    return Camera(Lens(side, side, 1.2 * side, 1.2 * side, side / 2, side / 2, **LENSES[kind]), pose)


def cast(camera: Camera, ball: bool = True) -> Tensor:
    """Distances [H, W] along the rays to the floor or the ball; 0 where there is neither."""
    lens = camera.lens
    rays = camera.lens.directions().double() @ camera.c2w[:, :3].T
    floor = torch.where(rays[:, 2] < -1e-3, -camera.origin[2] / rays[:, 2].clamp(max=-1e-3), torch.inf)
    far = floor
    if ball:
        offset = torch.tensor(BALL).double() - camera.origin
        along = rays @ offset
        inside = RADIUS**2 - (offset.square().sum() - along**2)
        near = along - inside.clamp(min=0).sqrt()
        far = torch.where((inside > 0) & (near > 0), torch.minimum(near, floor), floor)
    return torch.where(far < 20, far, 0.0).view(lens.height, lens.width)


def seen(camera: Camera, ball: bool = True) -> SeenSurface:
    return SeenSurface.of_distance(camera, cast(camera, ball))


def painted(points: Tensor) -> Tensor:
    """A smooth texture in space at points [..., 3]: [..., 3] in 0..1."""
    x, y, z = points.unbind(-1)
    return torch.stack(
        [0.5 + 0.4 * torch.sin(3 * x + z), 0.5 + 0.4 * torch.cos(2 * y - z), 0.5 + 0.3 * torch.sin(x + y + 2 * z)], -1
    ).float()
