"""Rays of cameras, whose directions are found once per lens and looked up afterwards."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.cameras.rays import RayBundle
from torch import Tensor

from editor3d.geometry.lens import Lens

_CACHED_LENSES = 64
_MIN_COSINE = 1e-3


class LensTable:
    """Directions by lens; the least recently used are forgotten."""

    def __init__(self) -> None:
        self._directions: dict[Lens, Tensor] = {}

    def __getitem__(self, lens: Lens) -> Float[Tensor, "rays 3"]:
        """[H * W, 3] unit vectors in the frame of a camera with this lens, row by row."""
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
    origins: Float[Tensor, "rays 3"],
    directions: Float[Tensor, "rays 3"],
    *,
    pixel_area: Float[Tensor, "rays 1"],
    camera_indices: Int64[Tensor, "rays 1"],
    local: Float[Tensor, "rays 3"],
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
