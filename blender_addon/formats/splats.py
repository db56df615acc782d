# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of Gaussian splats (3DGS' .ply) as tables, and tables that are turned. Bit for bit: what is read and not
changed is written as it was. Knows arrays of numpy, not Blender: it runs in threads.

Blender's own builds have numpy; so this module is imported only where splats are at hand.
"""

import numpy as np

from . import harmonics

_CODES = {
    **dict.fromkeys(("float", "float32"), "<f4"),
    **dict.fromkeys(("double", "float64"), "<f8"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("ushort", "uint16"), "<u2"),
    **dict.fromkeys(("short", "int16"), "<i2"),
    **dict.fromkeys(("uint", "uint32"), "<u4"),
    **dict.fromkeys(("int", "int32"), "<i4"),
}
_NAMES = {"f4": "float", "f8": "double", "u1": "uchar", "i1": "char", "u2": "ushort", "i2": "short", "u4": "uint"}
MAX_SPLATS = 20_000_000
PLACE, BASE = ("x", "y", "z"), ("f_dc_0", "f_dc_1", "f_dc_2")
OPACITY = "opacity"
SCALE, TURN = ("scale_0", "scale_1", "scale_2"), ("rot_0", "rot_1", "rot_2", "rot_3")
NEEDED = (*PLACE, *BASE, OPACITY, *SCALE, *TURN)


class SplatError(ValueError):
    """A file that cannot be taken, in one sentence."""


class Table:
    """columns: name to an array [N] of the file's own type, in the file's order. comments: lines of the header, without
    "comment ". further: lines of the header that name other elements, and their bytes."""

    def __init__(self, columns, comments=(), further=((), b"")):
        self.columns, self.comments, self.further = columns, tuple(comments), further

    def __len__(self):
        return len(self.columns["x"])

    @property
    def rest(self):
        """Names of the harmonics of degree 1 and up: all of red, then green, then blue."""
        count = sum(name.startswith("f_rest_") for name in self.columns)
        return [f"f_rest_{index}" for index in range(count)]

    def stacked(self, names):
        """Columns side by side, [N, len(names)] float32."""
        return np.stack([self.columns[name].astype(np.float32, copy=False) for name in names], -1)

    def harmonics(self):
        """[N, K, 3] float32, K 0, 3, 8 or 15."""
        rest = self.rest
        if not rest:
            return np.zeros((len(self), 0, 3), np.float32)
        return self.stacked(rest).reshape(len(self), 3, -1).transpose(0, 2, 1)


def read(data):
    """A file as a `Table`.

    Raises:
        SplatError: it is something else, ends early, or holds what a table cannot.
    """
    head, mark, body = bytes(data[: 1 << 16]).partition(b"end_header\n")
    lines = head.decode("latin-1").splitlines()
    if not mark or lines[:2] != ["ply", "format binary_little_endian 1.0"]:
        raise SplatError("Expected a binary .ply of splats: write it anew by `editor3d export FILE --output NEW.ply`.")
    comments = [line[len("comment ") :] for line in lines if line.startswith("comment ")]
    elements = []
    for line in lines[2:]:
        words = line.split()
        if words[:1] == ["element"] and len(words) == 3 and words[2].isdigit():
            elements.append((words[1], int(words[2]), []))
        elif words[:1] == ["property"] and elements:
            elements[-1][2].append((words[-1], " ".join(words[1:-1])))
    if not elements or elements[0][0] != "vertex":
        raise SplatError("Expected a .ply that begins with its vertices: export it by `editor3d export`.")
    _, count, properties = elements[0]
    layout = [(name, _CODES.get(kind)) for name, kind in properties]
    if any(code is None for _, code in layout) or len({name for name, _ in layout}) != len(layout):
        raise SplatError("Expected a .ply of plain numbers, got lists or unknown types: use `editor3d export`.")
    missing = [name for name in NEEDED if name not in dict(layout)]
    if missing:
        raise SplatError(f"Expected a .ply of splats, found no {missing[0]}: choose another file.")
    kind = np.dtype(layout)
    if not 0 < count <= MAX_SPLATS or len(data) < len(head) + len(mark) + count * kind.itemsize:
        raise SplatError("Expected a whole .ply of splats, got one that is empty or ends early: write it anew.")
    rows = np.frombuffer(data, kind, count, len(head) + len(mark))
    others = [line for line in lines[2:] if line.startswith(("element ", "property "))][1 + len(layout) :]
    end = len(head) + len(mark) + count * kind.itemsize
    further = (tuple(others), bytes(data[end:])) if others else ((), b"")
    table = Table({name: np.ascontiguousarray(rows[name]) for name, _ in layout}, comments, further)
    if len(table.rest) // 3 not in harmonics.DEGREES or len(table.rest) % 3:
        raise SplatError(f"Expected harmonics of degree 0 to 3, got {len(table.rest)} numbers: write the file anew.")
    if any(name not in table.columns for name in table.rest):
        raise SplatError("Expected harmonics numbered from 0, found gaps: write the file anew.")
    return table


_ROWS = 1 << 15
"""Rows that are written at once: a thread that writes holds the interpreter no longer than these take."""


def write(table, file):
    """Write a table into an open binary file."""
    layout = np.dtype([(name, values.dtype.newbyteorder("<")) for name, values in table.columns.items()])
    head = ["ply", "format binary_little_endian 1.0", *(f"comment {text}" for text in table.comments)]
    head.append(f"element vertex {len(table)}")
    head += [f"property {_NAMES.get(layout[name].str[1:], 'int')} {name}" for name in layout.names or ()]
    head += table.further[0]
    file.write("\n".join([*head, "end_header\n"]).encode("latin-1"))
    for start in range(0, len(table), _ROWS):
        rows = np.empty(min(_ROWS, len(table) - start), layout)
        for name, values in table.columns.items():
            rows[name] = values[start : start + len(rows)]
        file.write(rows)
    file.write(table.further[1])


def joined(tables):
    """Several as one: columns that one of them lacks are 0 there; other elements are those of the first."""
    if len(tables) == 1:
        return tables[0]
    columns = {}
    widest = max(tables, key=lambda table: len(table.rest))
    for name in dict.fromkeys([*widest.columns, *(name for table in tables for name in table.columns)]):
        given = next(table.columns[name] for table in tables if name in table.columns)
        columns[name] = np.concatenate(
            [table.columns.get(name, np.zeros(len(table), given.dtype)).astype(given.dtype) for table in tables]
        )
    # harmonics of another degree lie elsewhere: all of red come first
    if len({len(table.rest) for table in tables}) > 1:
        count = len(widest.rest) // 3
        whole = np.zeros((len(columns["x"]), count, 3), np.float32)
        start = 0
        for table in tables:
            own = table.harmonics()
            whole[start : start + len(table), : own.shape[1]] = own
            start += len(table)
        for index, name in enumerate(widest.rest):
            columns[name] = np.ascontiguousarray(whole[:, index % count, index // count])
    return Table(columns, dict.fromkeys(text for table in tables for text in table.comments), tables[0].further)


def moved(table, places, linear, which=slice(None)):
    """A table whose splats `which` were turned and scaled with the scene, and lie at `places`; others keep their bits.

    Args:
        places: [N, 3], where the splats are now.
        linear: s R, [3, 3], a rotation times a size.

    Raises:
        SplatError: `linear` mirrors, shears or collapses.
    """
    linear = np.asarray(linear, np.float64)
    columns = dict(table.columns)
    for k, name in enumerate(PLACE):
        values = columns[name].copy()
        values[which] = places[which, k] if isinstance(which, np.ndarray) else places[:, k]
        columns[name] = values
    if np.array_equal(linear, np.eye(3)):
        return Table(columns, table.comments, table.further)
    determinant = float(np.linalg.det(linear))
    size = max(determinant, 0.0) ** (1.0 / 3.0)
    if size < 1e-9 or np.abs(linear @ linear.T / size**2 - np.eye(3)).max() > 1e-3:
        raise SplatError("Splats can be turned, moved and scaled evenly, not mirrored or sheared: apply another scale.")
    turn = linear / size

    def put(names, values):
        for k, name in enumerate(names):
            column = columns[name].copy()
            column[which] = values[:, k].astype(column.dtype)
            columns[name] = column

    part = Table({name: values[which] for name, values in table.columns.items()})
    if abs(size - 1.0) > 1e-7:
        put(SCALE, part.stacked(SCALE) + np.float32(np.log(size)))
    if np.abs(turn - np.eye(3)).max() > 1e-9:
        put(TURN, product(quaternion(turn), part.stacked(TURN).astype(np.float64)))
        if table.rest:
            put(table.rest, harmonics.turned(part.harmonics(), turn).transpose(0, 2, 1).reshape(len(part), -1))
    return Table(columns, table.comments, table.further)


def quaternion(turn):
    """wxyz [4] of a rotation [3, 3]."""
    t = np.asarray(turn, np.float64)
    # the greatest of four squares divides best
    squares = [1 + t[0, 0] + t[1, 1] + t[2, 2], 1 + t[0, 0] - t[1, 1] - t[2, 2]]
    squares += [1 - t[0, 0] + t[1, 1] - t[2, 2], 1 - t[0, 0] - t[1, 1] + t[2, 2]]
    a, b, c = t[2, 1] - t[1, 2], t[0, 2] - t[2, 0], t[1, 0] - t[0, 1]
    d, e, f = t[1, 0] + t[0, 1], t[0, 2] + t[2, 0], t[2, 1] + t[1, 2]
    rows = ((squares[0], a, b, c), (a, squares[1], d, e), (b, d, squares[2], f), (c, e, f, squares[3]))
    found = np.array(rows[int(np.argmax(squares))])
    return found / np.linalg.norm(found)


def product(left, right):
    """Hamilton's product of wxyz [4] with [N, 4]: first the turn of `right`, then that of `left`."""
    w, x, y, z = left
    matrix = np.array([[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]])
    return right @ matrix.T


def euler(turns):
    """Quaternions wxyz [N, 4] as Euler angles XYZ [N, 3], float32."""
    turns = np.asarray(turns, np.float64)
    length = np.linalg.norm(turns, axis=1, keepdims=True)
    w, x, y, z = np.where(length > 0, turns / np.where(length > 0, length, 1.0), [1.0, 0.0, 0.0, 0.0]).T
    first = np.arctan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y))
    second = np.arcsin(np.clip(2 * (w * y - z * x), -1.0, 1.0))
    third = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    return np.stack([first, second, third], -1).astype(np.float32)


def opacity(logits):
    """Logits as opacities in 0..1, float32."""
    with np.errstate(over="ignore"):
        return (1.0 / (1.0 + np.exp(-logits.astype(np.float64)))).astype(np.float32)


def colors(base):
    """Coefficients [N, 3] as linear colours [N, 3], float32."""
    shown = np.clip(0.5 + harmonics.ZEROTH * base.astype(np.float64), 0.0, 1.0)
    return np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4).astype(np.float32)
