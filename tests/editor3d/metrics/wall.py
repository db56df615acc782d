"""Held-out views of a wall with a known texture, seen by pinholes, for tests of what judges edits."""

from __future__ import annotations

import torch

from editor3d.geometry.camera import Camera
from editor3d.geometry.lens import Lens
from editor3d.metrics.views import HeldOutView

SIDE, FOCAL, AWAY = 48, 60.0, 3.0


def wall_camera(x: float) -> Camera:
    """A pinhole at (x, 0, 0) that looks along -z at the wall z = -`AWAY`."""
    pose = torch.eye(4, dtype=torch.float64)[:3].clone()
    pose[0, 3] = x
    return Camera(Lens(SIDE, SIDE, FOCAL, FOCAL, SIDE / 2, SIDE / 2), pose)


def painted(points: torch.Tensor) -> torch.Tensor:
    """A smooth texture of the wall at points [H, W, 3]: [H, W, 3] in 0..1."""
    x, y = points[..., 0], points[..., 1]
    return torch.stack([0.5 + 0.4 * torch.sin(3 * x), 0.5 + 0.4 * torch.cos(2 * y), 0.5 + 0.3 * torch.sin(x + y)], -1)


def wall_views(places: list[float], edit=lambda index, picture: picture, **fields) -> list[HeldOutView]:
    """Views from those x; `edit` gives the render after the edit."""
    views = []
    for index, x in enumerate(places):
        camera, depth = wall_camera(x), torch.full((SIDE, SIDE), AWAY)
        picture = painted(camera.points(depth)).float()
        views.append(
            HeldOutView(
                f"view_{index}",
                photo=picture,
                base_render=picture,
                edited_render=edit(index, picture),
                base_depth=depth,
                edited_depth=depth,
                camera=camera,
                **fields,
            )
        )
    return views
