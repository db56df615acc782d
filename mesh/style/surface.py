"""The surface of a mesh, exactly: for editors that follow it, and for judging."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from editor3d.geometry.scene.scene_surface import FUSED_SIDE, SceneSurface, SeenView
from editor3d.geometry.surface import SeenSurface
from editor3d.types import ViewGeometry
from mesh.model.styled import StyledMesh
from mesh.render.cameras import Cameras, Vector
from mesh.render.gather import take_rows
from mesh.render.render import compose, vertex_normals


class MeshGeometry:
    """What views of an unmoved mesh show of its surface; points are in the mesh's unit frame.

    Args:
        cameras: those that the mesh is seen by all round, which its frame and its crevices are found from.
        up: the mesh's vertical.
    """

    def __init__(self, styled: StyledMesh, cameras: Cameras, up: Vector) -> None:
        self._styled, self._cameras = styled, cameras
        self._up = F.normalize(torch.tensor(up, dtype=torch.float64), dim=0)

    @cached_property
    def _surface(self) -> SceneSurface:
        cameras = self._cameras.scaled(min(1.0, FUSED_SIDE / self._cameras.side))

        def seen(index: int) -> SeenView:
            camera = cameras[[index]]
            surface = seen_surface(self._styled, self._styled.rest, camera)
            ((picture, _),) = self._styled.pictures(camera, 1, styled=False)
            return SeenView(surface, picture.cpu())

        return SceneSurface.of(len(cameras), seen, self._up)

    @torch.no_grad()
    def view(self, camera: Cameras) -> ViewGeometry:
        """What one camera shows: the fused surface's crevices, and the mesh's own points and normals."""
        styled = self._styled
        pose = camera.camera(0)
        shading = styled.shading(styled.rest, camera)
        depth = z_depth(styled, styled.rest, camera)
        distance = depth.double() / pose.cosines()
        corners = take_rows(vertex_normals(styled.rest, styled.faces), styled.faces[shading.hits.face])
        normals = F.normalize((shading.weights[..., None] * corners).sum(1), eps=1e-6, dim=-1)
        away = (normals * shading.hits.direction).sum(-1, keepdim=True) > 0  # of a face that is seen from behind
        exact = compose(shading.hits, torch.where(away, -normals, normals), torch.zeros(3))[0].cpu()
        known = self._surface.view(pose, distance)
        return replace(known, normals=exact, depth=torch.where(depth > 0, distance, torch.inf))


def seen_surface(styled: StyledMesh, vertices: Tensor, camera: Cameras) -> SeenSurface:
    """What one camera sees of the mesh with its vertices [V, 3] there."""
    return SeenSurface.of_depth(camera.camera(0), z_depth(styled, vertices, camera))


@torch.no_grad()
def z_depth(styled: StyledMesh, vertices: Tensor, camera: Cameras) -> Tensor:
    """z-depth [side, side] of the mesh with its vertices [V, 3] there, at the pixel centres; 0 where nothing is."""
    shading = styled.shading(vertices, camera)
    points = shading.interpolate(vertices, styled.faces)
    # the directions of rays have z-depth 1
    far = ((points - shading.hits.origin) * shading.hits.direction).sum(-1, keepdim=True)
    far = far / shading.hits.direction.square().sum(-1, keepdim=True)
    return compose(shading.hits, far, torch.zeros(1))[0, ..., 0].cpu()
