"""Find the triangle that each pixel shows: Embree on a CPU, PyTorch3D's rasterizer on CUDA where it is installed."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from editor3d.run.events import Warning, emit
from mesh.render import pytorch3d
from mesh.render.cameras import Cameras


@dataclass(frozen=True, eq=False)
class Hits:
    """The pixels of some views that show the mesh, in the order of the pictures' rows. P of them."""

    cameras: Cameras
    pixel: Tensor
    """[P] int64, into the N * side * side pixels of all views."""
    face: Tensor
    """[P] int64."""
    view: Tensor
    """[P] int64."""
    origin: Tensor
    """[P, 3] float32, of the ray."""
    direction: Tensor
    """[P, 3] float32, through the pixel's centre, of z-depth 1."""

    def mask(self) -> Bool[Tensor, "n side side"]:
        """Where the mesh is seen: [N, side, side] bool."""
        side = self.cameras.side
        mask = torch.zeros(len(self.cameras) * side * side, dtype=torch.bool, device=self.pixel.device)
        mask[self.pixel] = True
        return mask.view(len(self.cameras), side, side)


def find_hits(vertices: Float[Tensor, "v 3"], faces: Int[Tensor, "f 3"], cameras: Cameras) -> Hits:
    """The first triangle along the ray through each pixel's centre, seen from either side.

    Args:
        vertices: [V, 3] float32; not differentiated.
        faces: [F, 3] int64.
    """
    origins, directions = cameras.rays()
    vertices = vertices.detach()
    if vertices.device.type == "cuda" and _can_rasterize():
        ids = _rasterized(vertices, faces, cameras)
    else:
        ids = _cast(vertices.cpu(), faces.cpu(), origins, directions).to(vertices.device)
    origins, directions = origins.to(ids.device), directions.to(ids.device)
    pixel = torch.nonzero(ids >= 0).flatten()
    view = pixel // cameras.side**2
    return Hits(cameras, pixel, ids[pixel], view, origins[view], directions.reshape(-1, 3)[pixel])


@cache
def _can_rasterize() -> bool:
    """Whether the GPU finds what is seen; a warning says once where it does not."""
    reason = pytorch3d.missing()
    if reason:
        message = (
            f"PyTorch3D is {reason}: the CPU finds what each pixel of the mesh shows; {pytorch3d.INSTALL} has the GPU "
            "do it."
        )
        print(message, file=sys.stderr)
        emit(Warning(sentence=message))
    return not reason


def _cast(vertices: Tensor, faces: Tensor, origins: Tensor, directions: Tensor) -> Tensor:
    """Triangle of each ray, -1 for none: [N * H * W] int64."""
    import open3d

    scene = open3d.t.geometry.RaycastingScene(nthreads=_cores())
    corners = vertices.contiguous().numpy(), faces.to(torch.int32).contiguous().numpy().view(np.uint32)
    scene.add_triangles(*(open3d.core.Tensor.from_numpy(array) for array in corners))
    starts = origins[:, None, None].expand_as(directions)
    rays = torch.cat([starts, directions], -1).reshape(-1, 6).contiguous().numpy()
    found = scene.cast_rays(open3d.core.Tensor.from_numpy(rays), nthreads=_cores())["primitive_ids"].numpy()
    return torch.from_numpy(np.where(found == scene.INVALID_ID, -1, found.astype(np.int64)))


def _rasterized(vertices: Tensor, faces: Tensor, cameras: Cameras) -> Tensor:
    from pytorch3d.renderer import MeshRasterizer, RasterizationSettings
    from pytorch3d.structures import Meshes

    settings = RasterizationSettings(image_size=cameras.side, blur_radius=0.0, faces_per_pixel=1)
    rasterizer = MeshRasterizer(cameras.to_pytorch3d(vertices.device), settings)
    ids = rasterizer(Meshes([vertices], [faces]).extend(len(cameras))).pix_to_face.flatten()
    return torch.where(ids >= 0, ids % len(faces), ids)  # the batch counts its faces through


def _cores() -> int:
    # macOS and Windows do not tell which cores a process may use
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def barycentrics(corners: Float[Tensor, "p 3 3"], hits: Hits) -> tuple[Float[Tensor, "p 3"], Bool[Tensor, " p"]]:
    """Where the rays meet the planes of their triangles (Moeller and Trumbore 1997), differentiable in the corners.

    These are the barycentrics of the projected triangle with their perspective corrected: b_k ~ w_k / z_k.

    Args:
        corners: [P, 3, 3], the triangle that each ray meets.

    Returns:
        Barycentrics [P, 3], which sum to 1, and whether the triangle's front is seen [P] bool.
    """
    first = corners[:, 0]
    one, two = corners[:, 1] - first, corners[:, 2] - first
    across = torch.linalg.cross(hits.direction, two)
    determinant = (one * across).sum(-1)
    start = hits.origin - first
    tiny = determinant.detach().abs() < 1e-20  # seen edge on: any point of it will do
    inverse = 1.0 / torch.where(tiny, torch.ones_like(determinant), determinant)
    u = (start * across).sum(-1) * inverse
    v = (hits.direction * torch.linalg.cross(start, one)).sum(-1) * inverse
    weights = torch.stack([1.0 - u - v, u, v], -1)
    weights = torch.where(tiny[:, None], torch.full_like(weights, 1.0 / 3.0), weights)
    return weights, determinant.detach() > 0.0
