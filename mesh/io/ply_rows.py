"""The rows of a PLY file: every element of its header, text or binary, lists included."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from mesh.io.text import numbers_of

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
_ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
_MAX_HEADER = 1 << 16


@dataclass(frozen=True)
class Property:
    """One value a row, or a list of them behind their count."""

    name: str
    kind: np.dtype
    counted: np.dtype | None = None
    """Of the count, where it is a list."""


@dataclass(frozen=True)
class Lists:
    """A list a row."""

    values: np.ndarray
    """All rows' one after the other [C]."""
    sizes: np.ndarray
    """[N] int64."""


@dataclass
class Element:
    """The rows of one kind."""

    name: str
    count: int
    properties: list[Property] = field(default_factory=list)
    scalars: dict[str, np.ndarray] = field(default_factory=dict)
    """[N] by name."""
    lists: dict[str, Lists] = field(default_factory=dict)


@dataclass(frozen=True)
class Ply:
    """What is in a PLY file."""

    elements: dict[str, Element]
    comments: tuple[str, ...]


def read_ply(content: bytes) -> Ply:
    """All elements of a PLY file; the first of each name.

    Raises:
        ValueError: the header cannot be understood, or the rows are cut short; the text says which.
    """
    start = content[:_MAX_HEADER]
    end = re.search(rb"^end_header[ \t]*(\r\n|\r|\n)", start, re.MULTILINE | re.ASCII) or re.search(
        rb"[\r\n]end_header[ \t]*(\r\n|\r|\n)", start
    )
    if not start.startswith(b"ply") or end is None:
        raise ValueError("it does not begin with 'ply' and a header that ends in 'end_header'")
    order, elements, comments = _header(re.split(r"\r\n|\r|\n", start[: end.start()].decode("utf-8", "replace"))[1:])
    body = memoryview(content)[end.end() :]
    for element in elements:
        _check_length(element, len(body), order != "")
    if order:
        _read_binary(elements, body, order)
    else:
        _read_text(elements, numbers_of(bytes(body)))
    return Ply({element.name: element for element in reversed(elements)}, tuple(comments))


def _header(lines: list[str]) -> tuple[str, list[Element], list[str]]:
    order, elements, comments = None, [], []
    for line in lines:
        match line.split():
            case []:
                pass
            case ["comment" | "obj_info", *_]:
                comments.append(line.split(None, 1)[1].strip() if len(line.split()) > 1 else "")
            case ["format", name, _] if name in _ORDERS:
                order = _ORDERS[name]
            case ["element", name, count] if re.fullmatch("[0-9]{1,15}", count):
                elements.append(Element(name, int(count)))
            case ["property", "list", counted, kind, name] if {counted, kind} <= _TYPES.keys() and elements:
                elements[-1].properties.append(Property(name, np.dtype(_TYPES[kind]), np.dtype(_TYPES[counted])))
            case ["property", kind, name] if kind in _TYPES and elements:
                elements[-1].properties.append(Property(name, np.dtype(_TYPES[kind])))
            case _:
                raise ValueError(f"the line {line[:80].strip()!r} of its header cannot be understood")
    if order is None:
        raise ValueError("its header lacks the 'format' line")
    for element in elements:
        names = [found.name for found in element.properties]
        if len(set(names)) < len(names):
            raise ValueError(f"a property of its element {element.name[:40]!r} is there twice")
    return order, elements, comments


def _check_length(element: Element, available: int, binary: bool) -> None:
    """Refuse more rows than bytes before anything is allocated for them."""
    if not element.properties:
        least = 0 if element.count == 0 else available + 1
    elif binary:
        sizes = [(found.kind if found.counted is None else found.counted).itemsize for found in element.properties]
        least = element.count * sum(sizes)
    else:
        least = 2 * element.count * len(element.properties) - 1
    if least > available:
        raise ValueError(f"{element.count} rows of {element.name[:40]!r} do not fit into its {available} bytes")


def _read_binary(elements: list[Element], body: memoryview, order: str) -> None:
    at = 0
    for element in elements:
        if not element.count:
            _leave_empty(element)
            continue
        row = _row_type(element, body, at, order)
        if row is not None and at + element.count * row.itemsize <= len(body):
            table = np.frombuffer(body, row, element.count, at)
            if all((table[f"#{found.name}"] == table[0][f"#{found.name}"]).all() for found in _lists(element)):
                for found in element.properties:
                    _take(element, found, table[found.name], table)
                at += element.count * row.itemsize
                continue
        elif row is not None and not _lists(element):
            raise ValueError(f"it is cut short in its rows of {element.name[:40]!r}")
        at = _read_uneven(element, body, at, order)


def _leave_empty(element: Element) -> None:
    for found in element.properties:
        if found.counted is None:
            element.scalars[found.name] = np.zeros(0, found.kind)
        else:
            element.lists[found.name] = Lists(np.zeros(0, found.kind), np.zeros(0, np.int64))


def _lists(element: Element) -> list[Property]:
    return [found for found in element.properties if found.counted is not None]


