"""The rows of one element of a PLY file of splats: no more than the file's size allows."""

from __future__ import annotations

import io
import mmap
import warnings
from pathlib import Path

import numpy as np

from editor3d.datasets.formats.ply_header import Element, PlyHeader, Property
from editor3d.errors import DataError, first_line

_MAX_LISTS = 1 << 22
"""Rows with lists that are passed over one by one, seconds."""


def read_rows(path: Path, header: PlyHeader, element: Element) -> np.ndarray:
    """All rows of an element as a structured array [count] with the file's types.

    Raises:
        DataError: no rows, fewer than the header claims, or one that cannot be understood.
    """
    if element.count == 0:
        raise DataError(f"{path} holds no Gaussians: there are no rows of '{element.name}'.")
    if element.has_lists:
        raise DataError(f"{path}: lists are not expected in '{element.name}' in a file of splats.")
    before = header.elements[: header.elements.index(element)]
    available = path.stat().st_size - header.size
    if header.byte_order:
        skipped = _bytes_of(path, header, before, available)
        needed = skipped + element.least_bytes(binary=True)
    else:
        skipped = sum(other.count for other in before)
        needed = 2 * skipped + element.least_bytes(binary=False)
    if needed > available:
        raise DataError(
            f"{path} is cut short or its header is wrong: it announces {element.count} rows of '{element.name}', "
            f"for which it needs at least {needed} bytes after the header, but has {available}."
        )
    with path.open("rb") as file:
        if header.byte_order:
            file.seek(header.size + skipped)
            rows = np.fromfile(file, element.row_type(header.byte_order), element.count)
        else:
            file.seek(header.size)
            rows = _text_rows(path, element, file, skipped)
    if len(rows) != element.count:
        raise DataError(f"{path}: {element.count} rows of '{element.name}' were announced, {len(rows)} came.")
    return rows


def _bytes_of(path: Path, header: PlyHeader, elements: tuple[Element, ...], available: int) -> int:
    """The bytes that some elements take up at the beginning of a binary file; lists are walked through."""
    elements = tuple(element for element in elements if element.count)
    if not any(element.has_lists for element in elements):
        return sum(element.least_bytes(binary=True) for element in elements)
    walked = sum(element.count for element in elements if element.has_lists)
    if walked > min(available, _MAX_LISTS):
        raise DataError(
            f"{path} has {walked} rows with lists before its Gaussians, of which at most "
            f"{min(available, _MAX_LISTS)} are passed over: write it anew without them."
        )
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        place = header.size
        for element in elements:
            if not element.has_lists:
                place += element.least_bytes(binary=True)
                continue
            for _ in range(element.count):
                for found in element.properties.values():
                    place += _item_size(path, header.byte_order, data, place, found)
            if place > header.size + available:
                break
    return place - header.size


def _item_size(path: Path, byte_order: str, data: mmap.mmap, place: int, found: Property) -> int:
    """Bytes of one value, or of one list with its count."""
    if found.count_code is None:
        return int(found.code[1])
    head = int(found.count_code[1])
    if place + head > len(data):
        raise DataError(f"{path} is cut short: a list's length lies beyond its end.")
    count = np.frombuffer(data[place : place + head], byte_order + found.count_code)[0]
    if not 0 <= count < 2**31:  # a float may be anything
        raise DataError(f"{path} is damaged: it has a list of {count} entries.")
    return head + int(count) * int(found.code[1])


def _text_rows(path: Path, element: Element, file: io.BufferedReader, skipped: int) -> np.ndarray:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # no rows at all: the caller counts
            warnings.simplefilter("ignore", DeprecationWarning)  # "1.0" for an integer
            return np.loadtxt(
                io.TextIOWrapper(file, "latin-1"),
                element.row_type("<"),
                comments=None,
                skiprows=skipped,
                max_rows=element.count,
                ndmin=1,
            )
    except (ValueError, OverflowError) as error:
        raise DataError(f"{path}: a row of '{element.name}' cannot be understood ({first_line(error)}).") from error
