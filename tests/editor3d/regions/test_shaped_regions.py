"""Regions inside a mesh, of a visual hull, and those widened by a distance."""

from __future__ import annotations

import json
import math
import os

import pytest
import torch
import trimesh

from editor3d.errors import RegionError
from editor3d.outputs.surface import write_mesh
from editor3d.regions import (
    Box,
    Dilate,
    Intersection,
    Invert,
    MeshRegion,
    ObjectRegion,
    Sphere,
    Union,
    from_json,
    parse_region,
    seen_parts,
    settled,
)

POINTS = torch.rand(4000, 3, generator=torch.Generator().manual_seed(0)) * 4 - 2


@pytest.fixture
def written(tmp_path):
    def write(mesh: trimesh.Trimesh, name: str = "thing.ply"):
        mesh.export(tmp_path / name)
        return tmp_path / name

    return write


@pytest.mark.parametrize("suffix", ["ply", "obj", "stl", "glb", "off"])
def test_a_mesh_holds_what_the_shape_that_it_was_made_of_holds(written, suffix):
    box = Box((0.3, -0.2, 0.1), (0.5, 0.7, 0.9))
    mesh = trimesh.creation.box([1.0, 1.4, 1.8], trimesh.transformations.translation_matrix(box.center))
    region = parse_region(f"mesh:{written(mesh, f'thing.{suffix}')}")
    clear = (box.distance(POINTS) > 1e-4) | box.contains(POINTS)
    assert torch.equal(region.contains(POINTS)[clear], box.contains(POINTS)[clear])
    assert torch.allclose(region.distance(POINTS), box.distance(POINTS), atol=1e-5)
    assert region.contains(POINTS.view(40, 100, 3)).shape == (40, 100)


def test_small_holes_are_closed_and_large_ones_refused(written):
    ball = trimesh.creation.icosphere(3, 1.0)
    ball.update_faces([face != 7 for face in range(len(ball.faces))])
    inside = POINTS.norm(dim=-1) < 0.95
    assert MeshRegion(written(ball)).contains(POINTS)[inside].all()
    half = trimesh.creation.icosphere(3, 1.0).slice_plane([0, 0, 0], [0, 0, 1])
    with pytest.raises(RegionError, match="open edges"):
        MeshRegion(written(half, "half.ply"))


@pytest.mark.parametrize("content", [b"", b"ply\nformat ascii 1.0\nend_header\n", b"\x00\xff" * 50])
def test_files_that_are_no_mesh_are_one_sentence(tmp_path, content):
    path = tmp_path / "thing.ply"
    path.write_bytes(content)
    with pytest.raises(RegionError, match="thing.ply"):
        MeshRegion(path)
    with pytest.raises(RegionError, match="found no file"):
        MeshRegion(tmp_path / "none.ply")


def test_a_box_and_a_ball_widened_hold_what_is_near_them():
    ball, box = Sphere((0.2, 0.0, 0.0), 0.5), Box((-0.5, 0.0, 0.0), (0.3, 0.3, 0.3), (1.0, 0.2, 0.0, 0.5))
    assert torch.equal(Dilate(ball, 0.25).contains(POINTS), Sphere(ball.center, 0.75).contains(POINTS))
    wide = Dilate(box, 0.2).contains(POINTS)
    assert wide[box.contains(POINTS)].all()
    assert not wide[~Box(box.center, (0.5, 0.5, 0.5), box.rotation).contains(POINTS)].any()
    both = Dilate(Union(ball, box), 0.2).contains(POINTS)
    assert torch.equal(both, wide | Dilate(ball, 0.2).contains(POINTS))


