"""The version of Blender in the head of a file."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import zstandard

from editor3d.programs.blenders.header import saved_by

HEADS = {
    b"BLENDER-v405RENDH\0\0\0": (4, 5),
    b"BLENDER_V279REND": (2, 79),
    b"BLENDER17-01v0502": (5, 2),
}
PACKED = {"plain": bytes, "gzip": gzip.compress, "zstandard": zstandard.ZstdCompressor().compress}
ROOM = bytes(100_000)


@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, zstandard.ZstdCompressor().compress], ids=["plain", "gzip", "zstd"]
)
@pytest.mark.parametrize("head", HEADS)
def test_the_version_is_read_whatever_the_file_is_packed_by(head, pack, tmp_path):
    path = tmp_path / "scene.blend"
    path.write_bytes(pack(head + ROOM))
    assert saved_by(path) == HEADS[head]


@pytest.mark.parametrize("data", [b"", b"PK\3\4", b"BLENDER", b"\x1f\x8bBLENDER", b"\x28\xb5\x2f\xfdBLENDER-v405"])
def test_no_file_of_blender_has_no_version(data, tmp_path):
    path = tmp_path / "scene.blend"
    path.write_bytes(data)
    assert saved_by(path) is None
    assert saved_by(Path(tmp_path / "none.blend")) is None
