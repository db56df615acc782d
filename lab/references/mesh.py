"""Pictures by PyTorch3D alone: what `mesh.render.render` is checked against, and many times slower on a CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mesh.render.cameras import Cameras
from mesh.render.pytorch3d import require
from mesh.render.render import LightSettings

if TYPE_CHECKING:
    from pytorch3d.renderer.mesh.rasterizer import Fragments
    from pytorch3d.structures import Meshes


def pytorch3d_fragments(meshes: Meshes, cameras: Cameras) -> Fragments:
    """What each pixel shows: the nearest face and where in it, no blur."""
    from pytorch3d.renderer import MeshRasterizer, RasterizationSettings

    settings = RasterizationSettings(image_size=cameras.side, blur_radius=0.0, faces_per_pixel=1)
    return MeshRasterizer(cameras.to_pytorch3d(meshes.device), settings)(meshes)


def pytorch3d_meshes(vertices: Tensor, faces: Tensor, colors: Tensor, count: int) -> Meshes:
    """One mesh, for `count` cameras: vertices [V, 3] and their colours [V, 3], faces [F, 3].

    Raises:
        DeviceError: PyTorch3D cannot be used.
    """
    require()
    from pytorch3d.renderer import TexturesVertex
    from pytorch3d.structures import Meshes

    return Meshes([vertices] * count, [faces] * count, TexturesVertex([colors] * count))


def pytorch3d_shaded(meshes: Meshes, fragments: Fragments, cameras: Cameras, lights: LightSettings) -> Tensor:
    """Pictures [N, side, side, 3] before white: a hard Phong shader without highlights."""
    from pytorch3d.ops import interpolate_face_attributes
    from pytorch3d.renderer.lighting import diffuse

    count = len(cameras)
    corners = meshes.verts_normals_packed()[meshes.faces_packed()]  # pyright: ignore[reportOptionalSubscript]
    normals = interpolate_face_attributes(fragments.pix_to_face, fragments.bary_coords, corners)
    light = torch.full_like(normals, lights.ambient)
    turns = torch.from_numpy(cameras.c2ws[:, :, :3]).to(normals)
    for direction, intensity in lights.directional:
        towards = normals.new_tensor(direction).expand(count, 3)
        if lights.attached_to == "camera":
            towards = torch.einsum("nij,nj->ni", turns, towards)
        light = light + diffuse(normals, normals.new_full((count, 3), intensity), towards)
    pictures = (meshes.sample_textures(fragments) * light).clamp(0.0, 1.0)[..., 0, :]
    return torch.where(fragments.pix_to_face >= 0, pictures, torch.ones_like(pictures))


def pytorch3d_pictures(
    vertices: Tensor, faces: Tensor, colors: Tensor, cameras: Cameras, lights: LightSettings
) -> Tensor:
    """Pictures [N, side, side, 3] before white, differentiable in vertices [V, 3] and their colours [V, 3]."""
    meshes = pytorch3d_meshes(vertices, faces, colors, len(cameras))
    return pytorch3d_shaded(meshes, pytorch3d_fragments(meshes, cameras), cameras, lights)
