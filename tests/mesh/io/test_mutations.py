"""Damaged files of every format end as a surface or as one sentence: nothing else is raised, and nothing hangs."""

from __future__ import annotations

import random
import struct

import pytest
import trimesh

from editor3d.errors import DataError
from mesh.io.read import read_mesh

ROUNDS = 60
KINDS = ["glb", "gltf", "obj", "mtl", "png", "ply", "stl", "off", "3mf", "dae"]
PIECES = [
    b"-1", b"0", b"99999999999999999999", b"nan", b"inf", b"1e400", b'"', b"{", b"[", b"\\\n", b"\0", b"\xff", b"../",
    b"f 1 2 3", b"1/2/3", b"usemtl x", b"null", b"1.5", b"/dev/zero", b"#", b"A" * 300,
    b"element face 99999999", b"property list uchar int x", b"4294967296",
]  # fmt: skip
COUNTS = (0, 1, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 1 << 24, 1 << 20)


def mutated(content: bytes, generator: random.Random) -> bytes:
    """A few bytes changed, removed, doubled or cut off."""
    changed = bytearray(content)
    for _ in range(generator.choice([1, 1, 2, 3, 8])):
        at = generator.randrange(max(1, len(changed)))
        match generator.randrange(6):
            case 0:
                changed[at : at + 1] = bytes([generator.randrange(256)])
            case 1:
                del changed[at : at + generator.randint(1, 40)]
            case 2:
                changed[at:at] = generator.choice(PIECES)
            case 3:
                changed[at:at] = changed[: generator.randint(1, 80)]
            case 4:
                changed[at : at + 4] = struct.pack("<I", generator.choice(COUNTS))
            case 5:
                changed = changed[:at] if generator.random() < 0.3 else changed
    return bytes(changed)


@pytest.fixture
def whole(request, gltf, obj, tmp_path):
    """A file of each kind, and the file that is mutated."""
    kind = request.param
    if kind == "glb":
        return (path := gltf()), path
    if kind in ("obj", "mtl"):
        path = obj("newmtl paint\nKd 1 .5 .2\nmap_Kd -s 2 2 2 -o .5 .5 -mm 0.1 0.5 -clamp on paint.png\nd 0.5\n")
        return path, path.with_suffix(f".{kind}")
    if kind == "png":
        return obj(), tmp_path / "paint.png"
    ball = trimesh.creation.icosphere(1)
    ball.visual.vertex_colors = [10, 200, 30, 255]
    path = tmp_path / f"ball.{kind}"
    ball.export(path, **({"encoding": "ascii"} if kind == "ply" else {}))
    return path, path


@pytest.mark.parametrize(
    "whole", ["glb", "gltf", "obj", "mtl", "png", "ply", "stl", "off", "3mf", "dae"], indirect=True
)
def test_mutations_end_as_a_surface_or_a_sentence(whole):
    path, victim = whole
    content, generator = victim.read_bytes(), random.Random(1)
    assert len(read_mesh(path).faces)
    for _ in range(ROUNDS):
        victim.write_bytes(mutated(content, generator))
        surface, told = None, ""
        try:
            surface = read_mesh(path)
        except DataError as error:
            told = str(error)
        assert "\n" not in told
        assert surface is None or 0 <= surface.faces.max() < len(surface.vertices)
