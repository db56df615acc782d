"""Wavefront OBJ: polygons, colours of vertices, and materials with textures from libraries beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from editor3d.errors import DataError, first_line
from editor3d.files.safe_open import require_inside, require_regular
from mesh.io.common.beside import find_beside
from mesh.io.common.notes import Notes, quoted
from mesh.io.common.parts import check_size, dressed, existing, scaled_colors
from mesh.io.common.polygons import triangulated
from mesh.io.common.text import lines_of, numbers_of, table_of, text_of
from mesh.io.common.textures import Textures
from mesh.io.mtl import Map, ObjMaterial, look_of, read_library, without_comment
from mesh.surface import Material, Surface

_AT_ONCE = 1 << 16
"""Lines whose words are in memory at a time."""
_RELATIVE = re.compile(r"-(\d+)")
_WRITTEN_ALIKE = tuple(
    (re.compile(rf"(?:{corner}\s++)++", re.ASCII), columns, place)
    for corner, columns, place in (
        (r"\d{1,15}+", 1, 0),
        (r"\d{1,15}+/\d{1,15}+", 2, 1),
        (r"\d{1,15}+//\d{1,15}+", 2, 0),
        (r"\d{1,15}+/\d{1,15}+/\d{1,15}+", 3, 1),
    )
)
"""Lines whose corners are written alike: the pattern, the numbers of a corner, and which is the texture's."""
_CURVED = ("curv", "curv2", "surf")


@dataclass
class _Lines:
    """The lines of an OBJ file by what they are."""

    vertices: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    faces: list[str] = field(default_factory=list)
    uses: list[tuple[int, str]] = field(default_factory=list)
    """The face at which a material begins to hold."""
    libraries: list[str] = field(default_factory=list)


def read(path: Path, notes: Notes) -> list[Surface]:
    """The mesh of an OBJ file.

    Raises:
        DataError: its numbers cannot be understood, or there are too many.
    """
    lines = _sorted_lines(text_of(path.read_bytes()), notes)
    check_size(len(lines.vertices), "vertices", path)
    check_size(len(lines.faces), "faces", path)
    try:
        table = _table(lines.vertices, 7)
        places = np.nan_to_num(_table(lines.places, 2))
        corners, at_places, sizes = _polygons(lines.faces)
    except (ValueError, OverflowError) as error:
        raise DataError(
            f"Expected numbers in the lines of {path}, found something else ({first_line(error)})."
        ) from error
    keep_corners, keep = existing(corners, sizes, len(table), notes)
    corners, at_places, sizes = corners[keep_corners], at_places[keep_corners], sizes[keep]
    vertices = np.ascontiguousarray(table[:, :3])
    triangles, owner = triangulated(vertices, corners, sizes)
    check_size(len(triangles), "faces", path)
    at_places = np.where((at_places >= 0) & (at_places < len(places)), at_places, -1)[triangles]
    placed = (at_places >= 0).all(axis=1)
    uvs = np.zeros((len(triangles), 3, 2), np.float32)
    if placed.any():
        with np.errstate(over="ignore"):
            uvs[placed] = places[at_places[placed]]
    names = _names_of_faces(lines, len(lines.faces))[np.flatnonzero(keep)[owner]]
    materials, which, uvs = _materials(path, lines, names, placed, uvs, notes)
    return [dressed(vertices, corners[triangles], materials, which, uvs, _vertex_colors(table))]


def _sorted_lines(text: str, notes: Notes) -> _Lines:
    found = _Lines()
    for line in lines_of(text):
        words = line.split(None, 1)
        if len(words) < 2:
            continue
        kind, rest = words
        if kind == "v":
            found.vertices.append(rest)
        elif kind == "f":
            if "-" in rest:  # counted back from the vertices so far
                rest = _counted(rest, len(found.vertices), len(found.places))
            found.faces.append(rest)
        elif kind == "vt":
            found.places.append(rest)
        elif kind == "usemtl":
            found.uses.append((len(found.faces), rest.strip()))
        elif kind == "mtllib":
            found.libraries.append(rest.strip())
        elif kind in ("l", "p"):
            notes.add("lines and points dropped")
        elif kind in _CURVED:
            notes.add("curves and curved surfaces dropped")
    return found


def _counted(rest: str, vertices: int, places: int) -> str:
    """A face's line with relative numbers as absolute ones; normals are not read."""

    def corner(word: str) -> str:
        parts = word.split("/")
        for index, count in zip(range(len(parts)), (vertices, places), strict=False):
            if _RELATIVE.fullmatch(parts[index]):
                absolute = count + 1 + int(parts[index])
                parts[index] = str(absolute if absolute > 0 else 0)
        return "/".join(parts[:2])

    return " ".join(corner(word) for word in rest.split("#")[0].split())


def _words(line: str) -> list[str]:
    return line.split("#")[0].split()


def _table(lines: list[str], width: int) -> np.ndarray:
    """The first numbers of lines: [N, width] float64; NaN where a line is shorter."""
    parts = [_part_of_table(lines[start : start + _AT_ONCE], width) for start in range(0, len(lines), _AT_ONCE)]
    return np.concatenate(parts) if parts else np.zeros((0, width))


def _part_of_table(lines: list[str], width: int) -> np.ndarray:
    lengths = {len(line.split()) for line in lines}
    if len(lengths) > 1 or any("#" in line for line in lines):
        return table_of([_words(line)[:width] for line in lines], width)
    found = numbers_of(" ".join(lines)).reshape(len(lines), -1)[:, :width]
    return np.pad(found, ((0, 0), (0, width - found.shape[1])), constant_values=np.nan)


