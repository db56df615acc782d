"""The editor that puts a described thing into a region, in each view where it stands and behind what hides it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from editor3d.editors import EDITORS
from editor3d.editors.insert.surface import albedo, shaded
from editor3d.editors.insert.things import Kind, Thing, read_thing, unit_mesh
from editor3d.errors import EditorUnavailableError
from editor3d.regions import Box
from editor3d.types import EditorInfo, EditRequest, ViewGeometry

if TYPE_CHECKING:
    import open3d

_OFFSETS = (-0.25, 0.25)
"""Of the rays inside a pixel, along each of its sides."""
_FILL = 0.9
"""Of the region's sides, what a thing takes up: at its very wall, what is outside holds on to what can be shown."""
_BEHIND = 0.02
"""Times the region's size: what the scene shows less than this before a thing does not hide it."""


@dataclass(frozen=True, eq=False)
class Stand:
    """Where a thing stands: x_capture = center + axes @ (half * x), x in [-1, 1]^3 and z up."""

    center: np.ndarray
    half: np.ndarray
    """[3], half the sides of the box that it fills."""
    axes: np.ndarray
    """[3, 3], columns."""

    def local(self, points: np.ndarray) -> np.ndarray:
        return (points - self.center) @ self.axes / self.half


class ProceduralInserter:
    """Puts a thing of a small documented vocabulary into the region: no weights, deterministic, the same from all
    sides."""

    @property
    def info(self) -> EditorInfo:
        return EDITORS["procedural-insert"].info

    def validate(self, instruction: str, objects: Collection[str], views: Collection[str]) -> None:
        """Read the instruction; see `read_thing`.

        Raises:
            InstructionError: empty, or not wholly understood; the text lists what is.
        """
        read_thing(instruction)

    def edit(self, request: EditRequest) -> Tensor:
        """Draw the thing into `request.condition`.

        Raises:
            InstructionError: as for `validate`.
            EditorUnavailableError: there is no geometry to draw by.
        """
        picture, share = self.drawn(request)
        device = request.condition.device
        return torch.lerp(request.condition.float(), picture.to(device), share.to(device)[..., None])

    def drawn(self, request: EditRequest) -> tuple[Tensor, Tensor]:
        """The thing's colour [H, W, 3] and how much of each pixel it fills [H, W], hidden parts left out."""
        geometry, thing = self._geometry(request), read_thing(request.instruction)
        return _cover(thing, geometry, request.condition) if thing.kind == "cover" else _stand(thing, geometry)

    def _geometry(self, request: EditRequest) -> ViewGeometry:
        if request.geometry is None or request.geometry.region is None:
            got = "a picture alone" if request.geometry is None else "a view of the whole scene"
            raise EditorUnavailableError(
                f"Expected a 3D region to put something into, got {got}: use nerf-insert with --region."
            )
        return request.geometry

    def distance(self, request: EditRequest) -> Tensor:
        """How far away the thing is along each pixel's ray, be it hidden or not: [H, W], infinite off the thing."""
        geometry, thing = self._geometry(request), read_thing(request.instruction)
        rays = geometry.directions.double().numpy()
        distance, _ = _shot(thing, stand_of(thing, geometry), geometry.origin.numpy(), rays.reshape(-1, 3))
        return torch.from_numpy(distance).view(rays.shape[:2])


def stand_of(thing: Thing, geometry: ViewGeometry) -> Stand:
    """The place of a thing: in the middle of the region, on its bottom, nearly as large as fits."""
    up, region = geometry.up.double().numpy(), geometry.region
    if isinstance(region, Box):
        center, axes, half = np.array(region.center), np.array(region.axes), np.array(region.half_extents)
    else:
        low, high = geometry.low.double().numpy(), geometry.high.double().numpy()
        center, axes, half = (low + high) / 2, np.eye(3), (high - low) / 2
    vertical = int(np.abs(axes.T @ up).argmax())
    order = [(vertical + 1) % 3, (vertical + 2) % 3, vertical]
    axes, half = axes[:, order].copy(), half[order]
    if axes[:, 2] @ up < 0:
        axes[:, 2] *= -1.0
        axes[:, 0] *= -1.0  # a rotation still
    bottom = center - axes[:, 2] * half[2]
    match thing.kind:
        case "ball" | "cube":
            half = np.full(3, half.min())
        case "cylinder" | "cone":
            half = np.array([half[:2].min()] * 2 + [half[2]])
    half = _FILL * half
    return Stand(bottom + axes[:, 2] * half[2], half, axes)


