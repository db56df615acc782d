"""Reading meshes: OBJ, PLY, STL, GLB, glTF, OFF and what else trimesh knows, as one surface."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from editor3d.errors import DataError
from editor3d.srgb import to_linear, to_srgb
from mesh.repair import repaired
from mesh.surface import Material, Surface

if TYPE_CHECKING:
    import trimesh

SUFFIXES = (".obj", ".ply", ".stl", ".glb", ".gltf", ".off", ".3mf", ".dae")
_LINEAR = (".glb", ".gltf")
"""Formats whose vertex colours and colour factors are linear light."""


def read_mesh(path: Path | str) -> Surface:
    """Read a mesh, all its parts in one; polygons come as triangles, and vertices at one place as one.

    Raises:
        DataError: no such file, none of a known kind, damaged, or without a surface; the text says which.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"Expected a mesh file at {path}, found none: check the path.")
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(f"Expected a mesh of a known kind ({', '.join(SUFFIXES)}), got {path}: convert it to .glb.")
    parts = [part for part in _parts(path) if len(part.faces)]
    if not parts:
        raise DataError(f"Expected a mesh with faces in {path}, found none (points or lines at most): mesh it first.")
    linear = path.suffix.lower() in _LINEAR
    return repaired(_joined([_surface_of(part, linear) for part in parts]), str(path))


def _parts(path: Path) -> list[trimesh.Trimesh]:
    """The triangle meshes of a file, each where its scene puts it."""
    import trimesh

    try:
        scene = trimesh.load_scene(path, process=False)
        for part in scene.geometry.values():  # copies lose what textures' visuals know of vertices
            visual = getattr(part, "visual", None)
            if getattr(visual, "kind", None) == "texture" and "color" in visual.vertex_attributes:
                part.vertex_attributes["color"] = visual.vertex_attributes["color"]
        return [part for part in scene.dump() if isinstance(part, trimesh.Trimesh)]
    except Exception as error:  # noqa: BLE001 - its readers raise errors of many kinds for damaged files
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"Expected a readable mesh at {path}, found it damaged ({reason}): export it anew.") from error


def _surface_of(part: trimesh.Trimesh, linear: bool) -> Surface:
    faces = np.asarray(part.faces, np.int64)
    vertices = np.asarray(part.vertices, np.float64)
    if faces.min() < 0 or faces.max() >= len(vertices):  # a face of no vertex; dropped by the repair
        vertices = np.vstack([vertices, np.full((1, 3), np.nan)])
        faces = np.where((faces < 0) | (faces >= len(vertices) - 1), len(vertices) - 1, faces)
    visual = part.visual
    if visual.kind == "texture":
        uv = getattr(visual, "uv", None)
        uvs = None if uv is None or len(uv) != len(part.vertices) else _padded(uv, len(vertices))[faces]
        material = _material(visual.material, uvs is not None, linear)
        colors = part.vertex_attributes.get("color")
        if material.texture is None and colors is not None and len(colors) == len(part.vertices):
            return Surface(vertices, faces, _padded(_tinted(colors, material.color, linear), len(vertices)))
        return Surface(vertices, faces, None, uvs, (material,))
    if visual.kind == "vertex":
        colors = np.asarray(visual.vertex_colors, np.float32)[:, :3] / np.float32(255.0)
        return Surface(vertices, faces, _padded(to_srgb(colors) if linear else colors, len(vertices)))
    if visual.kind == "face":
        colors = np.asarray(visual.face_colors, np.float32)[:, :3] / 255.0
        found, which = np.unique(colors, axis=0, return_inverse=True)
        materials = tuple(Material(tuple(map(float, color))) for color in found)
        return Surface(vertices, faces, materials=materials, face_material=which.reshape(-1).astype(np.int64))
    return Surface(vertices, faces)


def _tinted(colors: np.ndarray, tint: tuple[float, float, float], linear: bool) -> np.ndarray:
    """sRGB of vertices whose colours are multiplied by a material's, as glTF wants it: [V, 3]."""
    colors = np.asarray(colors)[:, :3]
    scale = float(np.iinfo(colors.dtype).max) if colors.dtype.kind == "u" else 1.0
    colors = colors.astype(np.float64) / scale
    by = np.asarray(tint, np.float64)
    return to_srgb(colors * to_linear(by)) if linear else colors * by


def _padded(values: np.ndarray, length: int) -> np.ndarray:
    values = np.asarray(values, np.float32)
    return np.vstack([values, np.zeros((length - len(values), values.shape[1]), np.float32)])


def _material(material: Any, has_uvs: bool, linear: bool) -> Material:
    """A material of trimesh's, glTF's kind or the older one."""
    image = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
    if hasattr(material, "baseColorFactor"):
        factor = material.baseColorFactor
        color = np.ones(3) if factor is None else np.asarray(factor, np.float64)[:3]
        color = color / 255.0 if factor is not None and np.asarray(factor).dtype.kind in "ui" else color
    else:  # OBJ's Kd, which stands beside a texture without meaning much
        color = np.ones(3) if image is not None else np.asarray(material.main_color, np.float64)[:3] / 255.0
    texture = None if image is None or not has_uvs else np.asarray(image.convert("RGB"))
    if linear and texture is not None and not np.allclose(color, 1.0):
        texture = np.rint(to_srgb(to_linear(texture / 255.0) * color) * 255.0).astype(np.uint8)
    color = to_srgb(color) if linear else color
    return Material(tuple(float(value) for value in np.clip(color, 0.0, 1.0)), texture)


def _joined(parts: list[Surface]) -> Surface:
    """One surface of many."""
    if len(parts) == 1:
        return parts[0]
    offsets = np.cumsum([0] + [len(part.vertices) for part in parts])
    firsts = np.cumsum([0] + [len(part.materials) for part in parts])
    colors = None
    if all(part.vertex_colors is not None for part in parts):
        colors = np.vstack([part.vertex_colors for part in parts])
    elif any(part.vertex_colors is not None for part in parts):  # mixed: a face then has the mean of its corners
        parts = [_colors_as_materials(part) for part in parts]
        firsts = np.cumsum([0] + [len(part.materials) for part in parts])
    uvs = None
    if any(part.uvs is not None for part in parts):
        blank = [np.zeros((len(part.faces), 3, 2), np.float32) if part.uvs is None else part.uvs for part in parts]
        uvs = np.concatenate(blank)
    return Surface(
        np.vstack([part.vertices for part in parts]),
        np.vstack([part.faces + offset for part, offset in zip(parts, offsets[:-1], strict=True)]),
        colors,
        uvs,
        tuple(material for part in parts for material in part.materials),
        np.concatenate([part.material_of + first for part, first in zip(parts, firsts[:-1], strict=True)]),
    )


def _colors_as_materials(part: Surface) -> Surface:
    if part.vertex_colors is None:
        return part
    means = np.rint(part.vertex_colors[part.faces].mean(axis=1) * 255.0) / 255.0
    found, which = np.unique(means, axis=0, return_inverse=True)
    materials = tuple(Material(tuple(map(float, color))) for color in found)
    return Surface(part.vertices, part.faces, None, part.uvs, materials, which.reshape(-1).astype(np.int64))
