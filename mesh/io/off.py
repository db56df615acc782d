"""OFF: polygons with colours of vertices (COFF) or of faces, and texture coordinates that name no texture."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from editor3d.errors import DataError, first_line
from mesh.io.common.notes import Notes
from mesh.io.common.parts import check_size, colored_faces, existing, scaled_colors
from mesh.io.common.polygons import triangulated
from mesh.io.common.text import lines_of, table_of, text_of
from mesh.surface import GRAY, Surface

_HEADER = re.compile(r"^((?:ST|C|N|4|n)*)OFF\b\s*(BINARY)?")


def read(path: Path, notes: Notes) -> list[Surface]:
    """The mesh of an OFF file.

    Raises:
        DataError: it is damaged, cut short, or of a kind that is not read.
    """
    lines = [line.split("#")[0].strip() for line in lines_of(text_of(path.read_bytes()))]
    lines = [line for line in lines if line]
    header = _HEADER.match(lines[0]) if lines else None
    layout = header.group(1) if header else ""
    if header:
        if "4" in layout or "n" in layout or header.group(2):
            raise DataError(f"Expected OFF as text in three dimensions in {path}, got {lines[0][:20]!r}: convert it.")
        if "ST" in layout:
            notes.add("texture coordinates without the name of a texture, not used")
        rest = lines[0][header.end() :].strip()
        lines = ([rest] if rest else []) + lines[1:]
    try:
        counts = [int(word) for word in lines[0].split()[:2]] if lines else []
        if len(counts) < 2 or min(counts) < 0 or sum(counts) > len(lines) - 1:
            raise ValueError(f"it announces {counts} vertices and faces and has {len(lines)} lines")
        check_size(counts[0], "vertices", path)
        check_size(counts[1], "faces", path)
        return [_surface(lines[1 : 1 + counts[0]], lines[1 + counts[0] :][: counts[1]], layout, path, notes)]
    except (ValueError, OverflowError) as error:
        raise DataError(
            f"Expected a readable mesh at {path}, found it damaged ({first_line(error)}): export it anew."
        ) from error


def _surface(points: list[str], polygons: list[str], layout: str, path: Path, notes: Notes) -> Surface:
    """The mesh of the lines of its vertices and of its faces; `layout` is what stands before OFF in the first line."""
    rows = [line.split() for line in points]
    vertices = table_of([row[:3] for row in rows], 3)
    # Normals stand before colours but for files of MeshLab, whose layout then is NC.
    first = 6 if "N" in layout and "NC" not in layout else 3
    colors = None
    if rows and ("C" in layout or "N" not in layout) and all(len(row) >= first + 3 for row in rows):
        colors = _scaled([row[first : first + 3] for row in rows])
    words = [line.split() for line in polygons]
    sizes = np.array([int(row[0]) for row in words], np.int64)
    if any(size < 0 or size >= len(row) for size, row in zip(sizes.tolist(), words, strict=True)):
        raise ValueError("a face has fewer vertices than it announces")
    corners = np.array([word for row in words for word in row[1 : 1 + int(row[0])]], np.int64)
    keep_corners, keep = existing(corners, sizes, len(vertices), notes)
    triangles, owner = triangulated(vertices, corners[keep_corners], sizes[keep])
    check_size(len(triangles), "faces", path)
    owner, faces = np.flatnonzero(keep)[owner], corners[keep_corners][triangles]
    behind = [row[1 + int(row[0]) :] for row in words]
    if colors is None and any(len(row) >= 3 for row in behind):
        blank = [str(GRAY)] * 3
        return colored_faces(vertices, faces, _scaled([row[:3] if len(row) >= 3 else blank for row in behind])[owner])
    if any(len(row) == 1 for row in behind):
        notes.add("faces' colours that are numbers of a colour map not drawn")
    return Surface(vertices, faces, colors)


def _scaled(words: list[list[str]]) -> np.ndarray:
    """Colours [N, 3]: whole numbers of 255, or with a point of 1."""
    whole = not any("." in word for row in words for word in row)
    values = table_of(words, 3)
    return scaled_colors(values, np.dtype(np.int64 if whole else np.float64))
