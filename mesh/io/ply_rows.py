"""The rows of a PLY file: every element of its header, text or binary, lists included."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from editor3d.datasets.formats.ply_header import Property, parse_header
from mesh.io.common.text import numbers_of


@dataclass(frozen=True)
class Lists:
    """A list a row."""

    values: np.ndarray
    """All rows' one after the other [C]."""
    sizes: np.ndarray
    """[N] int64."""


@dataclass
class Rows:
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

    elements: dict[str, Rows]
    comments: tuple[str, ...]


def read_ply(content: bytes) -> Ply:
    """All elements of a PLY file; the first of each name.

    Raises:
        ValueError: the header cannot be understood, or the rows are cut short; the text says which.
    """
    header = parse_header(content)
    body, order = memoryview(content)[header.size :], header.byte_order
    elements = []
    for element in header.elements:
        # Refuse more rows than bytes before anything is allocated for them.
        if element.count and (not element.properties or element.least_bytes(order != "") > len(body)):
            raise ValueError(f"{element.count} rows of {element.name[:40]!r} do not fit into its {len(body)} bytes")
        elements.append(Rows(element.name, element.count, list(element.properties.values())))
    if order:
        _read_binary(elements, body, order)
    else:
        _read_text(elements, numbers_of(bytes(body)))
    comments = tuple(text.encode("latin-1").decode("utf-8", "replace") for text in header.comments)
    return Ply({element.name: element for element in reversed(elements)}, comments)


def _read_binary(elements: list[Rows], body: memoryview, order: str) -> None:
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


def _leave_empty(element: Rows) -> None:
    for found in element.properties:
        if found.counted is None:
            element.scalars[found.name] = np.zeros(0, found.kind)
        else:
            element.lists[found.name] = Lists(np.zeros(0, found.kind), np.zeros(0, np.int64))


def _lists(element: Rows) -> list[Property]:
    return [found for found in element.properties if found.counted is not None]


def _ordered(kind: np.dtype, order: str) -> np.dtype:
    return kind.newbyteorder(">" if order == ">" else "<")


def _row_type(element: Rows, body: memoryview, at: int, order: str) -> np.dtype | None:
    """A row whose lists are as long as the first row's; None where that does not fit."""
    fields: list[tuple] = []
    for found in element.properties:
        kind = _ordered(found.kind, order)
        if found.counted is None:
            fields.append((found.name, kind))
            at += kind.itemsize
            continue
        counted = _ordered(found.counted, order)
        if at + counted.itemsize > len(body):
            return None
        size = int(np.frombuffer(body, counted, 1, at)[0])
        at += counted.itemsize + size * kind.itemsize
        if size < 0 or at > len(body):
            return None
        fields += [(f"#{found.name}", counted), (found.name, kind, (size,))]
    return np.dtype(fields)


def _take(element: Rows, found: Property, values: np.ndarray, table: np.ndarray) -> None:
    if found.counted is None:
        element.scalars[found.name] = np.ascontiguousarray(values, found.kind)
    else:
        sizes = np.full(len(table), values.shape[1], np.int64)
        element.lists[found.name] = Lists(np.ascontiguousarray(values, found.kind).reshape(-1), sizes)


def _read_uneven(element: Rows, body: memoryview, at: int, order: str) -> int:
    """Rows whose lists differ in length, one by one; where they end."""
    pieces: dict[str, list[memoryview]] = {found.name: [] for found in element.properties}
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
        values = np.frombuffer(b"".join(pieces[found.name]), _ordered(found.kind, order)).astype(found.kind)
        if found.counted is None:
            element.scalars[found.name] = values
        else:
            element.lists[found.name] = Lists(values, np.array(sizes[found.name], np.int64))
    return at


def _read_text(elements: list[Rows], numbers: np.ndarray) -> None:
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


def _even_width(element: Rows, numbers: np.ndarray, at: int) -> int | None:
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


def _read_uneven_text(element: Rows, numbers: np.ndarray, at: int) -> int:
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
