# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Splats where numpy is: Blender's own builds have it, a distribution's may lack it."""

NO_NUMPY = "Splats need NumPy in Blender's Python: install it (Debian: apt-get install python3-numpy)."


def splats_in(data):
    """A file's `splats.Table`, or None where it holds no splats or they cannot be taken; and why, or ""."""
    head = bytes(data[:8192]).partition(b"end_header")[0]
    if b" f_dc_0" not in head or b" scale_0" not in head:
        return None, ""
    try:
        from . import splats
    except ImportError:
        return None, f"{NO_NUMPY} They came in as points."
    try:
        return splats.read(data), ""
    except splats.SplatError as error:
        return None, f"{error} They came in as points."
