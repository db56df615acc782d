# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Long flat arrays in blocks. A call into C keeps the interpreter until it returns, and Blender's own thread, which
needs it for every panel, waits: so threads make no call that takes long for a large mesh."""

from array import array

SIZE = 1 << 15
"""Elements that one call is given: a few milliseconds."""


def blocks(values):
    """Slices of `SIZE` elements, in order."""
    for start in range(0, len(values), SIZE):
        yield values[start : start + SIZE]


def joined(code, parts):
    """Parts, each of at most some `SIZE` numbers, as one array of a type code."""
    out = array(code)
    for part in parts:
        out.extend(array(code, part))
    return out


def looked_up(table, indices):
    """`table[i]` for each of `indices`, as an array of the table's type."""
    return joined(table.typecode, (map(table.__getitem__, part) for part in blocks(indices)))


def low_and_high(values):
    """The least and the greatest; at least one value."""
    return min(min(part) for part in blocks(values)), max(max(part) for part in blocks(values))