def test_distances_of_a_box_are_those_to_its_nearest_point():
    box = Box((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    points = torch.tensor([[0.0, 0.0, 0.0], [3.0, 0.0, 0.0], [2.0, 2.0, 0.0], [2.0, 2.0, 2.0]])
    assert box.distance(points).tolist() == pytest.approx([0.0, 2.0, math.sqrt(2), math.sqrt(3)])


@pytest.mark.parametrize("amount", [0, -1, math.nan, math.inf, "1", True, None])
def test_amounts_that_are_none_are_refused(amount):
    with pytest.raises(RegionError, match="positive distance"):
        Dilate(Sphere((0, 0, 0), 1), amount)


@pytest.mark.parametrize(
    "region", [ObjectRegion("teapot"), Invert(Sphere((0, 0, 0), 1)), Intersection(Sphere((0, 0, 0), 1))]
)
def test_what_has_no_distance_is_not_widened(region):
    with pytest.raises(RegionError, match="to dilate"):
        Dilate(region, 0.1)


def test_they_come_back_from_json(written, tmp_path):
    mesh = MeshRegion(written(trimesh.creation.icosphere(2, 1.0)))
    wide = Dilate(Union(mesh, Box((0, 0, 0), (1, 1, 1))), 0.5)
    again = from_json(json.loads(json.dumps(wide.to_json())))
    assert torch.equal(again.contains(POINTS), wide.contains(POINTS))
    hull = parse_region(f"hull:{tmp_path}")
    assert from_json(hull.to_json()) == hull
    assert parse_region(settled(f"mesh:{mesh.file}")) == mesh
    assert parse_region(settled(f"hull:{tmp_path}")) == hull
    assert seen_parts(hull) == [hull]


@pytest.mark.parametrize("shape", ["box", "ball", "mesh"])
def test_a_ray_enters_where_it_is_first_inside(shape, written):
    ball = Sphere((0.1, -0.2, 0.3), 0.7)
    region = {
        "box": Box((0.1, -0.2, 0.3), (0.5, 0.7, 0.3), (1.0, 0.3, -0.2, 0.5)),
        "ball": ball,
        "mesh": ball,
    }[shape]
    if shape == "mesh":
        region = MeshRegion(written(trimesh.creation.icosphere(4, 0.7).apply_translation(ball.center)))
    generator = torch.Generator().manual_seed(3)
    origins = torch.randn(300, 3, generator=generator, dtype=torch.float64) * 1.5
    directions = torch.randn(300, 3, generator=generator, dtype=torch.float64) - origins * 0.7
    directions = torch.nn.functional.normalize(directions, dim=-1)
    t = torch.linspace(0.0, 8.0, 4001, dtype=torch.float64)
    inside = region.contains(origins[:, None] + t[:, None] * directions[:, None])
    first = torch.where(inside.any(1), t[inside.int().argmax(1)], torch.inf)
    found = region.entry(origins, directions)
    meets = torch.isfinite(first)
    assert 50 < int(meets.sum()) < 280
    assert torch.allclose(found[meets], first[meets], atol=5e-3)
    grazing = torch.isfinite(found) & ~meets  # between two of the places that were asked about
    assert int(grazing.sum()) <= 3


@pytest.mark.parametrize("suffix", ["ply", "obj", "glb"])
def test_a_mesh_far_from_the_origin_holds_what_it_holds_near(written, suffix, tmp_path):
    place = torch.tensor([540_000.0, 5_400_000.0, -1.0], dtype=torch.float64)
    near = trimesh.creation.icosphere(3, 1.0)
    far = near.copy()
    far.vertices = far.vertices + place.numpy()
    write_mesh(tmp_path / f"far.{suffix}", far)
    one, other = MeshRegion(written(near, "near.ply")), MeshRegion(tmp_path / f"far.{suffix}")
    points = POINTS.double()
    clear = (one.distance(points) > 1e-4) | (points.norm(dim=-1) < 0.97)
    assert torch.equal(other.contains(points + place)[clear], one.contains(points)[clear])
    assert torch.allclose(other.distance(points + place), one.distance(points), atol=1e-5)
    rays = torch.nn.functional.normalize(-points, dim=-1)
    assert torch.allclose(other.entry(points + place, rays), one.entry(points, rays), atol=1e-4)


@pytest.mark.parametrize("suffix", ["obj", "ply", "glb", "gltf", "dae"])
def test_the_textures_of_a_regions_mesh_are_not_opened(tmp_path, monkeypatch, suffix):
    from PIL import Image

    box = trimesh.creation.box()
    places = box.vertices[:, :2] + 0.5
    box.visual = trimesh.visual.TextureVisuals(uv=places, image=Image.new("RGB", (4, 4), (255, 0, 0)))
    box.export(tmp_path / f"box.{suffix}")
    opened = []
    monkeypatch.setattr(Image, "open", lambda *a, **k: opened.append(a))
    assert parse_region(f"mesh:{tmp_path / f'box.{suffix}'}").contains(torch.zeros(1, 3)).all()
    assert not opened


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_in_the_place_of_a_meshs_numbers_is_not_waited_for(tmp_path):
    trimesh.creation.box().export(tmp_path / "box.gltf")
    for buffer in tmp_path.glob("*.bin"):
        buffer.unlink()
        os.mkfifo(buffer)
    with pytest.raises(RegionError, match="found a pipe"):
        parse_region(f"mesh:{tmp_path / 'box.gltf'}")