@lru_cache(maxsize=8)
def _scene(kind: Kind) -> tuple[open3d.t.geometry.RaycastingScene, np.ndarray, np.ndarray, np.ndarray]:
    """The unit shape to shoot rays at, its faces, and the normals of vertices and faces."""
    import open3d

    mesh = unit_mesh(kind)
    scene = open3d.t.geometry.RaycastingScene()
    vertices, faces = np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces, np.uint32)
    scene.add_triangles(open3d.core.Tensor.from_numpy(vertices), open3d.core.Tensor.from_numpy(faces))
    return scene, np.asarray(mesh.faces), np.asarray(mesh.vertex_normals), np.asarray(mesh.face_normals)


def _stand(thing: Thing, geometry: ViewGeometry) -> tuple[Tensor, Tensor]:
    place = stand_of(thing, geometry)
    depth = geometry.depth.double().numpy()
    height, width = depth.shape
    size = 2.0 * float(place.half.max())
    colors, share = np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.float32)
    directions = geometry.directions.double().numpy()
    down, right = np.gradient(directions, axis=(0, 1))
    for dy in _OFFSETS:
        for dx in _OFFSETS:
            rays = directions + dy * down + dx * right
            rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
            distance, color = _shot(thing, place, geometry.origin.double().numpy(), rays.reshape(-1, 3))
            seen = (distance < depth.ravel() + _BEHIND * size).reshape(height, width)
            colors += np.where(seen[..., None], color.reshape(height, width, 3), 0.0)
            share += seen
    colors /= np.maximum(share, 1.0)[..., None]
    return torch.from_numpy(colors), torch.from_numpy(share / len(_OFFSETS) ** 2)


def _shot(thing: Thing, place: Stand, origin: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far away rays [N, 3] meet the thing, infinite where they do not, and its colour there [N, 3]."""
    import open3d

    scene, faces, vertex_normals, face_normals = _scene(thing.kind)
    # not of unit length in the thing's units, so that distances along them are those of the capture
    start, along = place.local(origin[None]), rays @ place.axes / place.half
    ends = np.concatenate([np.broadcast_to(start, along.shape), along], 1).astype(np.float32)
    found = scene.cast_rays(open3d.core.Tensor.from_numpy(ends))
    distance = found["t_hit"].numpy().astype(np.float64)
    hit = np.isfinite(distance)
    colors = np.zeros((len(rays), 3), np.float32)
    if not hit.any():
        return distance, colors
    face = found["primitive_ids"].numpy()[hit].astype(np.int64)
    if thing.kind == "ball":
        u, v = found["primitive_uvs"].numpy()[hit].T
        weights = np.stack([1 - u - v, u, v], 1)[..., None]
        normals = (weights * vertex_normals[faces[face]]).sum(1)
    else:
        normals = face_normals[face]
    normals = normals / place.half  # normals go by the inverse of the scaling
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    points = start + distance[hit, None] * along[hit]
    if thing.kind in ("cylinder", "cone"):  # round, though made of flat sides
        side = np.abs(normals[:, 2]) < 0.99
        radial = points[:, :2] / np.maximum(np.linalg.norm(points[:, :2], axis=1, keepdims=True), 1e-9)
        flat = np.linalg.norm(normals[:, :2], axis=1, keepdims=True)
        normals[side, :2] = (radial * flat)[side]
    colors[hit] = shaded(albedo(thing.look, points), normals)
    return distance, colors


def _cover(thing: Thing, geometry: ViewGeometry, condition: Tensor) -> tuple[Tensor, Tensor]:
    """What is there, seen inside the region, in the colours of the cover under the light that falls on it now."""
    assert geometry.region is not None  # checked before
    points = geometry.origin + geometry.depth.double().nan_to_num(posinf=1e9)[..., None] * geometry.directions.double()
    inside = geometry.region.contains(points) & torch.isfinite(geometry.depth)
    size = float((geometry.high - geometry.low).max())
    local = ((points - (geometry.low + geometry.high) / 2) * (2.0 / size)).view(-1, 3).numpy()
    light = condition.float().cpu().mean(-1, keepdim=True)
    shade = (0.55 + 0.7 * light).clamp(max=1.15)
    color = torch.from_numpy(albedo(thing.look, local)).view(*inside.shape, 3) * shade
    return color.clamp(0.0, 1.0), inside.float()
