# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small pictures of the engine as the numbers that Blender keeps. Knows arrays, not Blender: it runs in threads."""

import re
from array import array

_HEAD = re.compile(rb"P6\s+(\d{1,5})\s+(\d{1,5})\s+255\s")


class Pixels:
    """A picture, row after row from the lowest up. values: 'i', the bytes red, green, blue, alpha of each pixel."""

    def __init__(self, width, height, values):
        self.width, self.height, self.values = width, height, values


def read(data):
    """A binary PPM file as `Pixels`; None where the bytes are something else.

    Raises:
        ValueError: it ends early.
    """
    head = _HEAD.match(data)
    if head is None:
        return None
    width, height = int(head[1]), int(head[2])
    body = data[head.end() :]
    if len(body) != 3 * width * height:
        raise ValueError(f"a picture of {len(body)} bytes instead of {3 * width * height}")
    rows = b"".join(body[start : start + 3 * width] for start in range(3 * width * (height - 1), -1, -3 * width))
    rgba = bytearray(b"\xff") * (4 * width * height)
    for channel in range(3):
        rgba[channel::4] = rows[channel::3]
    return Pixels(width, height, array("i", bytes(rgba)))
