"""A result on a mesh of several slots: what it says nothing of stays, to the last node."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

MADE = """
from array import array
glb, meshes, matching = part("formats.glb"), part("scene.meshes"), part("formats.matching")
materials, faces = part("scene.materials"), part("scene.faces")
def material(name, color, **values):
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    inputs = made.node_tree.nodes["Principled BSDF"].inputs
    inputs["Base Color"].default_value = (*color, 1.0)
    for key, value in values.items():
        inputs[key].default_value = value
    return made
thing = bpy.data.objects["Cube"]
thing.data.materials.clear()
for one in (material("Red paint", (0.6, 0.01, 0.01), Roughness=0.35), material("Chrome", (0.8, 0.8, 0.8), Metallic=1.0),
            material("Glass", (0.9, 0.95, 1.0), Roughness=0.05, **{"Transmission Weight": 1.0})):
    thing.data.materials.append(one)
for index, polygon in enumerate(thing.data.polygons):
    polygon.material_index = index % 3
def values(material):
    inputs = material.node_tree.nodes["Principled BSDF"].inputs
    return {name: round(inputs[name].default_value, 4) for name in ("Roughness", "Metallic", "Transmission Weight")}
def result_for(which, finish=None):
    geometry = meshes.geometry_of(thing, which)
    corners = array("i", [geometry.loops[c] for c in geometry.triangles])
    uvs = array("f", [0.5 * geometry.uvs[2 * c + k] for c in geometry.triangles for k in (0, 1)])
    picture = open(names["picture"], "rb").read()
    styled = glb.Styled(array("f", geometry.positions), corners, uvs, None, picture, None, finish=finish and picture)
    return geometry, styled, matching.corner_uvs(geometry, styled)
def accept(instruction, which, finish=None):
    work, session = part("job.work"), part("job.session").session
    geometry, styled, uvs = result_for(which, finish)
    request = work.JobRequest("mesh", instruction, thing.name, {}, {}, geometry)
    request.faces = which
    outcome = work.Outcome()
    outcome.styled, outcome.uvs = styled, uvs
    session.request, session.outcome, session.phase = request, outcome, "pending"
    bpy.ops.editor3d.accept()
"""


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.fromarray(np.full((8, 8, 3), (120, 60, 200), np.uint8)).save(tmp_path / "picture.png")
    return tmp_path / "picture.png"


def test_slots_stay_slots_and_keep_all_but_their_colour(blender, picture: Path):
    told = blender.run(
        MADE
        + """
before = [values(m) for m in thing.data.materials]
accept("make it brighter", None)
mesh = thing.data
result = {"before": before, "after": [values(m) for m in mesh.materials], "slots": [m.name for m in mesh.materials],
          "faces": [p.material_index for p in mesh.polygons],
          "colored": [m.node_tree.nodes["Principled BSDF"].inputs["Base Color"].is_linked for m in mesh.materials],
          "images": len({n.image.name for m in mesh.materials for n in m.node_tree.nodes if hasattr(n, "image")})}
""",
        picture=picture,
    )
    assert told["after"] == told["before"]
    assert told["faces"] == [0, 1, 2, 0, 1, 2]
    assert told["colored"] == [True] * 3
    assert told["images"] == 1


def test_the_slot_that_a_sentence_names_changes_alone(blender, picture: Path):
    told = blender.run(
        MADE
        + """
for words in ("make the red part gold", "make the red paint parts gold", "turn the glass material into wood",
              "make it gold", "make the purple part gold"):
    found = faces.chosen(thing, "AUTO", words)
    result[words] = [found.which and list(found.which), found.instruction]
originals = [m.name for m in thing.data.materials]
found = faces.chosen(thing, "AUTO", "make the red part gold")
accept(found.instruction, found.which, finish=True)
shader = thing.data.materials[0].node_tree.nodes["Principled BSDF"]
result["slots"] = [m.name == was for m, was in zip(thing.data.materials, originals)]
result["metal"] = [shader.inputs[name].is_linked for name in ("Metallic", "Roughness")]
result["others"] = [values(m) for m in thing.data.materials][1:]
""",
        picture=picture,
    )
    assert told["make the red part gold"] == [[1, 0, 0, 1, 0, 0], "make it gold"]
    assert told["make the red paint parts gold"] == [[1, 0, 0, 1, 0, 0], "make it gold"]
    assert told["turn the glass material into wood"] == [[0, 0, 1, 0, 0, 1], "turn it into wood"]
    assert told["make it gold"] == [None, "make it gold"]
    assert told["make the purple part gold"] == [None, "make the purple part gold"]
    assert told["slots"] == [False, True, True]
    assert told["metal"] == [True, True]
    assert [one["Metallic"] for one in told["others"]] == [1.0, 0.0]
    assert told["others"][1]["Transmission Weight"] == 1.0


def test_faces_that_the_scene_marks_get_a_slot_of_their_own(blender, picture: Path):
    told = blender.run(
        MADE
        + """
