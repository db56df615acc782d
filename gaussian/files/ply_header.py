"""The header of a PLY file, and reading the rows of one of its elements: no more than the file's size allows."""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from editor3d.errors import DataError

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
_BYTE_ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
_MAX_HEADER = 1 << 16


@dataclass(frozen=True)
class Element:
    """`count` rows of named scalars; a property that is a list has the type 'list'."""

    name: str
    count: int
    properties: dict[str, str]
    """Type by name, numpy's two-letter code without byte order, in the order of the file."""


@dataclass(frozen=True)
class PlyHeader:
    path: Path
    byte_order: str
    """'<', '>', or '' for a text file."""
    elements: tuple[Element, ...]
    size: int
    """Bytes up to the first row."""

    def element(self, name: str) -> Element | None:
        return next((element for element in self.elements if element.name == name), None)


def read_header(path: Path) -> PlyHeader:
    """
    Raises:
        DataError: not a PLY file, or a header that cannot be understood.
    """
    with path.open("rb") as file:
        start = file.read(_MAX_HEADER)
    end = re.search(rb"^end_header[ \t]*\r?\n", start, re.MULTILINE)
    if not re.match(rb"ply[ \t]*\r?\n", start) or end is None:
        raise DataError(f"{path} is no PLY file: it does not begin with 'ply' and a header that ends in 'end_header'.")
    byte_order: str | None = None
    elements: list[Element] = []
    for line in start[: end.start()].decode("latin-1").split("\n")[1:]:
        match line.split():
            case [] | ["comment" | "obj_info", *_]:
                pass
            case ["format", name, "1.0"] if name in _BYTE_ORDERS and byte_order is None:
                byte_order = _BYTE_ORDERS[name]
            case ["element", name, count] if re.fullmatch("[0-9]{1,18}", count):
                elements.append(Element(name, int(count), {}))
            case ["property", kind, name] if kind in _TYPES and elements and name not in elements[-1].properties:
                elements[-1].properties[name] = _TYPES[kind]
            case ["property", "list", count, kind, name] if (
                {count, kind} <= _TYPES.keys() and elements and name not in elements[-1].properties
            ):
                elements[-1].properties[name] = "list"
            case _:
                raise DataError(f"{path}: the line {line[:80].strip()!r} of the PLY header cannot be understood.")
    if byte_order is None:
        raise DataError(f"{path}: the PLY header lacks its 'format' line.")
    return PlyHeader(path, byte_order, tuple(elements), end.end())


def read_rows(header: PlyHeader, element: Element) -> np.ndarray:
    """All rows of an element as a structured array [count] with the file's types.

    Raises:
        DataError: no rows, fewer than the header claims, or one that cannot be understood.
    """
    path = header.path
    if element.count == 0:
        raise DataError(f"{path} holds no Gaussians: there are no rows of '{element.name}'.")
    before = header.elements[: header.elements.index(element)]
    if _has_list(element) or (header.byte_order and any(_has_list(other) for other in before)):
        raise DataError(f"{path}: lists are not expected in or before '{element.name}' in a file of splats.")
    available = path.stat().st_size - header.size
    if header.byte_order:
        kinds = _row_type(header, element)
        skipped = sum(other.count * _row_type(header, other).itemsize for other in before)
        needed = skipped + element.count * kinds.itemsize
    else:
        kinds, skipped = _row_type(header, element), sum(other.count for other in before)
        needed = 2 * (skipped + element.count * len(element.properties)) - 1  # a digit and a blank each
    if needed > available:
        raise DataError(
            f"{path} is cut short or its header is wrong: it announces {element.count} rows of '{element.name}', "
            f"for which it needs at least {needed} bytes after the header, but has {available}."
        )
    with path.open("rb") as file:
        if header.byte_order:
            file.seek(header.size + skipped)
            rows = np.fromfile(file, kinds, element.count)
        else:
            file.seek(header.size)
            rows = _text_rows(header, element, file, skipped)
    if len(rows) != element.count:
        raise DataError(f"{path}: {element.count} rows of '{element.name}' were announced, {len(rows)} came.")
    return rows


def _text_rows(header: PlyHeader, element: Element, file: io.BufferedReader, skipped: int) -> np.ndarray:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # no rows at all: the caller counts
            warnings.simplefilter("ignore", DeprecationWarning)  # "1.0" for an integer
            return np.loadtxt(
                io.TextIOWrapper(file, "latin-1"),
                _row_type(header, element),
                comments=None,
                skiprows=skipped,
                max_rows=element.count,
                ndmin=1,
            )
    except (ValueError, OverflowError) as error:
        raise DataError(f"{header.path}: a row of '{element.name}' cannot be understood ({error}).") from error


def _row_type(header: PlyHeader, element: Element) -> np.dtype:
    return np.dtype([(name, (header.byte_order or "<") + kind) for name, kind in element.properties.items()])


def _has_list(element: Element) -> bool:
    return "list" in element.properties.values()
