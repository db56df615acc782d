"""Meshes, clouds and small pictures as flat arrays, handled in blocks that change no result. Needs no Blender."""

from __future__ import annotations

import importlib
import struct
import sys
from array import array
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import trimesh

from mesh.bake.bake import BakedMesh
from mesh.bake.write import write_baked

ADDON = Path(__file__).parents[3] / "blender_addon"


@pytest.fixture(scope="module")
def part():
    """The add-on's modules that know nothing of Blender, without the package's own code, which does."""
    package = ModuleType("addon_arrays")
    package.__path__ = [str(ADDON)]
    sys.modules[package.__name__] = package
    yield lambda name: importlib.import_module(f"addon_arrays.{name}")
    for name in [name for name in sys.modules if name.partition(".")[0] == package.__name__]:
        del sys.modules[name]


def geometry_of(part, mesh: trimesh.Trimesh):
    """The mesh as the add-on has it, with a place in a texture for each corner."""
    corners = array("i", mesh.faces.astype(np.int32).tobytes())
    uvs = array("f", np.random.default_rng(1).random(2 * len(corners)).astype(np.float32).tobytes())
    colors = array("f", np.random.default_rng(2).random(4 * len(corners)).astype(np.float32).tobytes())
    places = array("f", mesh.vertices.astype(np.float32).tobytes())
    kinds = array("i", [k % 2 for k in range(len(mesh.faces))])
    return part("formats.glb").Geometry(places, corners, array("i", range(len(corners))), kinds, uvs, colors)


def answers_of(mesh: trimesh.Trimesh, folder: Path) -> list[bytes]:
    """As the engine sends it, with a colour a vertex and with a texture; a node places it far from the origin."""
    random = np.random.default_rng(0)
    picture = np.zeros((4, 4, 3), np.uint8)
    look = {"uvs": random.random((len(mesh.faces), 3, 2), np.float32), "texture": picture, "normal_map": picture}
    out = []
    for more in ({}, look):
        colors = random.random((len(mesh.vertices), 3), np.float32)
        normals = mesh.vertex_normals.astype(np.float32)
        write_baked(folder / "mesh.glb", BakedMesh(mesh.vertices + 100.0, mesh.faces, colors, normals, **more))
        out.append((folder / "mesh.glb").read_bytes())
    return out


def values(thing) -> dict:
    return {name: list(v) if isinstance(v, array) else v for name, v in vars(thing).items()}


def test_blocks_are_short_and_make_up_the_whole(part, monkeypatch):
    blocks = part("formats.blocks")
    monkeypatch.setattr(blocks, "SIZE", 7)
    for count in (0, 1, 6, 7, 8, 50):
        numbers = array("i", range(count))
        parts = list(blocks.blocks(numbers))
        assert all(0 < len(one) <= 7 for one in parts)
        assert blocks.joined("i", parts) == numbers
        if count:
            assert blocks.low_and_high(numbers) == (0, count - 1)
            assert list(blocks.looked_up(numbers, numbers[::-1])) == list(range(count))[::-1]


def test_the_length_of_blocks_changes_no_result(part, monkeypatch, tmp_path):
    glb, ply = part("formats.glb"), part("formats.ply")
    mesh = trimesh.creation.icosphere(subdivisions=2)
    geometry, looks = geometry_of(part, mesh), [glb.Look(), glb.Look()]
    points = trimesh.PointCloud(mesh.vertices, np.arange(3 * len(mesh.vertices)).reshape(-1, 3) % 256)
    answers = answers_of(mesh, tmp_path)
    clouds = [points.export(file_type="ply"), mesh.export(file_type="ply")]

    def results():
        own = glb.Styled(geometry.positions, geometry.loops, geometry.uvs, None, None, None)
        return [
            glb.write(geometry, looks),
            list(part("formats.matching").corner_uvs(geometry, own)),
            *(values(glb.read(answer)) for answer in answers),
            *(values(ply.read(cloud)) for cloud in clouds),
        ]

    whole = results()
    monkeypatch.setattr(part("formats.blocks"), "SIZE", 7)
    assert results() == whole
    assert whole[1] == list(geometry.uvs)


def test_coordinates_are_kept_for_the_same_triangles_alone(part):
    glb = part("formats.glb")
    square = array("f", [0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0])
    two = array("i", [0, 1, 2, 0, 2, 3])

    def kept(triangles, uvs, positions=square, corners=two, loops=two):
        geometry = glb.Geometry(square, array("i", loops), array("i", triangles), array("i", bytes(8)))
        return part("formats.matching").corner_uvs(
            geometry, glb.Styled(positions, array("i", corners), uvs, None, None, None)
        )

    uvs = array("f", [k / 16 for k in range(12)])
    assert kept(range(6), uvs) == uvs
    # vertices and corners in another order
    turned = array("f", [*square[3:], *square[:3]])
    assert kept(range(6), uvs, turned, [3, 0, 1, 3, 1, 2]) == uvs
    assert list(kept(range(6), uvs, corners=[1, 2, 0, 0, 2, 3])) == [*uvs[4:6], *uvs[:4], *uvs[6:]]
    # a face without area is left out by the engine, and stops nothing
    assert list(kept(range(9), uvs, loops=[*two, 3, 3, 1])) == [*uvs, *[0.0] * 6]
    assert kept(range(6), uvs, corners=[0, 1, 3, 1, 2, 3]) is None
    assert kept(range(6), None) is None
    # corners that two triangles share would need two places in the texture
    assert kept([0, 1, 2, 0, 2, 3], uvs, loops=[0, 1, 2, 3]) is None
    same = array("f", [0, 0, 1, 0, 1, 1, 0, 0, 1, 1, 0, 1])
    assert list(kept([0, 1, 2, 0, 2, 3], same, loops=[0, 1, 2, 3])) == [0, 0, 1, 0, 1, 1, 0, 1]


def test_a_small_picture_is_read_from_below(part):
    read = part("formats.pixels").read
    rows = np.random.default_rng(0).integers(0, 256, (3, 5, 3), np.uint8)
    picture = read(b"P6\n5 3\n255\n" + rows.tobytes())
    rgba = np.frombuffer(picture.values.tobytes(), np.uint8).reshape(picture.height, picture.width, 4)
    assert np.array_equal(rgba[::-1, :, :3], rows)
    assert (rgba[..., 3] == 255).all()
    assert read(b"\x89PNG\r\n\x1a\n" + bytes(50)) is None
    for body in (rows.tobytes()[:-1], rows.tobytes() + b"\0", b""):
        with pytest.raises(ValueError, match="instead of 45"):
            read(b"P6\n5 3\n255\n" + body)


def test_a_picture_may_begin_with_any_byte(part):
    """The space that ends the head may be followed by bytes that are spaces too."""
    picture = part("formats.pixels").read(struct.pack("11s3B", b"P6\n1 1\n255\n", 10, 32, 9))
    assert picture.values.tobytes() == bytes((10, 32, 9, 255))
