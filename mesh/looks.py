"""The colours that a mesh brings, at its vertices and at points of its faces."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mesh.gather import take_rows
from mesh.surface import Surface


class Looks:
    """Colours of a surface before it is lit, sRGB in 0..1: its vertices' where it has any, else its materials'."""

    def __init__(self, surface: Surface, device: torch.device | str = "cpu") -> None:
        def tensor(array: np.ndarray | None) -> Tensor | None:
            return None if array is None else torch.from_numpy(np.array(array)).to(device)

        self._faces = tensor(surface.faces)
        self._vertex_colors = tensor(surface.vertex_colors)
        self._uvs = tensor(surface.uvs)
        self._material = tensor(surface.material_of)
        self._flat = torch.tensor([material.color for material in surface.materials], device=device).float()
        self._textures = {
            index: (tensor(material.texture).float() / 255.0).permute(2, 0, 1)[None]
            for index, material in enumerate(surface.materials)
            if material.texture is not None and surface.uvs is not None
        }

    @property
    def has_textures(self) -> bool:
        """Whether colours vary inside a face other than from corner to corner."""
        return bool(self._textures) and self._vertex_colors is None

    def at(self, face: Tensor, weights: Tensor) -> Tensor:
        """Colours [P, 3] at barycentrics [P, 3] of faces [P]; textures are read bilinearly and repeat."""
        weights = weights.detach()
        if self._vertex_colors is not None:
            return (weights[..., None] * take_rows(self._vertex_colors, self._faces[face])).sum(1)
        colors = self._flat[self._material[face]]
        for index, texture in self._textures.items():
            which = torch.nonzero(self._material[face] == index).flatten()
            uv = (weights[which][..., None] * self._uvs[face[which]]).sum(1)
            colors[which] = sample(texture, uv)
        return colors

    def at_vertices(self) -> Tensor:
        """[V, 3]: a vertex has the mean of what its faces show there."""
        if self._vertex_colors is not None:
            return self._vertex_colors
        count = int(self._faces.max()) + 1
        face = torch.arange(len(self._faces), device=self._faces.device).repeat_interleave(3)
        corner = torch.eye(3, device=face.device).repeat(len(self._faces), 1)
        colors = self.at(face, corner).double()
        index = self._faces.reshape(-1)
        total = torch.zeros(count, 4, dtype=torch.float64, device=face.device)
        total.index_add_(0, index, torch.cat([colors, torch.ones_like(colors[:, :1])], -1))
        return (total[:, :3] / total[:, 3:]).float()


def sample(texture: Tensor, uv: Tensor) -> Tensor:
    """A texture [1, 3, H, W] at uv [P, 2], whose v points up and which repeat: [P, 3]."""
    grid = 2.0 * torch.stack([uv[:, 0] - uv[:, 0].floor(), 1.0 - (uv[:, 1] - uv[:, 1].floor())], -1) - 1.0
    found = F.grid_sample(texture, grid[None, None], mode="bilinear", padding_mode="border", align_corners=False)
    return found[0, :, 0].T
