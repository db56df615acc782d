"""meshoptimizer's codecs as EXT_meshopt_compression specifies their bits: attributes, triangles, and other indices.

Indices are checked (`boundscheck`): data that is damaged raises IndexError and reads nothing else.
"""

from __future__ import annotations

import numpy as np

from editor3d.host.compiled import njit


@njit(nogil=True, boundscheck=True)
def decode_attributes(data: np.ndarray, end: int, last: np.ndarray, out: np.ndarray) -> int:
    """Rows of bytes from their differences, byte by byte of a row in groups of 16 rows.

    Args:
        data: the stream [N] uint8, with its header byte.
        end: where its tail begins.
        last: the row before the first [S] uint8; overwritten.
        out: [count, S] uint8.

    Returns:
        Where reading ended: at `end`, if the stream is whole.
    """
    count, stride = out.shape
    most = min((8192 // stride) & ~15, 256)
    deltas = np.zeros(16, np.uint8)
    at = 1
    for start in range(0, count, most):
        rows = min(most, count - start)
        groups = (rows + 15) // 16
        for lane in range(stride):
            header = at
            at += (groups + 3) // 4
            value = int(last[lane])
            for group in range(groups):
                if at > end:
                    return -1
                mode = (int(data[header + group // 4]) >> (2 * (group % 4))) & 3
                at = _group(data, at, mode, deltas)
                for i in range(min(16, rows - 16 * group)):
                    coded = int(deltas[i])
                    value = (value + ((coded >> 1) ^ -(coded & 1))) & 255
                    out[start + 16 * group + i, lane] = value
            last[lane] = value
    return at


@njit(nogil=True, boundscheck=True)
def _group(data: np.ndarray, at: int, mode: int, deltas: np.ndarray) -> int:
    """16 differences of 0, 2, 4 or 8 bits each; all bits set stand for a byte behind. Where they end."""
    if mode == 0:
        deltas[:] = 0
        return at
    if mode == 3:
        for i in range(16):
            deltas[i] = data[at + i]
        return at + 16
    bits = 2 * mode
    sentinel, each = (1 << bits) - 1, 8 // bits
    behind = at + 2 * bits
    for i in range(16):
        value = (int(data[at + i // each]) >> (8 - bits * (i % each + 1))) & sentinel
        if value == sentinel:
            value = int(data[behind])
            behind += 1
        deltas[i] = value
    return behind


@njit(nogil=True, boundscheck=True)
def _varint(data: np.ndarray, at: int) -> tuple[int, int]:
    """A whole number of seven bits a byte, and where it ends."""
    value = 0
    for i in range(5):
        byte = int(data[at + i])
        value |= (byte & 127) << (7 * i)
        if byte < 128:
            return value & 0xFFFFFFFF, at + i + 1
    return value & 0xFFFFFFFF, at + 5


@njit(nogil=True, boundscheck=True)
def _moved(last: int, coded: int) -> int:
    return (last + ((coded >> 1) ^ -(coded & 1))) & 0xFFFFFFFF


@njit(nogil=True, boundscheck=True)
def decode_triangles(data: np.ndarray, end: int, out: np.ndarray) -> int:
    """Triangles from codes that name recent edges and vertices.

    Args:
        data: the stream [N] uint8, with its header byte.
        end: where its tail of 16 bytes begins, a table of codes.
        out: [T, 3] int64.

    Returns:
        Where reading ended: at `end`, if the stream is whole.
    """
    edges, recent = np.zeros((16, 2), np.int64), np.zeros(16, np.int64)
    edge, vertex, upcoming, last = 0, 0, 0, 0
    at = 1 + len(out)
    for triangle in range(len(out)):
        code = int(data[1 + triangle])
        high, low = code >> 4, code & 15
        if high < 15:
            a, b = edges[(edge - 1 - high) & 15]
            fresh = True
            if low == 0:
                c, upcoming = upcoming, upcoming + 1
            elif low < 13:
                c, fresh = recent[(vertex - 1 - low) & 15], False
            elif low < 15:
                last = (last + (1 if low == 14 else -1)) & 0xFFFFFFFF
                c = last
            else:
                coded, at = _varint(data, at)
                last = _moved(last, coded)
                c = last
            if fresh:
                recent[vertex] = c
                vertex = (vertex + 1) & 15
        else:
            explicit = low >= 14
            if explicit:
                table = int(data[at])
                at += 1
                if table == 0:
                    upcoming = 0
            else:
                table = int(data[end + low])
            second, third = table >> 4, table & 15
            a, b, c = 0, recent[(vertex - second) & 15], recent[(vertex - third) & 15]
            if low != 15:
                a, upcoming = upcoming, upcoming + 1
            if second == 0:
                b, upcoming = upcoming, upcoming + 1
            if third == 0:
                c, upcoming = upcoming, upcoming + 1
            if low == 15:
                coded, at = _varint(data, at)
                last = _moved(last, coded)
                a = last
            if explicit and second == 15:
                coded, at = _varint(data, at)
                last = _moved(last, coded)
                b = last
            if explicit and third == 15:
                coded, at = _varint(data, at)
                last = _moved(last, coded)
                c = last
            recent[vertex] = a
            vertex = (vertex + 1) & 15
            if second == 0 or second == 15:
                recent[vertex] = b
                vertex = (vertex + 1) & 15
            if third == 0 or third == 15:
                recent[vertex] = c
                vertex = (vertex + 1) & 15
            edges[edge, 0], edges[edge, 1] = b, a
            edge = (edge + 1) & 15
        edges[edge, 0], edges[edge, 1] = c, b
        edge = (edge + 1) & 15
        edges[edge, 0], edges[edge, 1] = a, c
        edge = (edge + 1) & 15
        out[triangle, 0], out[triangle, 1], out[triangle, 2] = a, b, c
        if at > end:
            return -1
    return at


@njit(nogil=True, boundscheck=True)
def decode_indices(data: np.ndarray, end: int, out: np.ndarray) -> int:
    """Indices [N] int64 from differences to one of two earlier ones; where reading ended."""
    last = np.zeros(2, np.int64)
    at = 1
    for i in range(len(out)):
        coded, at = _varint(data, at)
        which = coded & 1
        last[which] = _moved(last[which], coded >> 1)
        out[i] = last[which]
        if at > end:
            return -1
    return at
