"""The header of a PLY file: which elements follow, with which properties, and how many bytes they need at least.

Points of captures, meshes and splats come as PLY, and their readers share this header. Nothing here reads a row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MAX_HEADER = 1 << 16
"""Bytes of the longest header that is read."""
NAMES = {
    "i1": "char",
    "u1": "uchar",
    "i2": "short",
    "u2": "ushort",
    "i4": "int",
    "u4": "uint",
    "f4": "float",
    "f8": "double",
}
"""The types' names in a header, by numpy's codes."""
_CODES = {name: code for code, name in NAMES.items()} | {
    **{f"int{8 * size}": f"i{size}" for size in (1, 2, 4)},
    **{f"uint{8 * size}": f"u{size}" for size in (1, 2, 4)},
    **{f"float{8 * size}": f"f{size}" for size in (4, 8)},
}
_BYTE_ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
_START = re.compile(rb"ply[ \t]*(\r\n|\r|\n)")
_END = {
    b"\r": re.compile(rb"\rend_header[ \t]*\r"),
    b"\n": re.compile(rb"\nend_header[ \t]*\r?\n"),
}
"""By how the first line ends: behind an old Mac's header a line feed is the first byte of the rows."""


@dataclass(frozen=True)
class Property:
    """One value a row, or a list of them behind their count."""

    name: str
    code: str
    """numpy's two letters without byte order, such as 'f4'."""
    count_code: str | None = None
    """Of the count, where it is a list."""

    @property
    def kind(self) -> np.dtype:
        return np.dtype(self.code)

    @property
    def counted(self) -> np.dtype | None:
        return None if self.count_code is None else np.dtype(self.count_code)


@dataclass(frozen=True)
class Element:
    """`count` rows of named values."""

    name: str
    count: int
    properties: dict[str, Property]
    """By name, in the order of the file."""

    @property
    def has_lists(self) -> bool:
        return any(found.counted is not None for found in self.properties.values())

    def codes(self) -> dict[str, str]:
        """Types by name of those that are no lists."""
        return {name: found.code for name, found in self.properties.items() if found.count_code is None}

    def row_type(self, byte_order: str) -> np.dtype:
        """A row of a binary file, or of a text file as numpy's native numbers; the element has no lists."""
        return np.dtype([(name, byte_order + code) for name, code in self.codes().items()])

    def least_bytes(self, binary: bool) -> int:
        """Bytes that all rows need at least: with empty lists in a binary file; in a text a digit and a blank a value,
        but no blank at its end."""
        if not binary:
            return max(2 * self.count * max(len(self.properties), 1) - 1, 0)
        return self.count * sum((found.counted or found.kind).itemsize for found in self.properties.values())


@dataclass(frozen=True)
class PlyHeader:
    """What the rows of a file are."""

    byte_order: str
    """'<', '>', or '' for a text file."""
    elements: tuple[Element, ...]
    size: int
    """Bytes up to the first row."""
    comments: tuple[str, ...] = ()
    """And lines of obj_info, byte for byte, each byte a character (latin-1)."""

    def element(self, name: str) -> Element | None:
        """The first element of a name."""
        return next((element for element in self.elements if element.name == name), None)


def read_header(path: Path) -> PlyHeader:
    """The header of a file, of which no more than `MAX_HEADER` bytes are read.

    Raises:
        ValueError: as `parse_header`.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return parse_header(file.read(MAX_HEADER))


def parse_header(content: bytes) -> PlyHeader:
    """The header of a file that begins with `content`; lines end as on Unix, Windows or an old Mac.

    Raises:
        ValueError: it has none, or one that cannot be understood; the text is a clause that says which.
    """
    content = content[:MAX_HEADER]
    start = _START.match(content)
    line_end = b"\r" if start and start[1] == b"\r" else b"\n"
    end = start and _END[line_end].search(content, start.end() - 1)
    if not start or not end:
        raise ValueError("it does not begin with 'ply' and a header that ends in 'end_header'")
    byte_order: str | None = None
    elements: list[Element] = []
    comments: list[str] = []
    for line in content[start.end() : end.start()].split(line_end):
        line = line.strip()
        match [word.decode("latin-1") for word in line.split()]:
            case [] | ["comment" | "obj_info"]:
                pass
            case ["comment" | "obj_info", *_]:
                comments.append(line.split(None, 1)[1].decode("latin-1"))
            case ["format", name, _] if name in _BYTE_ORDERS and byte_order is None:
                byte_order = _BYTE_ORDERS[name]
            case ["element", name, count] if re.fullmatch("[0-9]{1,18}", count):
                elements.append(Element(name, int(count), {}))
            case ["property", *_, name] if elements and name in elements[-1].properties:
                raise ValueError(f"the property {name[:40]!r} of its element {elements[-1].name[:40]!r} is there twice")
            case ["property", kind, name] if kind in _CODES and elements:
                elements[-1].properties[name] = Property(name, _CODES[kind])
            case ["property", "list", count, kind, name] if {count, kind} <= _CODES.keys() and elements:
                elements[-1].properties[name] = Property(name, _CODES[kind], _CODES[count])
            case _:
                message = line[:80].decode("latin-1")
                raise ValueError(f"the line {message!r} of its header cannot be understood")
    if byte_order is None:
        raise ValueError("its header lacks the 'format' line")
    return PlyHeader(byte_order, tuple(elements), end.end(), tuple(comments))
