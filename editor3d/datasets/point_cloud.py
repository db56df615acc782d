"""Sparse points from a PLY file, as captures carry them.

Only the vertices are read. General readers of meshes would open the textures that a header names, too.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np

from editor3d.errors import DataError, first_line
from editor3d.safe_open import require_regular

_TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}
"""PLY's names of types, and numpy's."""
_BYTE_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": "="}
_COLOURS = (("red", "green", "blue"), ("r", "g", "b"), ("diffuse_red", "diffuse_green", "diffuse_blue"))
_LONGEST_HEADER = 1 << 16
_MOST_COORDINATE = 1e30


class _Damaged(Exception):
    """Says what is wrong with a file."""


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
    copies = (None if array is None else array.copy() for array in (found.places, found.colors))
    return SparsePoints(*copies, found.left_out)


@lru_cache(maxsize=2)  # a run looks at its data several times
def _read(path: Path, modified: int, size: int) -> SparsePoints:
    """`read_ply_points` of a file as it was written last."""
    try:
        with path.open("rb") as file:
            kind, count, names, layout = _read_header(file)
            table = (_text_rows if kind == "ascii" else _binary_rows)(file, count, layout, size)
    except (_Damaged, OSError) as error:
        raise DataError(f"{path} cannot be read as a PLY file of points ({error}): write the points anew.") from error
    if any(axis not in names for axis in "xyz"):
        raise DataError(f"{path} cannot be read as a PLY file of points: its vertices have no x, y and z.")
    places = np.stack([table[axis].astype(np.float64) for axis in "xyz"], axis=-1)
    channels = next((triple for triple in _COLOURS if all(name in names for name in triple)), None)
    colors = None if channels is None else _eight_bits([table[name] for name in channels])
    return with_places(places, colors, path)


def _read_header(file: io.BufferedReader) -> tuple[str, int, tuple[str, ...], np.dtype]:
    """The kind of content, how many vertices there are, and what each consists of. Leaves the file where they begin."""
    lines = _header_lines(file)
    if not lines or lines[0] != ["ply"]:
        raise _Damaged("it does not begin with ply")
    kind, elements = "", []
    for words in lines[1:]:
        if words[0] == "format" and len(words) > 1:
            kind = words[1]
        elif words[0] == "element":
            if len(words) != 3 or not words[2].isascii() or not words[2].isdigit() or len(words[2]) > 18:
                raise _Damaged("an element of its header has no number")
            elements.append((words[1], int(words[2]), []))
        elif words[0] == "property":
            if not elements:
                raise _Damaged("its header has a property of no element")
            elements[-1][2].append(words[1:])
    if kind not in _BYTE_ORDERS:
        raise _Damaged("its header names no format that is known")
    before = 0
    for name, count, properties in elements:
        if name == "vertex":
            layout = _layout(properties, _BYTE_ORDERS[kind])
            _step_over(file, kind, before)
            return kind, count, layout.names or (), layout
        # a list has a length of its own in every row: where it ends in a binary file only reading it tells
        if kind != "ascii" and count and any(words[:1] == ["list"] for words in properties):
            raise _Damaged("it has lists before its vertices")
        before += count * (1 if kind == "ascii" else _layout(properties, "<").itemsize if count else 0)
    raise _Damaged("its header names no vertices")


def _header_lines(file: io.BufferedReader) -> list[list[str]]:
    lines = []
    while file.tell() < _LONGEST_HEADER:
        line = file.readline(_LONGEST_HEADER)
        if not line:
            raise _Damaged("its header does not end")
        words = line.decode("latin-1").split()
        if words == ["end_header"]:
            return lines
        if words and words[0] not in ("comment", "obj_info"):
            lines.append(words)
    raise _Damaged("its header does not end")


def _layout(properties: list[list[str]], order: str) -> np.dtype:
    fields: dict[str, str] = {}
    for words in properties:
        if len(words) != 2 or words[0] not in _TYPES or words[1] in fields:
            raise _Damaged(f"its header has a property that is not read: {' '.join(words)[:60]!r}")
        fields[words[1]] = order + _TYPES[words[0]]
    return np.dtype(list(fields.items()))


def _step_over(file: io.BufferedReader, kind: str, count: int) -> None:
    """Step over `count` bytes, or lines of text."""
    if kind != "ascii":
        file.seek(count, io.SEEK_CUR)
        return
    for _ in range(count):
        if not file.readline():
            raise _Damaged("it ends before its vertices")


def _binary_rows(file: io.BufferedReader, count: int, layout: np.dtype, size: int) -> np.ndarray:
    if count * layout.itemsize > size - file.tell():
        raise _Damaged(f"it announces {count} vertices, more than its {size} bytes can hold")
    if layout.itemsize == 0:
        raise _Damaged("its vertices have no properties")
    content = file.read(count * layout.itemsize)
    if len(content) < count * layout.itemsize:
        raise _Damaged("it was cut short while it was read")
    return np.frombuffer(content, dtype=layout)


def _text_rows(file: io.BufferedReader, count: int, layout: np.dtype, size: int) -> np.ndarray:
    """Rows of text. What the header calls floats is read as float64: the digits are there."""
    names = layout.names or ()
    if not names or count * 2 * len(names) > size - file.tell() + 1:
        raise _Damaged(f"it announces {count} vertices, more than its {size} bytes can hold")
    lines = [line for line in islice(io.TextIOWrapper(file, encoding="latin-1"), count) if line.strip()]
    if len(lines) < count:
        raise _Damaged(f"it announces {count} vertices and has {len(lines)}")
    table = np.empty(count, dtype=[(name, layout[name] if layout[name].kind in "iu" else "f8") for name in names])
    if count == 0:
        return table
    try:
        rows = np.loadtxt(lines, dtype=np.float64, usecols=range(len(names)), ndmin=2, comments=None)
    except (ValueError, OverflowError) as error:
        raise _Damaged(first_line(error)) from error
    for at, name in enumerate(names):
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
