"""Read the version of Blender from the head of a .blend file, without Blender."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import zstandard

_HEAD = 24
_GZIP, _ZSTANDARD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_SHORT = re.compile(rb"BLENDER[-_][vV](\d)(\d\d)")
"""To 4.5: the size of pointers, the order of bytes, the version as three digits (`BLENDER-v405`)."""
_LONG = re.compile(rb"BLENDER\d\d-\d\d[vV](\d\d)(\d\d)")
"""From 5.0 on: the head's own size and version besides, and four digits (`BLENDER17-01v0500`)."""

Version = tuple[int, int]
"""Major and minor, such as (4, 5)."""


def saved_by(path: Path) -> Version | None:
    """The Blender that saved a file; None where this cannot be read, be it no .blend file at all."""
    try:
        with path.open("rb") as file:
            head = _unpacked(file.read(1 << 16))
    except OSError:
        return None
    found = _LONG.match(head) or _SHORT.match(head)
    return None if found is None else (int(found[1]), int(found[2]))


def _unpacked(data: bytes) -> bytes:
    """The first bytes of a file that Blender may have compressed."""
    try:
        if data.startswith(_ZSTANDARD):
            return zstandard.ZstdDecompressor().decompressobj().decompress(data)[:_HEAD]
        if data.startswith(_GZIP):
            return zlib.decompressobj(wbits=31).decompress(data, _HEAD)
    except (zstandard.ZstdError, zlib.error):
        return b""
    return data[:_HEAD]
