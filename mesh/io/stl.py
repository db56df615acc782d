"""STL: triangles in binary, where a face's two spare bytes may hold its colour, or in text with several solids."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from editor3d.errors import DataError, first_line
from mesh.io.common.notes import Notes
from mesh.io.common.parts import check_size, colored_faces
from mesh.surface import GRAY, Surface

_HEADER = 84
_FACET = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("color", "<u2")])
_VERTEX = re.compile(rb"vertex\s+(\S+)\s+(\S+)\s+(\S+)", re.IGNORECASE)
_OWN = 0x8000


def read(path: Path, notes: Notes) -> list[Surface]:
    """The mesh of an STL file.

    Raises:
        DataError: it is cut short, or its numbers cannot be understood.
    """
    content = path.read_bytes()
    count = int.from_bytes(content[80:_HEADER], "little")
    whole = len(content) >= _HEADER and len(content) == _HEADER + count * _FACET.itemsize
    if not whole and content.lstrip()[:5].lower() == b"solid" and b"facet" in content[:4096].lower():
        return [_of_text(content, path)]
    if len(content) < _HEADER + count * _FACET.itemsize or len(content) < _HEADER:
        raise DataError(
            f"Expected the {count} faces that the header of {path} announces, found {max(0, len(content) - _HEADER)} "
            f"bytes after it: it is cut short, export it anew."
        )
    check_size(count, "faces", path)
    facets = np.frombuffer(content, _FACET, count, _HEADER)
    vertices = facets["corners"].reshape(-1, 3).astype(np.float64)
    faces = np.arange(3 * count, dtype=np.int64).reshape(-1, 3)
    colors = _colors(content[:80], facets["color"])
    return [Surface(vertices, faces) if colors is None else colored_faces(vertices, faces, colors)]


def _colors(header: bytes, spare: np.ndarray) -> np.ndarray | None:
    """sRGB of each face [F, 3], or None where the file has no colours.

    Materialise names a colour of the whole in the header; a face whose top bit is clear then has its own, red lowest.
    MeshLab writes the same with all top bits set.
    VisCAM and SolidView have no such header, set the top bit of faces with a colour, and put blue lowest.
    """
    low, middle, high = ((spare >> shift & 31) / np.float32(31.0) for shift in (0, 5, 10))
    whole = _named_color(header)
    if whole is not None:
        own = (spare & _OWN) == 0
        if not own.any() and (spare != spare[:1]).any():
            own[:] = True
        return np.where(own[:, None], np.stack([low, middle, high], -1), whole)
    own = (spare & _OWN) != 0
    if not own.any():
        return None
    return np.where(own[:, None], np.stack([high, middle, low], -1), np.float32(GRAY))


def _named_color(header: bytes) -> np.ndarray | None:
    """The colour of the whole that Materialise's header names, in 0..1 [3]."""
    for key in (b"COLOR=", b"MATERIAL="):  # of a material the first four bytes are its diffuse colour
        at = header.find(key)
        values = header[at + len(key) : at + len(key) + 3]
        if at >= 0 and len(values) == 3:
            return np.frombuffer(values, np.uint8) / np.float32(255.0)
    return None


def _of_text(content: bytes, path: Path) -> Surface:
    found = _VERTEX.findall(content)
    if len(found) % 3:
        raise DataError(f"Expected three vertices a face in {path}, found {len(found)} in all: export it anew.")
    check_size(len(found) // 3, "faces", path)
    try:
        vertices = np.array(found, np.float64).reshape(-1, 3)
    except ValueError as error:
        raise DataError(
            f"Expected numbers for the vertices in {path}, found something else ({first_line(error)})."
        ) from error
    return Surface(vertices, np.arange(len(vertices), dtype=np.int64).reshape(-1, 3))
