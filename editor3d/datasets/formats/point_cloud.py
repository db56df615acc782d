"""Sparse points from a PLY file, as captures carry them.

Only the vertices are read. General readers of meshes would open the textures that a header names, too.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np

from editor3d.datasets.formats.ply_header import Element, PlyHeader, read_header
from editor3d.errors import DataError, first_line
from editor3d.files.safe_open import require_regular

_COLOURS = (("red", "green", "blue"), ("r", "g", "b"), ("diffuse_red", "diffuse_green", "diffuse_blue"))
_MOST_COORDINATE = 1e30


@dataclass(frozen=True)
class SparsePoints:
    """Points of a capture, in the frame of its poses."""

    places: np.ndarray | None
    """[N, 3] float64; None where there are none."""
    colors: np.ndarray | None
    """[N, 3] uint8; None where there are no colours."""
    left_out: int = 0
    """How many were left out because they have no place (NaN or infinite)."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of them."""
        return (f"{self.left_out} points without a place left out",) if self.left_out else ()


def with_places(places: np.ndarray, colors: np.ndarray | None, path: Path) -> SparsePoints:
    """The points that have a place.

    Args:
        places: [N, 3].
        colors: [N, 3] uint8, or None.
        path: where they come from, for messages.

    Raises:
        DataError: there are points, but none has a place.
    """
    if len(places) == 0:
        return SparsePoints(None, None)
    # NaN compares as false
    good = (np.abs(places) <= _MOST_COORDINATE).all(axis=1)
    if not good.any():
        raise DataError(f"{path} has points with NaN or infinite coordinates alone: write the points anew.")
    kept = places[good].astype(np.float64)
    return SparsePoints(kept, None if colors is None else colors[good], int(len(good) - good.sum()))


def read_ply_points(path: Path) -> SparsePoints:
    """Read the vertices of a PLY file, text or binary, with their colours if they have any.

    Raises:
        DataError: the file is missing, no ordinary one, or damaged; or no point of it has a place.
    """
    if not path.exists():
        raise DataError(f"The sparse points {path} are missing: put the file there, or take ply_file_path out.")
    require_regular(path)
    status = path.stat()
    found = _read(path, status.st_mtime_ns, status.st_size)
    places, colors = (None if array is None else array.copy() for array in (found.places, found.colors))
    return SparsePoints(places, colors, found.left_out)


@lru_cache(maxsize=2)  # a run looks at its data several times
def _read(path: Path, modified: int, size: int) -> SparsePoints:
    """`read_ply_points` of a file as it was written last."""
    try:
        header = read_header(path)
        vertices = _vertices(header)
        names = vertices.codes()
        if any(axis not in names for axis in "xyz"):
            raise ValueError("its vertices have no x, y and z")
        with path.open("rb") as file:
            file.seek(header.size)
            table = (_binary_rows if header.byte_order else _text_rows)(file, header, vertices, size - header.size)
    except (ValueError, OSError) as error:
        raise DataError(f"{path} cannot be read as a PLY file of points ({error}): write the points anew.") from error
    places = np.stack([table[axis].astype(np.float64) for axis in "xyz"], axis=-1)
    channels = next((triple for triple in _COLOURS if all(name in names for name in triple)), None)
    colors = None if channels is None else _eight_bits([table[name] for name in channels])
    return with_places(places, colors, path)


def _vertices(header: PlyHeader) -> Element:
    """
    Raises:
        ValueError: there are none, or lists stand among them.
    """
    vertices = header.element("vertex")
    if vertices is None:
        raise ValueError("its header names no vertices")
    if vertices.has_lists:
        raise ValueError("its vertices have lists")
    return vertices


def _binary_rows(file: BinaryIO, header: PlyHeader, vertices: Element, available: int) -> np.ndarray:
    """The vertices' rows [N], of a file that stands where the first element begins, `available` bytes before its end.

    Raises:
        ValueError: they are cut short, or behind lists.
    """
    before = [element for element in header.elements[: header.elements.index(vertices)] if element.count]
    # A list has a length of its own in every row: where it ends only reading it tells.
    if vertices.count and any(element.has_lists for element in before):
        raise ValueError("it has lists before its vertices")
    skipped, needed = (sum(element.least_bytes(binary=True) for element in each) for each in (before, [vertices]))
    if skipped + needed > available:
        raise ValueError(f"it announces {vertices.count} vertices, more than its {available} bytes can hold")
    file.seek(skipped, io.SEEK_CUR)
    content = file.read(needed)
    if len(content) < needed:
        raise ValueError("it was cut short while it was read")
    return np.frombuffer(content, vertices.row_type(header.byte_order))


def _text_rows(file: BinaryIO, header: PlyHeader, vertices: Element, available: int) -> np.ndarray:
    """`_binary_rows` of text. What the header calls floats is read as float64: the digits are there.

    Raises:
        ValueError: they are cut short, or something else than numbers.
    """
    count = vertices.count
    skipped = sum(element.count for element in header.elements[: header.elements.index(vertices)])
    if 2 * skipped + vertices.least_bytes(binary=False) > available + 1:
        raise ValueError(f"it announces {count} vertices, more than its {available} bytes can hold")
    text = io.TextIOWrapper(file, encoding="latin-1")
    lines = [line for line in islice(text, skipped, skipped + count) if line.strip()]
    if len(lines) < count:
        raise ValueError(f"it announces {count} vertices and has {len(lines)}")
    codes = vertices.codes()
    table = np.empty(count, [(name, code if code[0] in "iu" else "f8") for name, code in codes.items()])
    if count == 0:
        return table
    try:
        rows = np.loadtxt(lines, dtype=np.float64, usecols=range(len(codes)), ndmin=2, comments=None)
    except (ValueError, OverflowError) as error:
        raise ValueError(first_line(error)) from error
    for at, name in enumerate(codes):
        column, kind = rows[:, at], table.dtype[name]
        if kind.kind in "iu":
            limits = np.iinfo(kind)
            column = np.nan_to_num(column, nan=0.0).clip(limits.min, limits.max)
        table[name] = column
    return table


def _eight_bits(channels: list[np.ndarray]) -> np.ndarray:
    """Colours [N, C] uint8 of their channels [N]: floats are in 0..1 (or 0..255, where one of any channel is above 1),
    16-bit numbers in 0..65535."""
    values = np.nan_to_num(np.stack([channel.astype(np.float64) for channel in channels], axis=-1), nan=0.0)
    floats = np.array([channel.dtype.kind == "f" for channel in channels])
    wide = np.array([channel.dtype.kind in "iu" and channel.dtype.itemsize == 2 for channel in channels])
    if values[:, floats].max(initial=0.0) <= 1:
        values[:, floats] *= 255
    values[:, wide] /= 257
    return np.rint(values.clip(0, 255)).astype(np.uint8)
