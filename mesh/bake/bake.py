"""Bake a styled mesh to triangles with a colour texture and a normal map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mesh.bake.texels import covering, spread
from mesh.bake.unwrap import own_places
from mesh.model.styled import StyledMesh

_STEP = 1e-3
"""Radii of the mesh by which a displacement's slope is measured."""
_CHUNK = 1 << 16


@dataclass(frozen=True, eq=False)
class BakedMesh:
    """What is written of a styled mesh, in the file's own frame."""

    vertices: np.ndarray
    """[V, 3] float64."""
    faces: np.ndarray
    """[F, 3] int64."""
    colors: np.ndarray
    """[V, 3] float32 sRGB in 0..1, before light."""
    normals: np.ndarray
    """[V, 3] float32, unit."""
    uvs: np.ndarray | None = None
    """[F, 3, 2] float32; None where there is no texture."""
    texture: np.ndarray | None = None
    """[S, S, 3] uint8 sRGB; the first row is at v = 1."""
    normal_map: np.ndarray | None = None
    """[S, S, 3] uint8: tangent, bitangent, normal (+Y, as in glTF), 0..255 for -1..1."""
    finish: np.ndarray | None = None
    """[S, S, 3] uint8: nothing, roughness, metallic, 0..255 for 0..1, as in glTF; None is a rough dielectric."""

    def pictures(self) -> tuple[np.ndarray, np.ndarray]:
        """Texture and normal map of a mesh that has them."""
        assert self.texture is not None
        assert self.normal_map is not None
        return self.texture, self.normal_map


@torch.no_grad()
def baked(styled: StyledMesh, texture_size: int) -> BakedMesh:
    """The mesh as it is now, with a texture of `texture_size` texels a side, or without one where that is 0."""
    from mesh.render.render import vertex_normals

    vertices = styled.result_vertices()
    unit = torch.from_numpy(styled.frame.to_unit(vertices)).float().to(styled.rest.device)
    normals = vertex_normals(unit, styled.faces)
    colors = styled.result_colors().cpu().numpy()
    plain = BakedMesh(vertices, styled.surface.faces, colors, normals.cpu().numpy())
    if texture_size == 0:
        return plain
    uvs, _ = own_places(styled.surface)
    face, weights = covering(uvs, texture_size)
    covered = face >= 0
    faces, corners = (torch.from_numpy(values[covered]).to(unit.device) for values in (face, weights))
    texture = np.zeros((texture_size, texture_size, 3), np.uint8)
    texture[covered] = _bytes(styled.color_at(faces, corners))
    relief = np.full((texture_size, texture_size, 3), (128, 128, 255), np.uint8)
    if styled.field.displacement is not None:
        tangents = torch.from_numpy(corner_tangents(unit.cpu().numpy(), styled.surface.faces, uvs)).to(unit.device)
        fine = [
            _relief(styled, normals, tangents[some], some, corner)
            for some, corner in zip(faces.split(_CHUNK), corners.split(_CHUNK), strict=True)
        ]
        relief[covered] = _bytes(0.5 + 0.5 * torch.cat(fine))
    return BakedMesh(
        vertices,
        styled.surface.faces,
        colors,
        plain.normals,
        uvs,
        spread(texture, covered),
        spread(relief, covered),
    )


def _bytes(values: Tensor) -> np.ndarray:
    return (values.clamp(0.0, 1.0) * 255.0).round().to(torch.uint8).cpu().numpy()


def _relief(styled: StyledMesh, normals: Tensor, tangents: Tensor, face: Tensor, weights: Tensor) -> Tensor:
    """The displaced surface's normals at points of faces, in the frame of the written mesh's: [N, 3].

    Moving a smooth surface by d along its normal n turns the normal to n - grad d, to first order in d.
    """
    corners = styled.faces[face]

    def mean(values: Tensor) -> Tensor:
        return F.normalize((weights[..., None] * values).sum(1), dim=-1)

    points, smooth = styled.points_of(face, weights), mean(styled.normals[corners])
    aside = torch.zeros_like(smooth).scatter(1, smooth.abs().argmin(1, keepdim=True), 1.0)
    one = F.normalize(torch.linalg.cross(smooth, aside), dim=-1)
    two = torch.linalg.cross(smooth, one)
    fine = smooth
    for direction in (one, two):
        ahead, behind = (styled.displacement_at(points + sign * _STEP * direction) for sign in (1.0, -1.0))
        fine = fine - ((ahead - behind) / (2.0 * _STEP))[:, None] * direction
    normal = mean(normals[corners])
    tangent = (weights[..., None] * tangents[..., :3]).sum(1)
    tangent = F.normalize(tangent - (tangent * normal).sum(-1, keepdim=True) * normal, dim=-1)
    bitangent = torch.linalg.cross(normal, tangent) * tangents[:, 0, 3:]
    fine = F.normalize(fine, dim=-1)
    return torch.stack([(fine * axis).sum(-1) for axis in (tangent, bitangent, normal)], -1)


def corner_tangents(vertices: np.ndarray, faces: np.ndarray, uvs: np.ndarray) -> np.ndarray:
    """Where u grows, at each corner: [F, 3, 4] float32; the last is the sign of the bitangent's cross(n, t).

    Corners at one vertex and one place of the texture share the mean of their faces', weighted by area.
    """
    corners = vertices[faces].astype(np.float64)
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    (u1, v1), (u2, v2) = ((uvs[:, k] - uvs[:, 0]).astype(np.float64).T for k in (1, 2))
    area = u1 * v2 - u2 * v1
    along = (one * v2[:, None] - two * v1[:, None]) * np.sign(area)[:, None]
    key = np.column_stack([faces.reshape(-1), uvs.reshape(-1, 2).view(np.int32)])
    _, which = np.unique(key, axis=0, return_inverse=True)
    which = which.reshape(-1)
    total = np.zeros((which.max() + 1, 3))
    np.add.at(total, which, along.repeat(3, axis=0))
    total /= np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-30)
    sign = np.where(area < 0.0, -1.0, 1.0).repeat(3)
    return np.column_stack([total[which], sign]).reshape(-1, 3, 4).astype(np.float32)
