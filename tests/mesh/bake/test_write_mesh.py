"""What is written of a styled mesh: its geometry to the bit or nearly so, its texture, in files other programs open."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pygltflib
import pytest
import torch
import trimesh
from PIL import Image
from scipy.spatial import cKDTree

from editor3d.errors import ConfigError
from mesh.bake.bake import BakedMesh, baked
from mesh.bake.texels import covering
from mesh.bake.unwrap import own_places, unwrapped
from mesh.bake.write import write_baked
from mesh.io.read import read_mesh
from mesh.model.looks import Looks
from mesh.style.run import StyleRun
from mesh.surface import Surface


@pytest.fixture
def styled(config, tmp_path):
    """Makes a mesh under a random field."""

    def make(displacement: float = 0.05, **settings):
        run = StyleRun(config(style={"displacement": displacement}, **settings), tmp_path / "run", device="cpu")
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for parameter in run.styled.field.parameters():
                parameter.add_(0.15 * torch.randn(parameter.shape, generator=generator))
        return run.styled

    return make


@pytest.mark.parametrize("suffix", [".glb", ".obj"])
@pytest.mark.parametrize("texture_size", [0, 64])
@pytest.mark.parametrize(
    ("radius", "center"), [(1.0, (0, 0, 0)), (1e-5, (0, 0, 0)), (1e5, (0, 0, 0)), (1.0, (5e6, -4e6, 100.0))]
)
def test_geometry_comes_back_in_the_files_own_frame(styled, ball, tmp_path, suffix, texture_size, radius, center):
    ball(2, radius, center).export(tmp_path / "far.obj", digits=17)
    mesh = baked(styled(mesh=str(tmp_path / "far.obj")), texture_size)
    write_baked(tmp_path / f"out{suffix}", mesh)
    back = read_mesh(tmp_path / f"out{suffix}")
    # corners are paired by the middles of their faces: sorting by rounded numbers could swap neighbours
    one, other = mesh.vertices[mesh.faces], back.vertices[back.faces]
    distance, which = cKDTree(other.mean(1)).query(one.mean(1))
    assert sorted(which) == list(range(len(other)))
    turns = np.stack([np.roll(other[which], turn, axis=1) for turn in range(3)])
    assert np.abs(turns - one).max((2, 3)).min(0).max() <= 1e-6 * 2 * radius
    assert not np.array_equal(mesh.vertices, read_mesh(tmp_path / "far.obj").vertices)


def test_colours_of_vertices_come_back(styled, tmp_path):
    mesh = baked(styled(), 0)
    for suffix, step in ((".glb", 1e-3), (".obj", 1 / 255)):
        write_baked(tmp_path / f"out{suffix}", mesh)
        back = read_mesh(tmp_path / f"out{suffix}")
        assert np.abs(back.vertex_colors - mesh.colors).max() <= step + 4e-3


@pytest.mark.parametrize("suffix", [".glb", ".obj"])
def test_the_texture_shows_the_style(styled, tmp_path, suffix):
    mesh = styled(displacement=0.0)
    write_baked(tmp_path / f"out{suffix}", baked(mesh, 1024))
    back = read_mesh(tmp_path / f"out{suffix}")
    third = torch.full((len(back.faces), 3), 1 / 3)
    found = Looks(back).at(torch.arange(len(back.faces)), third).numpy()
    expected = mesh.color_at(torch.arange(len(back.faces)), third).numpy()
    assert back.materials[0].texture.shape == (1024, 1024, 3)
    middles = [surface.vertices[surface.faces].mean(1) for surface in (back, mesh.surface)]
    _, which = cKDTree(middles[0]).query(middles[1])
    assert np.abs(found[which] - expected).mean() < 0.02
    assert expected.std(0).min() > 0.02


def test_a_texture_of_its_own_is_kept_where_no_style_is(config, box_file, tmp_path):
    run = StyleRun(config(mesh=str(box_file)), tmp_path / "run", device="cpu")
    surface = run.styled.surface
    uvs, own = own_places(surface)
    assert own
    assert np.array_equal(uvs, surface.uvs)
    mesh = baked(run.styled, 72)
    face, weights = covering(uvs, 72)
    covered = face >= 0
    looks = Looks(surface).at(torch.from_numpy(face[covered]), torch.from_numpy(weights[covered])).numpy()
    assert np.abs(mesh.texture[covered] / 255.0 - looks).max() <= 0.5 / 255 + 1e-6


def test_places_that_overlap_or_leave_the_texture_are_made_anew(box_file):
    surface = read_mesh(box_file)
    for uvs in (surface.uvs * 0.0, surface.uvs + 1.0, np.tile(surface.uvs[:1], (12, 1, 1))):
        found, own = own_places(Surface(surface.vertices, surface.faces, uvs=uvs.astype(np.float32)))
        assert not own
        assert found.min() >= 0
        assert found.max() <= 1


def test_new_places_do_not_overlap(ball):
    sphere = ball(3)
    uvs = unwrapped(Surface(np.asarray(sphere.vertices), np.asarray(sphere.faces)))
    sides = uvs[:, 1:] - uvs[:, :1]
    area = 0.5 * np.abs(sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0]).sum()
    covered = (covering(uvs, 512)[0] >= 0).mean()
    assert covered == pytest.approx(area, abs=0.01)
    assert covered > 0.4


def test_the_normal_map_says_what_a_finer_mesh_would_show(ball, tmp_path):
    """A wave along the surface: the baked normals are those of the wave itself."""
    from mesh.bake.bake import _relief, corner_tangents
    from mesh.model.field import FieldSettings, StyleField
    from mesh.model.styled import StyledMesh
    from mesh.render.render import LightSettings, vertex_normals

    flat = Surface(
        np.array([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]),
        np.array([[0, 1, 2], [0, 2, 3]]),
        uvs=np.array([[[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]]], np.float32),
    )
    field = StyleField(FieldSettings(displacement=0.1), torch.Generator().manual_seed(0))
    mesh = StyledMesh(flat, field, LightSettings(), (1.0, 1.0, 1.0), at_points=True)
    slope = 0.05 * 6.0
    mesh.displacement_at = lambda points: 0.05 * torch.sin(6.0 * points[:, 0])
    weights = torch.tensor([[0.2, 0.5, 0.3]])
    tangents = torch.from_numpy(corner_tangents(mesh.rest.numpy(), flat.faces, flat.uvs))
    face = torch.tensor([0])
    (found,) = _relief(mesh, vertex_normals(mesh.rest, mesh.faces), tangents[face], face, weights)
    x = float(mesh.points_of(face, weights)[0, 0])
    expected = np.array([-slope * np.cos(6.0 * x), 0.0, 1.0])
    assert np.allclose(found.numpy(), expected / np.linalg.norm(expected), atol=2e-3)


def test_the_glb_is_valid(styled, tmp_path):
    """What the glTF 2.0 specification demands of accessors, views and images."""
    path = tmp_path / "out.glb"
    write_baked(path, baked(styled(), 64))
    head = path.read_bytes()
    assert head[:4] == b"glTF"
    assert int.from_bytes(head[8:12], "little") == len(head)
    found = pygltflib.GLTF2.load_binary(str(path))
    blob = found.binary_blob()
    assert found.buffers[0].byteLength <= len(blob)
    sizes = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
    arrays = []
    for accessor in found.accessors:
        view = found.bufferViews[accessor.bufferView]
        width = sizes[accessor.type]
        assert view.byteOffset % 4 == 0
        assert view.byteLength == accessor.count * width * 4
        assert view.byteOffset + view.byteLength <= found.buffers[0].byteLength
        kind = np.float32 if accessor.componentType == 5126 else np.uint32
        arrays.append(np.frombuffer(blob, kind, accessor.count * width, view.byteOffset).reshape(-1, width))
    (primitive,) = found.meshes[0].primitives
    attributes = primitive.attributes
    position, normal, tangent = (arrays[i] for i in (attributes.POSITION, attributes.NORMAL, attributes.TANGENT))
    assert np.allclose(found.accessors[attributes.POSITION].min, position.min(0))
    assert np.allclose(found.accessors[attributes.POSITION].max, position.max(0))
    assert np.abs(np.linalg.norm(normal, axis=1) - 1).max() < 1e-4
    assert np.abs(np.linalg.norm(tangent[:, :3], axis=1) - 1).max() < 1e-4
    assert np.abs((normal * tangent[:, :3]).sum(1)).max() < 1e-3
    assert set(np.unique(tangent[:, 3])) <= {-1.0, 1.0}
    assert arrays[primitive.indices].max() == len(position) - 1
    for image in found.images:
        view = found.bufferViews[image.bufferView]
        assert blob[view.byteOffset : view.byteOffset + 4] == b"\x89PNG"
    document = json.loads(head[20 : 20 + int.from_bytes(head[12:16], "little")])
    assert document["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]["index"] == 0
    assert document["materials"][0]["normalTexture"]["index"] == 1


@pytest.mark.slow
def test_blender_opens_it_with_its_texture(styled, tmp_path):
    # bpy cannot be loaded beside open3d, each brings an embree: it is looked for here, and used in its own process
    if importlib.util.find_spec("bpy") is None:
        pytest.skip("bpy is not installed")
    mesh = baked(styled(), 64)
    write_baked(tmp_path / "out.glb", mesh)
    script = """
