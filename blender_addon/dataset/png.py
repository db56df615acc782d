# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""PNG pictures of one channel, 8 or 16 bits, and of colours."""

import struct
import zlib


def write_gray(path, width, height, values, bits):
    """Write whole numbers, row by row from the top, as a picture.

    Args:
        values: an array of type 'B' for 8 bits or 'H' for 16, `width` times `height` numbers.
        bits: 8 or 16.
    """
    if bits == 16:
        values = type(values)(values.typecode, values)
        if struct.pack("=H", 1) == struct.pack("<H", 1):
            values.byteswap()  # PNG is big-endian
    _write(path, width, height, values.tobytes(), bits, 0)


def write_rgb(path, width, height, data):
    """Write colours, row by row from the top, as a picture: bytes, three a pixel."""
    _write(path, width, height, data, 24, 2)


def _write(path, width, height, data, bits, kind):
    """Write bytes as a picture; `bits` are those of a pixel."""
    row = width * bits // 8
    lines = b"".join(b"\0" + data[start : start + row] for start in range(0, row * height, row))
    head = struct.pack(">IIBBBBB", width, height, 8 if bits == 24 else bits, kind, 0, 0, 0)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for kind, body in ((b"IHDR", head), (b"IDAT", zlib.compress(lines, 6)), (b"IEND", b"")):
            file.write(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)))
