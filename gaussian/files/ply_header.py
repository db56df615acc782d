"""The header of a PLY file, and reading the rows of one of its elements: no more than the file's size allows."""

from __future__ import annotations

import io
import mmap
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
NAMES = {"i1": "char", "u1": "uchar", "i2": "short", "u2": "ushort", "i4": "int", "u4": "uint"}
NAMES |= {"f4": "float", "f8": "double"}
"""The types' names in a header, by numpy's codes."""
_BYTE_ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
MAX_HEADER = 1 << 16
_MAX_LISTS = 1 << 22
"""Rows with lists that are passed over one by one, seconds."""


@dataclass(frozen=True)
class Element:
    """`count` rows of named scalars; a list has the type 'list u1 i4': of its length, and its entries."""

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
    comments: tuple[str, ...] = ()
    """And lines of obj_info, byte for byte, each byte a character (latin-1)."""

    def element(self, name: str) -> Element | None:
        return next((element for element in self.elements if element.name == name), None)


def read_header(path: Path) -> PlyHeader:
    """
    Raises:
        DataError: not a PLY file, or a header that cannot be understood.
    """
    with path.open("rb") as file:
        start = file.read(MAX_HEADER)
    end = re.search(rb"^end_header[ \t]*\r?\n", start, re.MULTILINE)
    if not re.match(rb"ply[ \t]*\r?\n", start) or end is None:
        raise DataError(f"{path} is no PLY file: it does not begin with 'ply' and a header that ends in 'end_header'.")
    byte_order: str | None = None
    elements: list[Element] = []
    comments = re.findall(
        r"^(?:comment|obj_info)[ \t]+(.*?)[ \t\r]*$", start[: end.start()].decode("latin-1"), re.MULTILINE
    )
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
                elements[-1].properties[name] = f"list {_TYPES[count]} {_TYPES[kind]}"
            case _:
                raise DataError(f"{path}: the line {line[:80].strip()!r} of the PLY header cannot be understood.")
    if byte_order is None:
        raise DataError(f"{path}: the PLY header lacks its 'format' line.")
    return PlyHeader(path, byte_order, tuple(elements), end.end(), tuple(comments))


def read_rows(header: PlyHeader, element: Element) -> np.ndarray:
    """All rows of an element as a structured array [count] with the file's types.

    Raises:
        DataError: no rows, fewer than the header claims, or one that cannot be understood.
    """
    path = header.path
    if element.count == 0:
        raise DataError(f"{path} holds no Gaussians: there are no rows of '{element.name}'.")
    if has_list(element):
        raise DataError(f"{path}: lists are not expected in '{element.name}' in a file of splats.")
    before = header.elements[: header.elements.index(element)]
    available = path.stat().st_size - header.size
    kinds = _row_type(header, element)
    if header.byte_order:
        skipped = _bytes_of(header, before, available)
        needed = skipped + element.count * kinds.itemsize
    else:
        skipped = sum(other.count for other in before)
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


def _bytes_of(header: PlyHeader, elements: tuple[Element, ...], available: int) -> int:
    """The bytes that some elements take up at the beginning of a binary file; lists are walked through."""
    elements = tuple(element for element in elements if element.count)
    if not any(map(has_list, elements)):
        return sum(element.count * _row_type(header, element).itemsize for element in elements)
    walked = sum(element.count for element in elements if has_list(element))
    if walked > min(available, _MAX_LISTS):
        raise DataError(
            f"{header.path} has {walked} rows with lists before its Gaussians, of which at most "
            f"{min(available, _MAX_LISTS)} are passed over: write it anew without them."
        )
    with header.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        place = header.size
        for element in elements:
            if not has_list(element):
                place += element.count * _row_type(header, element).itemsize
                continue
            kinds = [kind.split() for kind in element.properties.values()]
            for _ in range(element.count):
                for kind in kinds:
                    place += _item_size(header, data, place, kind)
            if place > header.size + available:
                break
    return place - header.size


def _item_size(header: PlyHeader, data: mmap.mmap, place: int, kind: list[str]) -> int:
    """Bytes of one value, or of one list with its count."""
    if len(kind) == 1:
        return int(kind[0][1])
    head = int(kind[1][1])
    if place + head > len(data):
        raise DataError(f"{header.path} is cut short: a list's length lies beyond its end.")
    count = np.frombuffer(data[place : place + head], header.byte_order + kind[1])[0]
    if not 0 <= count < 2**31:  # a float may be anything
        raise DataError(f"{header.path} is damaged: it has a list of {count} entries.")
    return head + int(count) * int(kind[2][1])


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


def has_list(element: Element) -> bool:
    """Whether a property of an element is a list."""
    return any(kind.startswith("list") for kind in element.properties.values())
