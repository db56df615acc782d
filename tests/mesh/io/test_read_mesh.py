"""Any mesh in: formats, polygons, materials, and what is broken."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from PIL import Image

from editor3d.errors import DataError
from editor3d.srgb import to_linear, to_srgb
from mesh.io.read import read_mesh
from mesh.model.looks import Looks
from mesh.refine import refined
from mesh.surface import Frame, Surface


@pytest.mark.parametrize("suffix", [".obj", ".ply", ".stl", ".glb", ".off"])
@pytest.mark.parametrize("radius", [1e-6, 1.0, 1e6])
def test_every_format_and_scale_gives_the_same_surface(ball, triangles_of, suffix, radius, tmp_path):
    sphere = ball(2, radius, center=(3 * radius, 0, -radius))
    digits = {"digits": 17} if suffix in (".obj", ".off") else {}
    sphere.export(tmp_path / f"ball{suffix}", **digits)
    surface = read_mesh(tmp_path / f"ball{suffix}")
    assert surface.faces.shape == sphere.faces.shape
    assert surface.vertices.shape == sphere.vertices.shape  # STL's corners are welded
    assert not surface.notes
    expected = triangles_of(Surface(np.asarray(sphere.vertices), np.asarray(sphere.faces)))
    if suffix in (".obj", ".off"):
        assert np.abs(triangles_of(surface) - expected).max() <= 1e-6 * radius
    assert surface.vertices.min(0) == pytest.approx(sphere.bounds[0], abs=1e-6 * radius)


def test_polygons_are_triangulated(tmp_path):
    (tmp_path / "house.obj").write_text(
        "v 0 0 0\nv 2 0 0\nv 2 1 0\nv 1 2 0\nv 0 1 0\nv 0 0 1\nv 2 0 1\nf 1 2 3 4 5\nf 1 2 7 6\n"
    )
    surface = read_mesh(tmp_path / "house.obj")
    assert len(surface.faces) == 5
    corners = surface.vertices[surface.faces]
    area = 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum()
    assert area == pytest.approx(3.0 + 2.0)


def test_vertices_at_one_place_are_one_and_textures_keep_their_seams(box_file):
    surface = read_mesh(box_file)
    assert len(surface.vertices) == 8
    assert surface.uvs.shape == (12, 3, 2)
    assert surface.materials[0].texture.shape == (48, 72, 3)


def test_a_texture_is_read_where_its_picture_says(box_file):
    surface, looks = read_mesh(box_file), None
    looks = Looks(surface)
    assert surface.is_textured
    import torch

    weights = torch.full((12, 3), 1 / 3)
    uv = surface.uvs.mean(1)
    picture = surface.materials[0].texture
    at = picture[((1 - uv[:, 1]) * 48).astype(int), (uv[:, 0] * 72).astype(int)] / 255.0
    found = looks.at(torch.arange(12), weights).numpy()
    assert (np.abs(found - at).max(1) < 0.5).all()
    assert np.abs(found - at).mean() < 0.1


def test_several_materials_and_parts_become_one_surface(tmp_path):
    red, blue = trimesh.creation.box(), trimesh.creation.icosphere(subdivisions=1)
    blue.apply_translation([3, 0, 0])
    material = trimesh.visual.material.PBRMaterial
    red.visual = trimesh.visual.TextureVisuals(material=material(baseColorFactor=[1.0, 0.0, 0.0, 1.0]))
    blue.visual = trimesh.visual.TextureVisuals(material=material(baseColorFactor=[0.0, 0.0, 0.5, 1.0]))
    trimesh.Scene([red, blue]).export(tmp_path / "both.glb")
    surface = read_mesh(tmp_path / "both.glb")
    assert len(surface.faces) == 12 + 80
    colors = Looks(surface).at_vertices().numpy()
    left = surface.vertices[:, 0] < 1
    assert np.allclose(colors[left], [1, 0, 0])
    assert np.allclose(colors[~left], [0, 0, to_srgb(np.array([0.5]))[0]], atol=5e-3)  # factors are linear light


def test_vertex_colours_of_gltf_are_linear_and_of_ply_are_not(ball, tmp_path):
    sphere = ball(1)
    sphere.visual = trimesh.visual.ColorVisuals(sphere, vertex_colors=np.full((len(sphere.vertices), 3), 128, np.uint8))
    for suffix, expected in ((".ply", 128 / 255), (".glb", float(to_srgb(np.array([128 / 255]))[0]))):
        sphere.export(tmp_path / f"ball{suffix}")
        assert read_mesh(tmp_path / f"ball{suffix}").vertex_colors == pytest.approx(expected, abs=1e-3)


def test_srgb_and_linear_light_are_inverses():
    values = np.linspace(0, 1, 1001)
    assert np.abs(to_srgb(to_linear(values)) - values).max() < 1e-6


def test_what_cannot_be_drawn_is_dropped_and_told(tmp_path):
    (tmp_path / "bad.obj").write_text(
        "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 2 0 0\nv nan 0 0\nv 0 0 1\n"
        "f 1 2 3\nf 1 2 4\nf 1 1 2\nf 1 2 5\nf 2 3 1\nf 1 2 6\nf 1 2 6\n"
    )
    surface = read_mesh(tmp_path / "bad.obj")
    assert len(surface.faces) == 2
    told = " ".join(surface.notes)
    assert "1 faces with numbers that are not finite" in told
    assert "2 faces of no area" in told
    assert "2 faces drawn twice" in told


def test_edges_of_many_faces_are_kept(tmp_path):
    (tmp_path / "book.obj").write_text("v 0 0 0\nv 0 0 1\nv 1 0 0\nv 0 1 0\nv -1 -1 0\nf 1 2 3\nf 1 2 4\nf 1 2 5\n")
    surface = read_mesh(tmp_path / "book.obj")
    assert len(surface.faces) == 3
    assert any("more than two faces" in note for note in surface.notes)


@pytest.mark.parametrize("inside_out", [False, True])
def test_faces_are_wound_outwards(ball, inside_out, tmp_path):
    sphere = ball(2, center=(5, 5, 5))
    faces = np.array(sphere.faces)
    faces[:40] = faces[:40, ::-1]
    trimesh.Trimesh(sphere.vertices, faces[:, ::-1] if inside_out else faces, process=False).export(
        tmp_path / "ball.ply"
    )
    surface = read_mesh(tmp_path / "ball.ply")
    outward = trimesh.Trimesh(surface.vertices, surface.faces, process=False)
    assert outward.is_winding_consistent
    assert outward.volume > 0
    assert any("turned" in note for note in surface.notes)


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("none.obj", None, "found none"),
        ("scene.blend", "x", "known kind"),
        ("points.ply", "POINTS", "faces"),
        ("empty.obj", "", "faces|damaged"),
        ("line.obj", "v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n", "area"),
        ("dot.obj", "v 1 1 1\nv 1 1 1\nv 1 1 1\nf 1 2 3\n", "size"),
        ("nan.obj", "v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "finite"),
        ("cut.glb", "glTF\2\0\0\0", "damaged"),
    ],
)
def test_what_is_no_mesh_is_refused_with_the_reason(name, content, word, tmp_path):
    path = tmp_path / name
    if content == "POINTS":
        trimesh.PointCloud(np.random.default_rng(0).random((5, 3))).export(path)
    elif content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=word):
        read_mesh(path)


def test_normalising_is_undone():
    rng = np.random.default_rng(0)
    for scale, shift in ((1e-5, 0.0), (1.0, 1e3), (1e6, -5.0)):
        points = rng.random((50, 3)) * scale + shift
        frame = Frame.around(points)
        unit = frame.to_unit(points)
        assert np.linalg.norm(unit, axis=1).max() == pytest.approx(1.0)
        assert np.abs(frame.to_file(unit) - points).max() <= 1e-12 * (scale + abs(shift))


def test_refining_keeps_shape_texture_and_the_vertices_that_were_there(box_file):
    surface = read_mesh(box_file)
    finer = refined(surface, 500)
    assert len(finer.vertices) >= 500
    assert np.array_equal(finer.vertices[:8], surface.vertices)

    def area(found):
        corners = found.vertices[found.faces]
        return np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum()

    assert area(finer) == pytest.approx(area(surface))
    import torch

    third = torch.full((1, 3), 1 / 3)
    middle = np.abs(finer.vertices[finer.faces].mean(1) - surface.vertices[surface.faces[3]].mean(0)).sum(1).argmin()
    assert torch.allclose(
        Looks(finer).at(torch.tensor([middle]), third), Looks(surface).at(torch.tensor([3]), third), atol=1e-4
    )


def test_a_part_of_a_texture_with_a_colour_factor(checkered_box, tmp_path):
    box = checkered_box()
    box.visual.material.baseColorTexture = Image.new("RGB", (8, 8), (188, 188, 188))
    box.visual.material.baseColorFactor = [0.5, 1.0, 1.0, 1.0]
    box.export(tmp_path / "box.glb")
    texture = read_mesh(tmp_path / "box.glb").materials[0].texture
    half = to_srgb(to_linear(np.array([188 / 255])) * 0.5)[0] * 255
    assert abs(int(texture[0, 0, 0]) - half) <= 2
    assert texture[0, 0, 1] == 188


@pytest.mark.parametrize("share", [0.0, 0.02, 0.4])
def test_of_an_open_mesh_the_fewer_faces_are_turned(share):
    from mesh.repair import repaired

    steps = np.linspace(0, 1, 9)
    points = np.stack([*np.meshgrid(steps, steps), np.zeros((9, 9))], -1).reshape(-1, 3)
    corner = (np.arange(8)[:, None] * 9 + np.arange(8)).reshape(-1)
    faces = np.concatenate([corner[:, None] + [0, 1, 10], corner[:, None] + [0, 10, 9]])
    wrong = np.random.default_rng(0).random(len(faces)) < share
    faces[wrong] = faces[wrong][:, ::-1]
    both = Surface(np.vstack([points, points + [5, 0, 0]]), np.vstack([faces, faces + len(points)]))
    surface = repaired(both, "two sheets")
    corners = surface.vertices[surface.faces]
    assert (np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] > 0).all()
    assert any(f"{2 * wrong.sum()} faces turned" in note for note in surface.notes) == bool(wrong.any())