def _row_type(element: Element, body: memoryview, at: int, order: str) -> np.dtype | None:
    """A row whose lists are as long as the first row's; None where that does not fit."""
    fields: list[tuple] = []
    for found in element.properties:
        kind = found.kind.newbyteorder(order)
        if found.counted is None:
            fields.append((found.name, kind))
            at += kind.itemsize
            continue
        counted = found.counted.newbyteorder(order)
        if at + counted.itemsize > len(body):
            return None
        size = int(np.frombuffer(body, counted, 1, at)[0])
        at += counted.itemsize + size * kind.itemsize
        if size < 0 or at > len(body):
            return None
        fields += [(f"#{found.name}", counted), (found.name, kind, (size,))]
    return np.dtype(fields)


def _take(element: Element, found: Property, values: np.ndarray, table: np.ndarray) -> None:
    if found.counted is None:
        element.scalars[found.name] = np.ascontiguousarray(values, found.kind)
    else:
        sizes = np.full(len(table), values.shape[1], np.int64)
        element.lists[found.name] = Lists(np.ascontiguousarray(values, found.kind).reshape(-1), sizes)


def _read_uneven(element: Element, body: memoryview, at: int, order: str) -> int:
    """Rows whose lists differ in length, one by one; where they end."""
    pieces: dict[str, list[bytes]] = {found.name: [] for found in element.properties}
    sizes: dict[str, list[int]] = {found.name: [] for found in element.properties}
    steps = [
        (
            found.kind.itemsize,
            pieces[found.name],
            sizes[found.name],
            0 if found.counted is None else found.counted.itemsize,
            found.counted is not None and found.counted.kind == "i",
        )
        for found in element.properties
    ]
    end, big = len(body), "big" if order == ">" else "little"
    if any(found.counted is not None and found.counted.kind == "f" for found in element.properties):
        raise ValueError(f"a list of its element {element.name[:40]!r} has a count that is no whole number")
    for _ in range(element.count):
        for width, values, counts, counted, signed in steps:
            size = 1
            if counted:
                size = int.from_bytes(body[at : at + counted], big, signed=signed)
                at += counted
                counts.append(size)
            stop = at + size * width
            if size < 0 or stop > end:
                raise ValueError(f"it is cut short in its rows of {element.name[:40]!r}")
            values.append(body[at:stop])
            at = stop
    for found in element.properties:
        values = np.frombuffer(b"".join(pieces[found.name]), found.kind.newbyteorder(order)).astype(found.kind)
        if found.counted is None:
            element.scalars[found.name] = values
        else:
            element.lists[found.name] = Lists(values, np.array(sizes[found.name], np.int64))
    return at


def _read_text(elements: list[Element], numbers: np.ndarray) -> None:
    at = 0
    for element in elements:
        if not element.count:
            _leave_empty(element)
            continue
        width = _even_width(element, numbers, at)
        if width is not None:
            table = numbers[at : at + element.count * width].reshape(element.count, width)
            at += element.count * width
            column = 0
            for found in element.properties:
                if found.counted is None:
                    element.scalars[found.name] = table[:, column]
                    column += 1
                else:
                    size = int(table[0, column])
                    values = table[:, column + 1 : column + 1 + size].reshape(-1)
                    element.lists[found.name] = Lists(values, np.full(element.count, size, np.int64))
                    column += 1 + size
        else:
            at = _read_uneven_text(element, numbers, at)


def _even_width(element: Element, numbers: np.ndarray, at: int) -> int | None:
    """Numbers of each row, where all rows' lists are as long as the first's; else None."""
    columns, width = [], 0
    for found in element.properties:
        if found.counted is not None:
            if at + width >= len(numbers) or not 0 <= numbers[at + width] < len(numbers):
                return None
            columns.append(width)
            width += int(numbers[at + width])
        width += 1
    if at + element.count * width > len(numbers):
        if not columns:
            raise ValueError(f"it is cut short in its rows of {element.name[:40]!r}")
        return None
    table = numbers[at : at + element.count * width].reshape(element.count, width)
    return width if all((table[:, column] == table[0, column]).all() for column in columns) else None


def _read_uneven_text(element: Element, numbers: np.ndarray, at: int) -> int:
    starts: dict[str, list[int]] = {found.name: [] for found in element.properties}
    sizes: dict[str, list[int]] = {found.name: [] for found in element.properties}
    values, end = numbers.tolist(), len(numbers)
    for _ in range(element.count):
        for found in element.properties:
            size = 1
            if found.counted is not None:
                if at >= end or not 0 <= values[at] <= end:
                    raise ValueError(f"it is cut short in its rows of {element.name[:40]!r}")
                size = int(values[at])
                at += 1
            starts[found.name].append(at)
            sizes[found.name].append(size)
            at += size
    if at > end:
        raise ValueError(f"it is cut short in its rows of {element.name[:40]!r}")
    for found in element.properties:
        length = np.array(sizes[found.name], np.int64)
        first = np.array(starts[found.name], np.int64)
        within = np.arange(length.sum()) - (np.cumsum(length) - length).repeat(length)
        taken = numbers[first.repeat(length) + within]
        if found.counted is None:
            element.scalars[found.name] = taken
        else:
            element.lists[found.name] = Lists(taken, length)
    return at
