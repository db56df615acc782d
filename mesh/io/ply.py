"""PLY: polygons or strips, colours of vertices or faces by any of their usual names, and MeshLab's textures."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from editor3d.errors import DataError, first_line
from mesh.io.common.notes import Notes, quoted
from mesh.io.common.parts import check_size, colored_faces, dressed, existing, scaled_colors
from mesh.io.common.polygons import triangulated
from mesh.io.common.textures import Textures
from mesh.io.ply_rows import Rows, read_ply
from mesh.surface import Material, Surface

_PLACES = (("s", "t"), ("u", "v"), ("texture_u", "texture_v"), ("texture_s", "texture_t"), ("tu", "tv"))
_CHANNELS = (("red", "r"), ("green", "g"), ("blue", "b"))
_COLOR_PREFIX = re.compile(r"^(diffuse|color|colour|vertex|face)_")
_INDICES = ("vertex_indices", "vertex_index")
_READ = {"vertex", "face", "tristrips", "edge", "material", "camera"}


def read(path: Path, notes: Notes) -> list[Surface]:
    """The mesh of a PLY file.

    Raises:
        DataError: it is damaged, cut short, or lacks the vertices' coordinates.
    """
    try:
        ply = read_ply(path.read_bytes())
    except ValueError as error:
        raise DataError(
            f"Expected a readable PLY file at {path}, found it damaged ({first_line(error)}): export it anew."
        ) from error
    vertex, face = ply.elements.get("vertex"), ply.elements.get("face")
    if vertex is None or not {"x", "y", "z"} <= vertex.scalars.keys():
        raise DataError(f"Expected a PLY file of vertices with x, y and z in {path}, found none: export it anew.")
    for name in sorted(ply.elements.keys() - _READ):
        notes.add(f"elements {quoted(name)} of the PLY file not read")
    check_size(vertex.count, "vertices", path)
    vertices = np.stack([vertex.scalars[axis] for axis in "xyz"], -1).astype(np.float64)
    corners, sizes = _indices(face)
    check_size(len(sizes), "faces", path)
    strips = _strips(ply.elements.get("tristrips"))
    keep_corners, keep = existing(corners, sizes, len(vertices), notes)
    triangles, owner = triangulated(vertices, corners[keep_corners], sizes[keep])
    check_size(len(triangles) + len(strips), "faces", path)
    owner, triangles = np.flatnonzero(keep)[owner], np.flatnonzero(keep_corners)[triangles]
    faces = corners[triangles]
    colors, face_colors = _colors(vertex), None if face is None else _colors(face)
    if len(strips):
        exist = ((strips >= 0) & (strips < len(vertices))).all(axis=1)
        return [Surface(vertices, np.vstack([faces, strips[exist]]), colors)]
    uvs = _places(vertex, face, faces, triangles, sizes)
    materials, which = _textures(path, ply.comments, face, owner, uvs, notes)
    has_texture = any(material.texture is not None for material in materials)
    if has_texture and (colors is not None or face_colors is not None):
        notes.add("colours of vertices and faces not drawn where there is a texture")
    if colors is None and face_colors is not None and not has_texture:
        return [colored_faces(vertices, faces, face_colors[owner])]
    return [dressed(vertices, faces, materials, which, uvs, colors)]


def _indices(face: Rows | None) -> tuple[np.ndarray, np.ndarray]:
    """Vertices of all faces' corners [C] and how many each face has [P]."""
    named = None if face is None else next((face.lists[name] for name in _INDICES if name in face.lists), None)
    if named is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(named.values, nan=-1.0).astype(np.int64), named.sizes


def _strips(element: Rows | None) -> np.ndarray:
    """Triangles of strips, which -1 ends: [T, 3]."""
    named = None if element is None else next((element.lists[n] for n in _INDICES if n in element.lists), None)
    if named is None or len(named.values) < 3:
        return np.zeros((0, 3), np.int64)
    values = named.values.astype(np.int64)
    starts = np.zeros(len(values) + 1, bool)
    starts[(np.cumsum(named.sizes) - named.sizes)] = True
    starts = starts[:-1] | np.append(True, values[:-1] == -1)
    first = np.maximum.accumulate(np.where(starts, np.arange(len(values)), 0))
    at = np.flatnonzero((first[2:] == first[:-2]) & (values[2:] != -1))
    turned = (at - first[at]) % 2 == 1
    triangles = np.stack([values[at], values[at + 1], values[at + 2]], -1)
    triangles[turned] = triangles[turned][:, [1, 0, 2]]
    return triangles


def _colors(element: Rows) -> np.ndarray | None:
    """sRGB of the rows in 0..1 [N, 3] float32, by the names that colours have in one program or another."""
    kinds = {found.name: found.kind for found in element.properties}
    by_name: dict[str, str] = {}
    for name in element.scalars:
        plain = _COLOR_PREFIX.sub("", name.lower())
        by_name.setdefault(plain, name)
    found = [by_name[known[0]] for names in _CHANNELS if (known := [name for name in names if name in by_name])]
    if len(found) < len(_CHANNELS):
        return None
    return scaled_colors(np.stack([np.float64(element.scalars[name]) for name in found], -1), kinds[found[0]])


def _places(
    vertex: Rows, face: Rows | None, faces: np.ndarray, triangles: np.ndarray, sizes: np.ndarray
) -> np.ndarray | None:
    """Texture coordinates of the triangles' corners [T, 3, 2], NaN where a face has none; None where no face has."""
    lists = None if face is None else face.lists.get("texcoord")
    if lists is not None and len(lists.sizes) == len(sizes):
        whole = lists.sizes == 2 * sizes
        table = np.full((int(sizes.sum()), 2), np.nan, np.float32)
        with np.errstate(over="ignore"):
            table[whole.repeat(sizes)] = lists.values[whole.repeat(lists.sizes)].reshape(-1, 2)
        return table[triangles]
    for names in _PLACES:
        if set(names) <= vertex.scalars.keys():
            with np.errstate(over="ignore"):
                return np.stack([vertex.scalars[name] for name in names], -1).astype(np.float32)[faces]
    return None


def _textures(
    path: Path, comments: tuple[str, ...], face: Rows | None, owner: np.ndarray, uvs: np.ndarray | None, notes: Notes
) -> tuple[list[Material], np.ndarray]:
    """The textures that comments name, and which each triangle shows."""
    names = [comment.split(None, 1)[1] for comment in comments if re.match(r"TextureFile\s+\S", comment, re.IGNORECASE)]
    plain = [Material()], np.zeros(len(owner), np.int64)
    if uvs is None or not names:
        if names:
            notes.add("no texture coordinates for the textures that the file names, drawn without them")
        elif uvs is not None:
            notes.add("texture coordinates without the name of a texture, not used")
        return plain
    textures = Textures(path.parent, notes)
    numbers = None if face is None else face.scalars.get("texnumber")
    if numbers is None and len(names) > 1:
        notes.add(f"{len(names)} textures and no texnumber: the first is on all faces")
        names = names[:1]
    pictures = [textures.named(name) for name in names]
    number = np.zeros(len(owner), np.int64)
    if numbers is not None:
        number = np.clip(np.nan_to_num(numbers, nan=-1.0), -1, len(names)).astype(np.int64)[owner]
    known = (number >= 0) & (number < len(names)) & np.isfinite(uvs).all(axis=(1, 2))
    if not known.all():
        notes.add(f"{int((~known).sum())} faces have no texture or no place in it, drawn without one")
    materials = [Material((1.0, 1.0, 1.0), picture) for picture in pictures]
    return [Material(), *materials], np.where(known, number + 1, 0)
