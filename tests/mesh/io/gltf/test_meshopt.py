"""meshoptimizer's codecs, against what its own encoder makes of known arrays."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

from editor3d.errors import DataError
from mesh.io.gltf.meshopt_kernels import decode_attributes, decode_indices, decode_triangles
from mesh.io.read import read_mesh

RED, GREEN, BLUE, YELLOW = (200, 0, 0), (0, 160, 0), (0, 0, 240), (220, 220, 0)
AS_PAINTED = [BLUE, YELLOW, RED, GREEN]
# Streams that meshoptimizer 1.3 encodes.
POSITIONS = bytes.fromhex(
    "a000000133000000ffff01330000007e7d0000010c000000ff010c0000007e00000000000000000000000000000000000000"
    "0000000000000000000000000000000000"
)
PLACES = bytes.fromhex(
    "a000000133000000ffff01330000007e7d0000010c000000ff010c0000007d00000000000000000000000000000000000000"
    "0000000000000000000000803f"
)
EXPONENTIAL = bytes.fromhex(
    "a0000133000000706f000130000000cc00010c00000070000130000000cc0000000130000000cc0000000000000000000000"
    "0000000000000000000000008e0000008e0000008e"
)
NEWER = bytes.fromhex("a1faeaaa000000ff007f007e00007f00000000000000000000000000000000000000000000010100")
QUATERNIONS = bytes.fromhex(
    "a0011b000000b1013f0000000e0d0a0103000000b101030000000a0103000000b101030000000a011c000000030000000000"
    "0000000000000000000000000000000000000000000000000000ff07"
)
WALK = bytes.fromhex(
    "a01a0045335553032156253663205150511451f4000003032a0015643010630225330101626435351303661161000000001f"
    "0023121236231224002435353611241211233600241212121224242411242435f03000001111230000000000000000000000"
    "0000000000000000000000000000000000000102e500"
)
TRIANGLES = bytes.fromhex("e1f000007687566778a9866589689801690000")
INDICES = bytes.fromhex("d100040406080400000000")
GRID = bytes.fromhex("e1fe1e100e100e8e1e140e130e8e1e130e130effff0f089a96011faf01b201007687566778a9866589689801690000")
GRID_FACES = [
    [0, 1, 4], [4, 1, 5], [5, 1, 2], [5, 2, 6], [6, 2, 3], [6, 3, 7], [4, 5, 8], [8, 5, 9], [9, 5, 6], [9, 6, 10],
    [10, 6, 7], [10, 7, 11], [8, 9, 12], [12, 9, 13], [13, 9, 10], [13, 10, 14], [14, 10, 11], [14, 11, 15],
    [90, 7, 3], [2, 90, 91],
]  # fmt: skip


def array(stream: bytes) -> np.ndarray:
    return np.frombuffer(stream, np.uint8)


def compressed(positions=POSITIONS, triangles=TRIANGLES, mode="TRIANGLES", **more):
    """Changes the textured square's document so that its arrays are compressed; their streams are its last views."""

    def change(document):
        streams = document["bufferViews"][-3:]
        document["buffers"].append({"byteLength": 1000})  # a place for what is unpacked, without data
        layouts = [
            {"byteStride": 12, "count": 4, "mode": "ATTRIBUTES", **more},
            {"byteStride": 8, "count": 4, "mode": "ATTRIBUTES"},
            {"byteStride": 2, "count": 6, "mode": mode},
        ]
        for view, (stream, layout) in enumerate(zip(streams, layouts, strict=True)):
            length = layout["byteStride"] * layout["count"]
            packed = {"EXT_meshopt_compression": {**stream, **layout}}
            document["bufferViews"][view] = {"buffer": 1, "byteLength": length, "extensions": packed}
        document["extensionsRequired"] = ["EXT_meshopt_compression"]

    return {"change": change, "views": (positions, PLACES, triangles)}


@pytest.mark.parametrize(("triangles", "mode"), [(TRIANGLES, "TRIANGLES"), (INDICES, "INDICES")])
def test_a_compressed_square_looks_as_it_did(gltf, seen, triangles, mode):
    surface = read_mesh(gltf(**compressed(triangles=triangles, mode=mode)))
    assert seen(surface) == pytest.approx(np.array(AS_PAINTED), abs=1)