def _polygons(lines: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of faces' lines: vertices and texture places of all corners, from 0, -1 for none [C]; corners of each [P]."""
    parts = [_some_polygons(lines[start : start + _AT_ONCE]) for start in range(0, len(lines), _AT_ONCE)]
    none = np.zeros(0, np.int64)
    vertices, places, sizes = (np.concatenate([none, *(part[at] for part in parts)]) for at in range(3))
    return vertices, places, sizes


def _some_polygons(lines: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    text = " ".join(lines) + " "
    for pattern, columns, place in _WRITTEN_ALIKE:
        if pattern.fullmatch(text):  # the usual case, ten times as fast as word by word
            numbers = numbers_of(text.replace("/", " ")).reshape(-1, columns)
            sizes = np.array([len(line.split()) for line in lines], np.int64)
            places = numbers[:, place] - 1 if place else np.full(len(numbers), -1.0)
            return (numbers[:, 0] - 1).astype(np.int64), places.astype(np.int64), sizes
    rows = [_words(line) for line in lines]
    sizes = np.array([len(row) for row in rows], np.int64)
    words = [word.split("/") for row in rows for word in row]
    vertices = np.array([word[0] for word in words], np.int64) - 1
    places = np.array([word[1] if len(word) > 1 and word[1] else 0 for word in words], np.int64) - 1
    return vertices, places, sizes


def _vertex_colors(table: np.ndarray) -> np.ndarray | None:
    """What stands behind the coordinates: `x y z r g b`, or with a weight before; vertices without are white."""
    weighted = np.isfinite(table[:, 6])
    colors = np.where(weighted[:, None], table[:, 4:7], table[:, 3:6])
    colored = np.isfinite(colors).all(axis=1)
    if not colored.any():
        return None
    return scaled_colors(np.where(colored[:, None], colors, 1.0), np.dtype(np.float64))


def _names_of_faces(lines: _Lines, count: int) -> np.ndarray:
    """Into `lines.uses`, the material of each face [count]; -1 before the first."""
    starts = np.array([at for at, _ in lines.uses], np.int64)
    return np.searchsorted(starts, np.arange(count), side="right") - 1


def _materials(
    path: Path, lines: _Lines, uses: np.ndarray, placed: np.ndarray, uvs: np.ndarray, notes: Notes
) -> tuple[list[Material], np.ndarray, np.ndarray]:
    """The materials, which one each triangle has [T], and the triangles' places in its texture [T, 3, 2]."""
    defined = _libraries(path, lines.libraries, notes) if lines.libraries or lines.uses else {}
    names = [name if name in defined else without_comment(name) or name for _, name in lines.uses]
    if not names and defined:
        first = next(iter(defined))
        notes.add(f"no face names a material: all have {quoted(first)}, the library's first")
        names, uses = [first], np.zeros_like(uses)
    textures = Textures(path.parent, notes)
    materials, which = [Material()], np.zeros(len(uses), np.int64)
    distinct = list(dict.fromkeys(names))
    index_of = {name: index for index, name in enumerate(distinct)}
    of_face = np.append(np.array([index_of[name] for name in names], np.int64), -1)[uses]
    for index, name in enumerate(distinct):
        mine = np.flatnonzero(of_face == index)
        if not len(mine):
            continue
        if name not in defined:
            if defined or not lines.libraries:
                notes.add(f"material {quoted(name)} is not defined, drawn gray")
            continue
        material, where = look_of(name, defined[name], textures, path.parent, notes)
        which[mine] = len(materials)
        materials.append(material)
        if where is None:
            continue
        uvs[mine] = _moved(uvs[mine], where)
        bare = mine[~placed[mine]]
        if len(bare):
            notes.add(f"{len(bare)} faces of material {quoted(name)} have no texture coordinates, drawn without it")
            which[bare] = len(materials)
            materials.append(Material(defined[name].color or (1.0, 1.0, 1.0)))
    return materials, which, uvs


def _moved(uvs: np.ndarray, where: Map) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        return (uvs * np.asarray(where.scale, np.float32) + np.asarray(where.offset, np.float32)).astype(np.float32)


def _libraries(path: Path, lines: list[str], notes: Notes) -> dict[str, ObjMaterial]:
    """The materials of all libraries that an OBJ names; the first definition of a name holds."""
    defined: dict[str, ObjMaterial] = {}
    for line in dict.fromkeys(lines):
        whole = find_beside(line, path.parent)
        for name in [line] if whole is not None else line.split():
            library = find_beside(name, path.parent)
            if library is None and path.with_suffix(".mtl").is_file():
                library = path.with_suffix(".mtl")
                notes.add(f"material library {quoted(name)} not found, {quoted(library.name)} read instead")
            found = _library(library, name, path.parent, notes)
            for key, material in found.items():
                defined.setdefault(key, material)
    return defined


def _library(library: Path | None, name: str, folder: Path, notes: Notes) -> dict[str, ObjMaterial]:
    if library is None:
        notes.add(f"material library {quoted(name)} not found, drawn gray where it holds")
        return {}
    try:
        return read_library(require_regular(require_inside(library, folder)), notes)
    except (OSError, DataError):
        notes.add(f"material library {quoted(name)} cannot be read, drawn gray where it holds")
        return {}
