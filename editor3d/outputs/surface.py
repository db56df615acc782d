"""The surface of a radiance field as a coloured triangle mesh, and coloured meshes and points as files."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from editor3d.errors import ConfigError
from editor3d.files.writing import replacing
from editor3d.precision import offset_of
from editor3d.srgb import to_linear

if TYPE_CHECKING:
    import trimesh
    from torch import Tensor
    from trimesh.visual import ColorVisuals

_LEAST_CELLS, _MOST_CELLS = 8, 1024
"""Lattice points a side; the most take 4 GiB."""
_LARGEST_RADIUS = 1000.0
"""Scene units: cameras are within 1."""
_PROBES = (-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
"""Where colour is gathered, in lattice cells below the surface."""


@dataclass(frozen=True)
class SolidField:
    """What meshing needs of a radiance field, as functions of points [N, 3] in scene units."""

    density: Callable[[Tensor], Tensor]
    """Density per scene unit [N]."""
    color: Callable[[Tensor, Tensor], Tensor]
    """Colour [N, 3] in 0..1 at points, seen along unit directions [N, 3]."""
    radius: float
    """Half the side of the cube round the origin that is worth meshing, scene units."""
    device: torch.device | str = "cpu"


@torch.no_grad()
def extract_surface(
    field: SolidField, *, resolution: int, threshold: float, min_component: float = 0.01, radius: float | None = None
) -> trimesh.Trimesh:
    """Marching cubes over a cube round the origin; open where the surface leaves it.

    A vertex has the colour that a ray meeting the surface head on gathers there, c = sum_i w_i c_i / sum_i w_i with
    the weights of volume rendering.

    Args:
        resolution: lattice points along each side of the cube.
        threshold: density per scene unit at which the surface lies.
        min_component: connected parts with less than this share of the largest one's area are left out.
        radius: half the cube's side, scene units; the field's own by default.

    Returns:
        A mesh in scene units with vertex colours (sRGB), its faces wound to point outwards.

    Raises:
        ConfigError: a value is out of range, or nothing is as dense as the threshold.
    """
    import trimesh
    from skimage.measure import marching_cubes

    radius = field.radius if radius is None else radius
    if not _LEAST_CELLS <= resolution <= _MOST_CELLS:
        raise ConfigError(
            f"Expected a resolution of {_LEAST_CELLS} to {_MOST_CELLS} lattice points a side, got {resolution}."
        )
    if not (0 < threshold < math.inf and 0 < radius <= _LARGEST_RADIUS):
        raise ConfigError(
            f"Expected a positive threshold, and a radius of more than 0 and at most {_LARGEST_RADIUS:g}, got "
            f"{threshold:g} and {radius:g}."
        )
    if not 0 <= min_component <= 1:
        raise ConfigError(f"Expected a share of 0 to 1 as the smallest component, got {min_component:g}.")
    axis = torch.linspace(-radius, radius, resolution, device=field.device)
    plane = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    volume = np.empty((resolution,) * 3, np.float32)
    for i, x in enumerate(axis):
        points = torch.cat([x.expand(len(plane), 1), plane], -1)
        volume[i] = field.density(points).reshape(resolution, resolution).float().cpu().numpy()
    if not volume.min() < threshold < volume.max():
        raise ConfigError(
            f"Expected a surface where the density is {threshold:g}, but densities here are {volume.min():.3g} to "
            f"{volume.max():.3g}: choose another threshold."
        )
    cell = 2.0 * radius / (resolution - 1)
    vertices, faces, _, _ = marching_cubes(volume, level=threshold, spacing=(cell,) * 3, gradient_direction="ascent")
    mesh = trimesh.Trimesh(vertices - radius, faces, process=False)
    mesh = _large_components(mesh, min_component)
    _colored(mesh).vertex_colors = _vertex_colors(field, mesh, cell)
    return mesh


def _large_components(mesh: trimesh.Trimesh, min_share: float) -> trimesh.Trimesh:
    """The mesh without its small connected parts."""
    import trimesh

    labels = trimesh.graph.connected_component_labels(mesh.face_adjacency, node_count=len(mesh.faces))
    areas = np.bincount(labels, weights=mesh.area_faces)
    mesh.update_faces(areas[labels] >= min_share * areas.max())
    mesh.remove_unreferenced_vertices()
    return mesh


def _vertex_colors(field: SolidField, mesh: trimesh.Trimesh, cell: float) -> np.ndarray:
    """[V, 3] uint8."""
    vertices = torch.from_numpy(np.array(mesh.vertices)).float().to(field.device)
    inward = -torch.from_numpy(np.array(mesh.vertex_normals)).float().to(field.device)
    total = torch.zeros_like(vertices)
    weight_sum = torch.full_like(vertices[:, :1], 1e-8)
    transmittance = torch.ones_like(weight_sum)
    for k, probe in enumerate(_PROBES):
        points = vertices + probe * cell * inward
        step = cell * ((_PROBES[k + 1] if k + 1 < len(_PROBES) else probe + 1.0) - probe)
        alpha = 1.0 - torch.exp(-field.density(points).reshape(-1, 1) * step)
        weight = transmittance * alpha
        total += weight * field.color(points, inward)
        weight_sum += weight
        transmittance = transmittance * (1.0 - alpha)
    return ((total / weight_sum).clamp(0.0, 1.0) * 255.0).round().to(torch.uint8).cpu().numpy()


def _colored(mesh: trimesh.Trimesh) -> ColorVisuals:
    from trimesh.visual import ColorVisuals

    assert isinstance(mesh.visual, ColorVisuals)  # what is extracted here has no texture
    return mesh.visual


def write_mesh(path: Path, mesh: trimesh.Trimesh) -> None:
    """Write a mesh with its vertex colours as .ply, .obj or .glb, by the name's ending.

    Far from the origin .ply has its coordinates as doubles, and .glb an offset as its node's translation.

    Raises:
        Editor3DError: the disk is full, or the folder cannot be written.
    """
    import trimesh

    offset = offset_of(mesh.vertices)
    if path.suffix == ".ply" and offset.any():
        _write_ply(path, np.asarray(mesh.vertices), _colored(mesh).vertex_colors[:, :3], np.asarray(mesh.faces))
        return
    written: trimesh.Trimesh | trimesh.Scene = mesh
    if path.suffix == ".glb":  # glTF keeps vertex colours as linear light
        written = mesh = mesh.copy()
        linear = to_linear(_colored(mesh).vertex_colors[:, :3] / 255.0)
        _colored(mesh).vertex_colors = np.rint(linear * 255.0).astype(np.uint8)
        if offset.any():
            mesh.vertices = mesh.vertices - offset
            written = trimesh.Scene()
            written.add_geometry(mesh, transform=trimesh.transformations.translation_matrix(offset))
    with replacing(path) as temporary:
        written.export(temporary, file_type=path.suffix[1:])


def write_points(path: Path, points: np.ndarray, colors: np.ndarray) -> None:
    """Write points [N, 3] with colours [N, 3] uint8 as PLY, far from the origin as doubles.

    Raises:
        Editor3DError: the disk is full, or the folder cannot be written.
    """
    import trimesh

    if offset_of(points).any():
        _write_ply(path, points, colors)
        return
    with replacing(path) as temporary:
        trimesh.PointCloud(points, colors).export(temporary, file_type="ply")


def _write_ply(path: Path, vertices: np.ndarray, colors: np.ndarray, faces: np.ndarray | None = None) -> None:
    """A PLY with coordinates as doubles, which trimesh does not write: vertices [N, 3], colours [N, 3] uint8."""
    rows = np.empty(len(vertices), [("xyz", "<f8", 3), ("rgb", "u1", 3)])
    rows["xyz"], rows["rgb"] = vertices, colors
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(rows)}"]
    lines += [f"property double {name}" for name in "xyz"]
    lines += [f"property uchar {name}" for name in ("red", "green", "blue")]
    if faces is not None:
        corners = np.empty(len(faces), [("count", "u1"), ("index", "<i4", 3)])
        corners["count"], corners["index"] = 3, faces
        lines += [f"element face {len(faces)}", "property list uchar int vertex_indices"]
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write("\n".join([*lines, "end_header", ""]).encode())
        file.write(rows.tobytes())
        if faces is not None:
            file.write(corners.tobytes())