def test_positions_with_shared_exponents(gltf):
    surface = read_mesh(gltf(**compressed(EXPONENTIAL, filter="EXPONENTIAL")))
    assert surface.vertices.max(0) == pytest.approx([3.5, 3.5, 0])


def test_turns_of_instances(gltf):
    square = compressed()

    def change(document):
        document["accessors"].append({"bufferView": 4, "componentType": 5122, "count": 4, "type": "VEC4"})
        document["accessors"][-1]["normalized"] = True
        stream = document["bufferViews"].pop()
        layout = {"byteStride": 8, "count": 4, "mode": "ATTRIBUTES", "filter": "QUATERNION"}
        square["change"](document)
        document["bufferViews"][4] = {
            "buffer": 1, "byteLength": 32, "extensions": {"EXT_meshopt_compression": {**stream, **layout}},
        }  # fmt: skip
        rotation = {"ROTATION": len(document["accessors"]) - 1}
        document["nodes"][0]["extensions"] = {"EXT_mesh_gpu_instancing": {"attributes": rotation}}

    surface = read_mesh(gltf(change, views=(b"\0" * 8, *square["views"], QUATERNIONS)))
    # as it is, a quarter turn about z, half a turn about x, and one that sends x to y, y to z
    for corner in ([1, 1, 0], [-1, 1, 0], [1, -1, 0], [0, 1, 1]):
        assert np.abs(surface.vertices - corner).max(axis=1).min() < 1e-2


def test_attributes_of_many_groups():
    walk = np.cumsum(np.random.RandomState(0).randint(-3, 4, (40, 4)), 0) * np.array([1, 1, 9, 0])
    out = np.zeros((40, 4), np.uint8)
    end = len(WALK) - 32
    assert decode_attributes(array(WALK), end, array(WALK)[-4:].copy(), out) == end
    assert np.array_equal(out, walk.astype(np.uint8))


def test_the_specifications_example_of_a_group():
    group = bytes([0x17, 0x5F, 0xF0, 0xBC, 0x77, 0xA9, 0x21, 0x00, 0x34, 0xB5])
    stream = array(b"\xa0\x02" + group + bytes(3))
    out = np.zeros((16, 4), np.uint8)
    decode_attributes(stream, len(stream), np.zeros(4, np.uint8), out)
    expected = np.cumsum([-1, -4, -3, 26, -91, 0, -6, 6, -4, -4, 5, -5, 1, -1, 0, 0])
    assert np.array_equal(out[:, 0], expected % 256)


def test_triangles_and_indices():
    faces = np.zeros((20, 3), np.int64)
    assert decode_triangles(array(GRID), len(GRID) - 16, faces) == len(GRID) - 16
    assert faces.tolist() == GRID_FACES
    indices = np.zeros(6, np.int64)
    assert decode_indices(array(INDICES), len(INDICES) - 4, indices) == len(INDICES) - 4
    assert indices.tolist() == [0, 1, 2, 0, 2, 3]


@pytest.mark.parametrize(
    ("positions", "more", "word"),
    [
        (POSITIONS[:-1], {}, "damaged"),
        (POSITIONS[:20], {}, "damaged"),
        (b"\xa0", {}, "damaged"),
        (TRIANGLES, {}, "mode"),
        (NEWER, {}, "newer"),
        (POSITIONS, {"filter": "QUATERNION"}, "QUATERNION"),
        (POSITIONS, {"count": 10**9}, "at most"),
        (POSITIONS, {"count": 10**5}, "fit"),
    ],
)
def test_damaged_streams_are_refused(gltf, positions, more, word):
    with pytest.raises(DataError, match=word):
        read_mesh(gltf(**compressed(positions, **more)))


def test_mutated_streams_end_as_sentences_or_arrays(gltf):
    generator = np.random.default_rng(0)
    for _ in range(40):
        streams = [bytearray(POSITIONS), bytearray(TRIANGLES)]
        for stream in streams:
            stream[int(generator.integers(len(stream)))] = int(generator.integers(256))
        with contextlib.suppress(DataError):
            read_mesh(gltf(**compressed(*map(bytes, streams))))
