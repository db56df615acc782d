# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""PLY files of coloured points or triangles, as the engine writes them; of splats the centres. Knows arrays, not
Blender."""

import math
import struct
from array import array

from .blocks import blocks, joined, low_and_high

_CODES = {
    **dict.fromkeys(("float", "float32"), "f"),
    **dict.fromkeys(("double", "float64"), "d"),
    **dict.fromkeys(("uchar", "uint8"), "B"),
    **dict.fromkeys(("char", "int8"), "b"),
    **dict.fromkeys(("ushort", "uint16"), "H"),
    **dict.fromkeys(("short", "int16"), "h"),
    **dict.fromkeys(("uint", "uint32"), "I"),
    **dict.fromkeys(("int", "int32"), "i"),
}
MAX_VERTICES = 20_000_000
_HARMONIC = 0.28209479177387814
"""The zeroth spherical harmonic: a splat's colour is 0.5 + it * f_dc."""


class Cloud:
    """Flat arrays. positions: 'f', 3 a vertex. colors: 'f', 4 a vertex, linear, or None. corners: 'i', 3 a triangle."""

    def __init__(self, positions, colors, corners):
        self.positions, self.colors, self.corners = positions, colors, corners


def read(data):
    """A binary little-endian PLY file.

    Raises:
        ValueError: it is something else, or ends early.
    """
    head, mark, body = bytes(data).partition(b"end_header\n")
    lines = head.decode("ascii", "replace").splitlines()
    if not mark or lines[:2] != ["ply", "format binary_little_endian 1.0"]:
        raise ValueError("not a binary PLY file")
    elements = []
    try:
        for line in lines[2:]:
            words = line.split()
            if words[:1] == ["element"]:
                elements.append((words[1], int(words[2]), []))
            elif words[:1] == ["property"]:
                elements[-1][2].append(words[1:])
        (name, count, properties), *others = elements
        if name != "vertex" or not 0 <= count <= MAX_VERTICES:
            raise ValueError("a PLY file without vertices")
        layout = struct.Struct("<" + "".join(_CODES[kind] for kind, _ in properties))
        columns = _columns(layout, body, count, [name for _, name in properties])
        corners = array("i")
        for name, faces, lists in others:
            if name == "face":
                corners = _triangles(body, layout.size * count, faces, lists)
        if corners:
            low, high = low_and_high(corners)
            if not 0 <= low <= high < count:
                raise ValueError("corners without vertices")
        return _cloud(columns, count, corners)
    except (LookupError, ValueError, OverflowError, struct.error) as error:
        raise ValueError(f"a PLY file of another kind ({error})") from error


def _columns(layout, body, count, names):
    if len(body) < layout.size * count:
        raise ValueError("it ends early")
    columns = {name: array("d", bytes(8 * count)) for name in names}
    wanted = [columns[name] for name in names]
    for index, row in enumerate(layout.iter_unpack(body[: layout.size * count])):
        for column, value in zip(wanted, row):  # noqa: B905 equally long
            column[index] = value
    return columns


def _triangles(body, start, count, lists):
    ((_, length, kind, _),) = lists
    layout = struct.Struct(f"<{_CODES[length]}3{_CODES[kind]}")
    corners = array("i")
    for sides, a, b, c in layout.iter_unpack(body[start : start + layout.size * count]):
        if sides != 3:
            raise ValueError("faces that are no triangles")
        corners.extend((a, b, c))
    if len(corners) != 3 * count:
        raise ValueError("it ends early")
    return corners


def _cloud(columns, count, corners):
    positions = _woven([columns[axis] for axis in "xyz"])
    if "f_dc_0" in columns:
        channels = [[0.5 + _HARMONIC * v for v in columns[f"f_dc_{k}"]] for k in range(3)]
        alpha = [1.0 / (1.0 + math.exp(-min(50.0, max(-50.0, v)))) for v in columns["opacity"]]
    elif "red" in columns:
        channels = [[v / 255.0 for v in columns[name]] for name in ("red", "green", "blue")]
        alpha = [1.0] * count
    else:
        return Cloud(positions, None, corners)
    colors = _woven([[_linear(v) for v in channel] for channel in channels] + [alpha])
    return Cloud(positions, colors, corners)


def _woven(columns):
    out = array("f", bytes(4 * len(columns) * len(columns[0])))
    for k, column in enumerate(columns):
        out[k :: len(columns)] = joined("f", blocks(column))
    return out


def _linear(value):
    value = min(1.0, max(0.0, value))
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
