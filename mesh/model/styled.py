"""A mesh and the style field on it: optimised, rendered and written together."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import torch
from torch import Tensor

from editor3d.errors import RegionError
from editor3d.scene import SceneDefaults
from editor3d.types import Confinement, Freeze, Output, SceneCapabilities, Shape
from mesh.model.field import StyleField
from mesh.model.looks import Looks
from mesh.render.cameras import Cameras
from mesh.render.gather import take_rows
from mesh.render.render import LightSettings, Shading, bounded, compose, shade, shrink, vertex_normals
from mesh.render.visibility import find_hits
from mesh.surface import Frame, Surface

_CHUNK = 1 << 16
"""Points whose features are in memory at a time, where no gradient is wanted."""


class StyledMesh(SceneDefaults):
    """A surface in its unit frame under a style field.

    Its parts are the vertices; a shape that it is confined to is in the file's frame.

    Args:
        surface: in the file's frame.
        at_points: ask the field for colours at the points that pixels show; else at the vertices, between which they
            are interpolated. Displacements are those of vertices always.
    """

    capabilities = SceneCapabilities(outputs=("accumulation",), parts=True)

    def __init__(
        self,
        surface: Surface,
        field: StyleField,
        lights: LightSettings,
        background: tuple[float, float, float],
        *,
        at_points: bool,
        device: torch.device | str = "cpu",
    ) -> None:
        self.surface, self.lights, self.at_points = surface, lights, at_points
        self.frame = Frame.around(surface.vertices)
        self.field = field.to(device)
        self.rest = torch.from_numpy(self.frame.to_unit(surface.vertices)).float().to(device)
        self.faces = torch.from_numpy(surface.faces).to(device)
        self.base_looks = Looks(surface, device)
        self.normals = vertex_normals(self.rest, self.faces)
        self.background = torch.tensor(background, device=device)
        self.inside = torch.ones(len(self.rest), dtype=torch.bool, device=device)
        self._features: Tensor | None = None

    @property
    def positions(self) -> Tensor:
        """The vertices before the edit, [V, 3] float64 in the file's frame."""
        return torch.from_numpy(self.surface.vertices).to(self.rest.device)

    def confine(self, confinement: Confinement) -> None:
        """Let the field act inside a shape alone.

        Raises:
            RegionError: the shape holds no vertex of the mesh, or the confinement is none by freezing outside a shape.
        """
        match confinement:
            case Freeze(where) if not isinstance(where, Tensor):
                inside = where.contains(self.positions)
            case _:
                super().confine(confinement)
                return
        if not inside.any():
            low, high = self.surface.vertices.min(axis=0), self.surface.vertices.max(axis=0)
            raise RegionError(
                f"Expected a region that holds some of the mesh's vertices, this one holds none: the mesh lies between "
                f"{_numbers(low)} and {_numbers(high)}."
            )
        self.confinement, self.inside = confinement, inside

    def _contains(self, points: Tensor) -> Tensor:
        """Which points [N, 3] in the file's frame the field acts on: [N] bool."""
        if not isinstance(self.confinement, Freeze):
            return torch.ones(len(points), dtype=torch.bool, device=points.device)
        assert isinstance(self.confinement.where, Shape)  # `confine` takes no other
        return self.confinement.where.contains(points)

    def style(self) -> tuple[Tensor, Tensor]:
        """Colour change [V, 3] and displacement [V] of the vertices; exactly 0 outside the region."""
        if self._features is None:
            self._features = self.field.encode(self.rest)
        change, displacement = self.field(self._features)
        outside = ~self.inside
        return change.masked_fill(outside[:, None], 0.0), displacement.masked_fill(outside, 0.0)

    def displaced(self, displacement: Tensor) -> Tensor:
        """Vertices [V, 3] moved along their normals."""
        return self.rest + displacement[:, None] * self.normals

    def change_at(self, points: Tensor) -> Tensor:
        """Colour change [N, 3] at points [N, 3] of the undisplaced surface, unit frame."""
        change, _ = self.field(self.field.encode(points))
        return change.masked_fill(~self._contains(self._in_file(points))[:, None], 0.0)

    def displacement_at(self, points: Tensor) -> Tensor:
        """Displacement [N] at points [N, 3] near the undisplaced surface; exactly 0 outside the region."""
        _, displacement = self.field(self.field.encode(points))
        return displacement.masked_fill(~self._contains(self._in_file(points)), 0.0)

    def _in_file(self, points: Tensor) -> Tensor:
        """Points [N, 3] of the unit frame in the file's, float64."""
        return points.double() * self.frame.radius + torch.from_numpy(self.frame.center).to(points.device)

    def points_of(self, face: Tensor, weights: Tensor) -> Tensor:
        """Points [N, 3] of the undisplaced surface at barycentrics [N, 3] of faces [N]."""
        return (weights.detach()[..., None] * self.rest[self.faces[face]]).sum(1)

    def acts_on(self, face: Tensor, weights: Tensor) -> Tensor:
        """Whether the field may change what lies at barycentrics [N, 3] of faces [N]: [N] bool."""
        return self._contains(self._in_file(self.points_of(face, weights)))

    def colors(self, shading: Shading, change: Tensor | None = None) -> Tensor:
        """Colours [P, 3] before they are lit, at what pixels show.

        Args:
            change: that of the vertices [V, 3], where it is known already and colours are those of vertices.
        """
        face, weights = shading.hits.face, shading.weights
        if self.at_points:
            found = self.change_at(self.points_of(face, weights))
        else:
            found = shading.interpolate(self.style()[0] if change is None else change, self.faces)
        return bounded(self.base_looks.at(face, weights) + found)

    def lit(self, shading: Shading, colors: Tensor) -> Tensor:
        """Pixels [P, 3] of colours [P, 3]."""
        return bounded(colors * shading.light)

    def shading(self, vertices: Tensor, cameras: Cameras) -> Shading:
        """What the pixels of cameras show of the mesh with its vertices there."""
        return shade(vertices, self.faces, find_hits(vertices, self.faces, cameras), self.lights)

    def render(self, camera: Cameras, also: Collection[Output] = ()) -> dict[str, Tensor]:
        """What one camera sees, one ray a pixel: rgb [side, side, 3], and the share of the mesh in each pixel."""
        ((picture, whole),) = self.pictures(camera, 1)
        return {"rgb": picture} | ({"accumulation": whole[..., None].float()} if "accumulation" in also else {})

    @torch.no_grad()
    def pictures(self, cameras: Cameras, supersampling: int, *, styled: bool = True) -> Iterator[tuple[Tensor, Tensor]]:
        """Pictures of the mesh, one by one.

        Args:
            supersampling: rays a pixel's side.
            styled: as the field changes it; else as it came.

        Returns:
            Each [side, side, 3], and which pixels show nothing but the mesh [side, side] bool.
        """
        vertices, change = self.rest, torch.zeros_like(self.rest)
        if styled:
            change, displacement = self.all_style()
            vertices = self.displaced(displacement)
        for index in range(len(cameras)):
            shading = self.shading(vertices, cameras[[index]].scaled(supersampling))
            colors = self.base_looks.at(shading.hits.face, shading.weights)
            if styled and self.at_points:
                points = self.points_of(shading.hits.face, shading.weights)
                colors = bounded(colors + torch.cat([self.change_at(some) for some in points.split(_CHUNK)]))
            elif styled:
                colors = bounded(colors + shading.interpolate(change, self.faces))
            picture = compose(shading.hits, self.lit(shading, colors), self.background)
            whole = shrink(shading.hits.mask()[..., None].float(), supersampling)[0, ..., 0] == 1.0
            yield shrink(picture, supersampling)[0], whole

    @torch.no_grad()
    def all_style(self) -> tuple[Tensor, Tensor]:
        """As `style`, without gradients and without keeping features."""
        parts = [self.field(self.field.encode(some)) for some in self.rest.split(_CHUNK)]
        change, displacement = (torch.cat(values) for values in zip(*parts, strict=True))
        outside = ~self.inside
        return change.masked_fill(outside[:, None], 0.0), displacement.masked_fill(outside, 0.0)

    @torch.no_grad()
    def result_vertices(self) -> np.ndarray:
        """The displaced vertices [V, 3] float64 in the file's frame; those not displaced keep their bits."""
        _, displacement = self.all_style()
        offset = (displacement[:, None] * self.normals).double().cpu().numpy() * self.frame.radius
        return self.surface.vertices + offset

    @torch.no_grad()
    def result_colors(self) -> Tensor:
        """Colours [V, 3] of the vertices in 0..1, before they are lit."""
        return bounded(self.base_looks.at_vertices() + self.all_style()[0])

    @torch.no_grad()
    def color_at(self, face: Tensor, weights: Tensor) -> Tensor:
        """Colours [N, 3] in 0..1 at barycentrics [N, 3] of faces [N], before they are lit."""
        change = None if self.at_points else self.all_style()[0]
        out = []
        for some, weight in zip(face.split(_CHUNK), weights.split(_CHUNK), strict=True):
            if change is None:
                changed = self.change_at(self.points_of(some, weight))
            else:
                changed = (weight[..., None] * take_rows(change, self.faces[some])).sum(1)
            out.append(bounded(self.base_looks.at(some, weight) + changed))
        return torch.cat(out)


def _numbers(values: np.ndarray) -> str:
    return ",".join(f"{value:.4g}" for value in values)
