"""The surface of a mesh, exactly: for editors that follow it, and for judging."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from editor3d.editors.procedural.basis.surface import Surface
from editor3d.editors.procedural.coats import COATS
from editor3d.editors.procedural.parse import parse
from editor3d.editors.procedural.solid.light import Coat
from editor3d.geometry.scene.scene_surface import FUSED_SIDE, SceneSurface, SeenView
from editor3d.geometry.surface import SeenSurface
from editor3d.outputs.pictures import to_uint8
from editor3d.srgb import to_srgb
from editor3d.types import ViewGeometry
from mesh.bake.bake import BakedMesh
from mesh.bake.texels import covering, spread
from mesh.model.styled import StyledMesh
from mesh.render.cameras import Cameras, Vector
from mesh.render.gather import take_rows
from mesh.render.render import compose, vertex_normals
from mesh.render.visibility import barycentrics

_SPREAD = 5.0
"""About how many radii of a mesh lie along a side of its texture."""


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
        _, front = barycentrics(take_rows(styled.rest, styled.faces[shading.hits.face]), shading.hits)
        exact = compose(shading.hits, torch.where(front[:, None], normals, -normals), torch.zeros(3))[0].cpu()
        known = self._surface.view(pose, distance)
        return replace(known, normals=exact, depth=torch.where(depth > 0, distance, torch.inf))

    @torch.no_grad()
    def surface_at(self, face: Tensor, weights: Tensor, texels: int) -> Surface:
        """What is known of points at barycentrics [N, 3] of faces [N], as a picture [N, 1], seen squarely.

        Args:
            texels: of a side of the texture that they are points of.
        """
        styled, whole = self._styled, self._surface.whole
        face, weights = face.to(styled.rest.device), weights.to(styled.rest.device)
        points = whole.local(styled.points_of(face, weights).cpu())
        corners = take_rows(vertex_normals(styled.rest, styled.faces), styled.faces[face])
        normals = whole.turned(F.normalize((weights[..., None] * corners).sum(1), eps=1e-6, dim=-1).cpu())
        hollow = torch.from_numpy(self._surface.fused.at(points.numpy(), normals.numpy())[2])[:, None]
        width = torch.full_like(hollow, _SPREAD / texels)
        known = torch.ones_like(hollow, dtype=torch.bool)
        seen, frame = self.view(self._cameras[[0]]), self._surface.frame
        points, normals = points[:, None], normals[:, None]
        return Surface(points, normals, normals, hollow, width, known, frame.light, seen, frame)


def coat_of(instruction: str, editor: str) -> Callable[[Surface], Coat] | None:
    """The material that an instruction makes all of a mesh of, where the built-in editor follows it; else None."""
    if editor != "procedural":
        return None
    steps = parse(instruction, ())
    return COATS.get(steps[0].effect) if len(steps) == 1 and steps[0].strength >= 1.0 else None


@torch.no_grad()
def with_material(mesh: BakedMesh, geometry: MeshGeometry, coat: Callable[[Surface], Coat]) -> BakedMesh:
    """A baked mesh whose texture is the material itself, before light, with its roughness and metallic.

    Args:
        mesh: with a texture; its shape is that before the edit.
    """
    assert mesh.uvs is not None
    assert mesh.texture is not None
    size = len(mesh.texture)
    face, weights = covering(mesh.uvs, size)
    covered = face >= 0
    made = coat(geometry.surface_at(torch.from_numpy(face[covered]), torch.from_numpy(weights[covered]), size))
    texture, finish = (np.zeros((size, size, 3), np.uint8) for _ in range(2))
    texture[covered] = to_uint8(torch.from_numpy(to_srgb(made.albedo.numpy())))[:, 0]
    shares = [torch.zeros(()), torch.as_tensor(made.rough), torch.as_tensor(made.metal)]
    finish[covered] = to_uint8(torch.stack([share.expand(made.albedo.shape[:2]) for share in shares], -1))[:, 0]
    return replace(mesh, texture=spread(texture, covered), finish=spread(finish, covered))


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