for polygon in thing.data.polygons:
    polygon.select = polygon.index == 4
group = thing.vertex_groups.new(name="top")
group.add([v.index for v in thing.data.vertices if v.co.z > 0], 1.0, "ADD")
layer = thing.data.color_attributes.new("mask", "FLOAT_COLOR", "CORNER")
for corner in thing.data.polygons[2].loop_indices:
    layer.data[corner].color = (1, 1, 1, 1)
for corner in set(range(24)) - set(thing.data.polygons[2].loop_indices):
    layer.data[corner].color = (0, 0, 0, 1)
bpy.ops.mesh.primitive_cube_add(size=1, location=(1.0, 0, 0))
box = bpy.context.object
for where in ("SELECTED", "GROUP", "MASK", "INSIDE"):
    found = faces.chosen(thing, where, "make it gold", box)
    result[where] = [i for i, face in enumerate(found.which) if face]
result["centres"] = [list(p.center) for p in thing.data.polygons]
which = faces.chosen(thing, "SELECTED", "make it gold").which
accept("make it gold", which)
result["materials"] = [m.name for m in thing.data.materials]
result["faces"] = [p.material_index for p in thing.data.polygons]
try:
    faces.chosen(thing, "INSIDE", "make it gold", thing)
except faces.FaceError as error:
    result["told"] = str(error)
""",
        picture=picture,
    )
    centres = np.array(told["centres"])
    assert told["SELECTED"] == [4]
    assert told["GROUP"] == np.flatnonzero(centres[:, 2] > 0.9).tolist()
    assert told["MASK"] == [2]
    assert told["INSIDE"] == np.flatnonzero(centres[:, 0] > 0.9).tolist()
    assert len(told["materials"]) == 4
    assert told["faces"] == [0, 1, 2, 0, 3, 2]
    assert "another mesh" in told["told"]


def test_a_shape_comes_as_a_key_where_the_triangles_are_the_same(blender, picture: Path):
    """Vertex groups, keys and texture coordinates stay; the engine's order of triangles is that of what was sent."""
    told = blender.run(
        MADE
        + """
work, session = part("job.work"), part("job.session").session
thing.shape_key_add(name="Basis")
thing.shape_key_add(name="smile").data[0].co.x += 0.3
thing.vertex_groups.new(name="arm").add([1, 2], 0.5, "ADD")
geometry = meshes.geometry_of(thing)
glb.write(geometry, [look for look, _ in materials.looks_of(thing)])
moved = array("f", [1.1 * value for value in geometry.positions])
corners = array("i", [geometry.loops[c] for c in geometry.sent])
uvs = array("f", [0.5 * geometry.uvs[2 * c + k] for c in geometry.sent for k in (0, 1)])
styled = glb.Styled(moved, corners, uvs, None, open(names["picture"], "rb").read(), None)
assert matching.corner_uvs(geometry, styled) is None
assert matching.moved_vertices(geometry, styled, 0.01) is None
outcome = work.Outcome()
outcome.styled = styled
outcome.uvs, outcome.moved = matching.moved_vertices(geometry, styled, 1.0)
request = work.JobRequest("mesh", "carve it", "Cube", {}, {}, geometry)
session.request, session.outcome, session.phase = request, outcome, "pending"
layers = [layer.name for layer in thing.data.uv_layers]
bpy.ops.editor3d.accept()
keys = thing.data.shape_keys.key_blocks
result = {"keys": [k.name for k in keys], "value": keys[-1].value, "uvs": [l.name for l in thing.data.uv_layers],
          "weights": [g.weight for g in thing.data.vertices[1].groups], "layers": layers,
          "co": [list(p.co) for p in keys[-1].data], "was": [list(p.co) for p in keys[0].data],
          "objects": sorted(o.name for o in bpy.data.objects)}
""",
        picture=picture,
    )
    assert told["keys"] == ["Basis", "smile", "Editor3D"]
    assert told["value"] == 1.0
    assert told["uvs"][: len(told["layers"])] == told["layers"]
    assert told["weights"] == [0.5]
    assert np.allclose(told["co"], 1.1 * np.array(told["was"]), atol=1e-6)
    assert told["objects"] == ["Camera", "Cube", "Light"]