import bpy, json, sys
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.import_scene.gltf(filepath=sys.argv[1])
(thing,) = [found for found in bpy.data.objects if found.type == "MESH"]
tree = thing.active_material.node_tree
shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
color = shader.inputs["Base Color"].links[0].from_node
normal = shader.inputs["Normal"].links[0].from_node
print("FOUND" + json.dumps({
    "size": list(color.image.size), "normal": normal.type, "uv": len(thing.data.uv_layers),
    "faces": len(thing.data.polygons), "attributes": [a.name for a in thing.data.attributes],
    "low": [min(v.co[k] for v in thing.data.vertices) for k in range(3)],
    "color": list(color.image.pixels[:3]),
}))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "out.glb")], capture_output=True, text=True, timeout=300
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("FOUND")] or [done.stderr]
    found = json.loads(line.removeprefix("FOUND"))
    assert found["size"] == [64, 64]
    assert found["normal"] == "NORMAL_MAP"
    assert found["uv"] == 1
    assert found["faces"] == len(mesh.faces)
    low = mesh.vertices.min(0)
    assert np.allclose(found["low"], [low[0], -mesh.vertices[:, 2].max(), low[1]], atol=1e-5)  # Blender's z is up
    assert np.allclose(np.array(found["color"]) * 255, mesh.texture[-1, 0], atol=1)  # its rows begin below


def test_an_obj_names_its_pictures(styled, tmp_path):
    mesh = baked(styled(), 64)
    write_baked(tmp_path / "out.obj", mesh)
    material = (tmp_path / "out.mtl").read_text()
    assert "map_Kd out_color.png" in material
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out_color.png")), mesh.texture)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out_normal.png")), mesh.normal_map)
    plain = trimesh.load(tmp_path / "out.obj", process=False)
    assert plain.visual.kind == "texture"


@pytest.mark.parametrize("name", ["out.blend", "out", "out.ply"])
def test_other_endings_are_refused(name, tmp_path: Path):
    empty = BakedMesh(np.zeros((0, 3)), np.zeros((0, 3), int), np.zeros((0, 3)), np.zeros((0, 3)))
    with pytest.raises(ConfigError, match=r"\.glb"):
        write_baked(tmp_path / name, empty)
    assert not list(tmp_path.iterdir())
