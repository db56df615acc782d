"""Held-out views of a wall with a known texture, seen by pinholes, for tests of what judges edits."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from editor3d.metrics.views import HeldOutView

SIDE, FOCAL, AWAY = 48, 60.0, 3.0


@dataclass(frozen=True)
class WallCamera:
    """A pinhole at (x, 0, 0) that looks along -z at the wall z = -`AWAY`."""

    x: float

    def points(self, depth: torch.Tensor) -> torch.Tensor:
        step = (torch.arange(SIDE, dtype=torch.float64) + 0.5 - SIDE / 2) / FOCAL
        down, right = torch.meshgrid(step, step, indexing="ij")
        depth = depth.double()
        return torch.stack([self.x + right * depth, -down * depth, -depth], -1)

    def project(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        ahead = -points[:, 2]
        pixels = torch.stack([points[:, 0] - self.x, -points[:, 1]], -1) / ahead[:, None] * FOCAL + SIDE / 2
        held = (ahead > 0) & (pixels >= 0).all(-1) & (pixels < SIDE).all(-1)
        return pixels, torch.where(held, ahead, torch.zeros_like(ahead))


def painted(points: torch.Tensor) -> torch.Tensor:
    """A smooth texture of the wall at points [H, W, 3]: [H, W, 3] in 0..1."""
    x, y = points[..., 0], points[..., 1]
    return torch.stack([0.5 + 0.4 * torch.sin(3 * x), 0.5 + 0.4 * torch.cos(2 * y), 0.5 + 0.3 * torch.sin(x + y)], -1)


def wall_views(places: list[float], edit=lambda index, picture: picture, **fields) -> list[HeldOutView]:
    """Views from those x; `edit` gives the render after the edit."""
    views = []
    for index, x in enumerate(places):
        camera, depth = WallCamera(x), torch.full((SIDE, SIDE), AWAY)
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
