"""The same pictures by PyTorch3D alone: what `mesh.render` is checked against, and many times slower on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor

from mesh.cameras import Cameras
from mesh.render import LightSettings


def pytorch3d_pictures(
    vertices: Tensor, faces: Tensor, colors: Tensor, cameras: Cameras, lights: LightSettings
) -> Tensor:
    """Pictures [N, side, side, 3] before white, differentiable in vertices [V, 3] and their colours [V, 3].

    A hard Phong shader without highlights: the nearest face, interpolated normals, colours times light.
    """
    from pytorch3d.ops import interpolate_face_attributes
    from pytorch3d.renderer import MeshRasterizer, RasterizationSettings, TexturesVertex
    from pytorch3d.renderer.lighting import diffuse
    from pytorch3d.structures import Meshes

    count = len(cameras)
    meshes = Meshes([vertices] * count, [faces] * count, TexturesVertex([colors] * count))
    settings = RasterizationSettings(image_size=cameras.side, blur_radius=0.0, faces_per_pixel=1)
    fragments = MeshRasterizer(cameras.to_pytorch3d(vertices.device), settings)(meshes)
    corners = meshes.verts_normals_packed()[meshes.faces_packed()]
    normals = interpolate_face_attributes(fragments.pix_to_face, fragments.bary_coords, corners)
    light = torch.full_like(normals, lights.ambient)
    turns = torch.from_numpy(cameras.c2ws[:, :, :3]).to(vertices)
    for direction, intensity in lights.directional:
        towards = vertices.new_tensor(direction).expand(count, 3)
        if lights.attached_to == "camera":
            towards = torch.einsum("nij,nj->ni", turns, towards)
        light = light + diffuse(normals, vertices.new_full((count, 3), intensity), towards)
    pictures = (meshes.sample_textures(fragments) * light).clamp(0.0, 1.0)[..., 0, :]
    return torch.where(fragments.pix_to_face >= 0, pictures, torch.ones_like(pictures))
