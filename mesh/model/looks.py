"""The original colours of a mesh, at its vertices and at points of its faces."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mesh.render.gather import take_rows
from mesh.surface import Surface


class Looks:
    """Colours of a surface before it is lit, sRGB in 0..1: its vertices' where it has any, else its materials'."""

    def __init__(self, surface: Surface, device: torch.device | str = "cpu") -> None:
        def tensor(array: np.ndarray) -> Tensor:
            return torch.from_numpy(np.array(array)).to(device)

        self._faces = tensor(surface.faces)
        self._vertex_colors = None if surface.vertex_colors is None else tensor(surface.vertex_colors)
        self._uvs = torch.zeros(0, 3, 2, device=device) if surface.uvs is None else tensor(surface.uvs)
        self._tints = None if surface.tints is None else tensor(surface.tints)
        self._material = tensor(surface.material_of)
        self._flat = torch.tensor([material.color for material in surface.materials], device=device).float()
        self._textures = {
            index: ((tensor(material.texture).float() / 255.0).permute(2, 0, 1)[None], material.wrap)
            for index, material in enumerate(surface.materials)
            if material.texture is not None and surface.uvs is not None
        }

    def at(self, face: Tensor, weights: Tensor) -> Tensor:
        """Colours [P, 3] at barycentrics [P, 3] of faces [P]; textures are read bilinearly."""
        weights = weights.detach()
        if self._vertex_colors is not None:
            return (weights[..., None] * take_rows(self._vertex_colors, self._faces[face])).sum(1)
        colors = self._flat[self._material[face]]
        for index, (texture, wrap) in self._textures.items():
            which = torch.nonzero(self._material[face] == index).flatten()
            uv = (weights[which][..., None] * self._uvs[face[which]]).sum(1)
            colors[which] = sample(texture, uv, wrap)
        if self._tints is not None:
            tints = (weights[..., None] * self._tints[face]).sum(1)
            colors = _to_srgb(_to_linear(colors) * tints)
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


def sample(texture: Tensor, uv: Tensor, wrap: tuple[str, str] = ("repeat", "repeat")) -> Tensor:
    """A texture [1, 3, H, W] at uv [P, 2], whose v points up: [P, 3].

    Args:
        wrap: what lies beyond the unit square along u and v: repeat, mirror or clamp.
    """
    u, v = (_WRAPS[how](along) for how, along in zip(wrap, uv.unbind(-1), strict=True))
    grid = 2.0 * torch.stack([u, 1.0 - v], -1) - 1.0
    found = F.grid_sample(texture, grid[None, None], mode="bilinear", padding_mode="border", align_corners=False)
    return found[0, :, 0].T


_WRAPS = {
    "repeat": lambda along: along - along.floor(),
    "mirror": lambda along: 1.0 - (along - 2.0 * (0.5 * along).floor() - 1.0).abs(),
    "clamp": lambda along: along.clamp(0.0, 1.0),
}
"""A coordinate [P] brought into 0..1."""


def _to_linear(srgb: Tensor) -> Tensor:
    return torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def _to_srgb(linear: Tensor) -> Tensor:
    linear = linear.clamp(0.0, 1.0)
    return torch.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
