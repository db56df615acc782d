"""Pictures of a mesh, differentiable in its vertices and colours.

Which triangle a pixel shows is found without gradients; where in it the pixel lies, its normal and its light follow
from the vertices. As in PyTorch3D's hard shaders, an outline itself has no gradient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from editor3d.errors import ConfigError
from mesh.render.cameras import Vector
from mesh.render.gather import sum_rows, take_rows
from mesh.render.visibility import Hits, barycentrics

_STUDIO = (((0.5, 0.8, 0.6), 1.0), ((-0.8, 0.3, 0.3), 0.45), ((0.1, 0.45, -0.9), 0.75), ((-0.2, -0.9, 0.2), 0.3))


@dataclass(frozen=True)
class LightSettings:
    """Lambert's law, as PyTorch3D's lights have it, on sRGB values: shade = ambient + sum_l intensity_l max(0, n . l).

    Raises:
        ConfigError: a value is out of range.
    """

    ambient: float = 0.4
    directional: tuple[tuple[Vector, float], ...] = _STUDIO
    """Where each light comes from and how bright it is, in the frame of the mesh or of the camera: right, up, back."""
    attached_to: Literal["mesh", "camera"] = "mesh"
    """Lights that stay on the mesh let a surface point look alike from every side."""

    def __post_init__(self) -> None:
        values = [self.ambient, *(intensity for _, intensity in self.directional)]
        if min(values) < 0.0 or max(values) == 0.0:
            raise ConfigError(f"Expected lights of at least 0, one of them more, got {values}: correct them.")
        if any(max(map(abs, direction)) == 0.0 for direction, _ in self.directional):
            raise ConfigError("Expected lights that come from somewhere, got the direction 0,0,0: correct it.")
        if self.attached_to not in ("mesh", "camera"):
            raise ConfigError(f"Expected lights attached to the mesh or the camera, got {self.attached_to}.")


class _Bounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values: Tensor) -> Tensor:
        ctx.save_for_backward(values)
        return values.clamp(0.0, 1.0)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        (values,) = ctx.saved_tensors
        outwards = ((values > 1.0) & (gradient < 0.0)) | ((values < 0.0) & (gradient > 0.0))
        return gradient.masked_fill(outwards, 0.0)


def bounded(values: Tensor) -> Tensor:
    """Values clamped to 0..1; those beyond keep the gradient that leads back, so that none is lost for good."""
    return _Bounded.apply(values)


def vertex_normals(vertices: Float[Tensor, "v 3"], faces: Int[Tensor, "f 3"]) -> Float[Tensor, "v 3"]:
    """Unit normals [V, 3]: the sum of those of the faces around, weighted by area, as PyTorch3D has them."""
    corners = take_rows(vertices, faces)
    normal = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = sum_rows(normal.repeat_interleave(3, 0), faces.reshape(-1), len(vertices))
    return F.normalize(total, eps=1e-20, dim=-1)


@dataclass(frozen=True, eq=False)
class Shading:
    """What the pixels that show the mesh need besides its colours."""

    hits: Hits
    weights: Tensor
    """Barycentrics [P, 3]."""
    light: Tensor
    """[P, 1], what colours are multiplied by."""

    def interpolate(self, values: Float[Tensor, "v c"], faces: Int[Tensor, "f 3"]) -> Float[Tensor, "p c"]:
        """Values of the vertices [V, C] at the pixels: [P, C]."""
        corners = take_rows(values, faces[self.hits.face])
        return (self.weights[..., None] * corners).sum(1)


def shade(vertices: Float[Tensor, "v 3"], faces: Int[Tensor, "f 3"], hits: Hits, lights: LightSettings) -> Shading:
    """The light on what each pixel shows; differentiable in the vertices [V, 3]."""
    triangles = faces[hits.face]
    weights, front = barycentrics(take_rows(vertices, triangles), hits)
    normals = (weights[..., None] * take_rows(vertex_normals(vertices, faces), triangles)).sum(1)
    normals = F.normalize(torch.where(front[:, None], normals, -normals), eps=1e-6, dim=-1)
    light = torch.full_like(weights[:, :1], lights.ambient)
    turns = torch.from_numpy(hits.cameras.c2ws[:, :, :3]).to(weights)
    for direction, intensity in lights.directional:
        towards = F.normalize(turns.new_tensor(direction), dim=-1)
        if lights.attached_to == "camera":
            cosine = (normals * (turns @ towards)[hits.view]).sum(-1, keepdim=True)
        else:
            cosine = normals @ towards[:, None]
        light = light + intensity * cosine.relu()
    return Shading(hits, weights, light)


def compose(
    hits: Hits, pixels: Float[Tensor, "p c"], background: Float[Tensor, " c"]
) -> Float[Tensor, "n side side c"]:
    """Pictures [N, side, side, C] of the pixels [P, C] that show the mesh, before a background [C]."""
    side = hits.cameras.side
    picture = background.to(pixels).expand(len(hits.cameras) * side * side, -1)
    picture = picture.index_copy(0, hits.pixel, pixels)
    return picture.view(len(hits.cameras), side, side, -1)


def shrink(pictures: Float[Tensor, "n h w c"], factor: int) -> Float[Tensor, "n small_h small_w c"]:
    """Means of squares of `factor` pixels a side: [N, H, W, C] -> [N, H / factor, W / factor, C]."""
    if factor == 1:
        return pictures
    return F.avg_pool2d(pictures.permute(0, 3, 1, 2), factor).permute(0, 2, 3, 1)
