"""What the engine gives back, in the scene: as one step, exact, and gone when it is rejected."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

PENDING = """
def pending(kind, subject, **values):
    work, session = part("job.work"), part("job.session").session
    geometry, entries = values.pop("geometry", None), values.pop("entries", ())
    asked = work.JobRequest(kind, "turn it into gold", subject, {}, {}, geometry, entries)
    outcome = work.Outcome()
    for name, value in values.items():
        setattr(outcome, name, value)
    session.request, session.outcome, session.phase = asked, outcome, "pending"
    return session
glb, meshes = part("formats.glb"), part("scene.meshes")
"""
SENT = (
    PENDING
    + """
def sent(thing):
    return glb.write(meshes.geometry_of(thing), [look for look, _ in part("scene.materials").looks_of(thing)])
"""
)


def test_what_is_sent_is_the_mesh(blender, tmp_path: Path):
    blender.run(
        SENT
        + """
bpy.ops.mesh.primitive_uv_sphere_add(segments=12, ring_count=8, radius=1.5, location=(3, 2, 1))
thing = bpy.context.object
for number, color in enumerate(((0.1, 0.2, 0.3, 1.0), (0.6, 0.5, 0.4, 1.0))):
    material = bpy.data.materials.new(str(number))
    material.use_nodes = True
    material.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = color
    thing.data.materials.append(material)
for polygon in thing.data.polygons:
    polygon.material_index = polygon.index % 2
open(names["file"], "wb").write(sent(thing))
result = {}
""",
        file=tmp_path / "ball.glb",
    )
    scene = trimesh.load(tmp_path / "ball.glb")
    assert len(scene.geometry) == 2
    whole = scene.to_geometry()
    whole.merge_vertices(merge_tex=True, merge_norm=True)
    assert whole.is_watertight
    assert whole.volume > 0
    radius = np.linalg.norm(whole.vertices, axis=1)
    assert radius == pytest.approx(1.5, abs=1e-6)  # in its own frame, z up
    colors = sorted(tuple(g.visual.material.baseColorFactor[:3]) for g in scene.geometry.values())
    assert colors == [pytest.approx([26, 51, 76], abs=1), pytest.approx([153, 128, 102], abs=1)]
    assert all(g.visual.uv is not None for g in scene.geometry.values())


def test_a_texture_is_sent_as_it_is(blender, tmp_path: Path):
    picture = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "picture.png")
    told = blender.run(
        SENT
        + """
thing = bpy.data.objects["Cube"]
material = thing.data.materials[0]
image = bpy.data.images.load(names["picture"])
node = material.node_tree.nodes.new("ShaderNodeTexImage")
node.image = image
material.node_tree.links.new(node.outputs["Color"], material.node_tree.nodes["Principled BSDF"].inputs["Base Color"])
found = part("scene.materials").looks_of(thing)
image.pack()
packed = part("scene.materials").looks_of(thing)[0][0].picture
open(names["file"], "wb").write(sent(thing))
layer = thing.data.uv_layers.active.data
result = {"path": found[0][1], "same": packed == open(names["picture"], "rb").read(),
          "uvs": [list(layer[loop].uv) for triangle in thing.data.loop_triangles for loop in triangle.loops]}
""",
        picture=tmp_path / "picture.png",
        file=tmp_path / "cube.glb",
    )
    assert told["path"] == str(tmp_path / "picture.png")
    assert told["same"]
    sent = trimesh.load(tmp_path / "cube.glb", force="mesh")
    assert np.array_equal(np.asarray(sent.visual.material.baseColorTexture.convert("RGB")), picture)
    # corner by corner: what Blender shows there is what the file has there
    assert sent.visual.uv[sent.faces.ravel()] == pytest.approx(np.array(told["uvs"]), abs=1e-6)


def test_faces_are_kept_where_only_the_look_is_new(blender, tmp_path):
    Image.new("RGB", (16, 8), (120, 80, 40)).save(tmp_path / "picture.png")
    told = blender.run(
        PENDING
        + """
import struct
from array import array
thing = bpy.data.objects["Cube"]
group = thing.vertex_groups.new(name="kept")
group.add([1, 2], 0.5, "ADD")
geometry = meshes.geometry_of(thing)
corners = array("i", [geometry.loops[c] for c in geometry.triangles])
uvs = array("f", [0.25 + 0.5 * geometry.uvs[2 * c + k] for c in geometry.triangles for k in (0, 1)])
styled = glb.Styled(array("f", geometry.positions), corners, uvs, None, open(names["picture"], "rb").read(), None)
kept = part("formats.matching").corner_uvs(geometry, styled)
old = thing.data.name
session = pending("mesh", "Cube", geometry=geometry, styled=styled, uvs=kept)
bpy.ops.editor3d.accept()
mesh = thing.data
layer = mesh.uv_layers.active.data
error = max(abs(layer[i].uv[k] - (0.25 + 0.5 * geometry.uvs[2 * i + k])) for i in range(len(layer)) for k in (0, 1))
image = next(n.image for n in mesh.materials[0].node_tree.nodes if n.bl_idname == "ShaderNodeTexImage")
result = {
    "faces": [len(p.vertices) for p in mesh.polygons], "error": error, "name": mesh.name, "old": old,
    "weights": [[g.weight for g in v.groups] for v in mesh.vertices],
    "image": [list(image.size), image.packed_file is not None, image.filepath],
    "phase": session.phase, "old_there": old in bpy.data.meshes,
}
""",
        picture=tmp_path / "picture.png",
    )
    assert told["faces"] == [4] * 6
    assert told["error"] < 1e-6
    assert told["weights"][1] == [0.5]
    assert told["image"] == [[16, 8], True, ""]
    assert told["phase"] == "idle"
    assert told["name"] != told["old"]
    assert told["old_there"]


def test_other_triangles_replace_the_faces(blender, tmp_path: Path):
    ball = trimesh.creation.icosphere(subdivisions=2, radius=2.0)
    ball.visual = trimesh.visual.ColorVisuals(ball, vertex_colors=np.full((len(ball.vertices), 4), [255, 128, 0, 255]))
    told = blender.run(
        PENDING
        + """
from array import array
thing = bpy.data.objects["Cube"]
geometry = meshes.geometry_of(thing)
positions = array("f", [float(x) for v in names["vertices"] for x in v])
corners = array("i", [i for f in names["faces"] for i in f])
colors = array("f", [1.0, 0.5, 0.0, 1.0] * len(corners))
styled = glb.Styled(positions, corners, None, colors, None, None)
assert part("formats.matching").corner_uvs(geometry, styled) is None
before = {name: len(getattr(bpy.data, name)) for name in ("meshes", "materials", "images")}
session = pending("mesh", "Cube", geometry=geometry, styled=styled)
bpy.ops.editor3d.compare()
tried = len(thing.data.polygons)
bpy.ops.editor3d.reject()
after = {name: len(getattr(bpy.data, name)) for name in ("meshes", "materials", "images")}
back = len(thing.data.polygons)
session = pending("mesh", "Cube", geometry=geometry, styled=styled)
bpy.ops.editor3d.accept()
result = {"tried": tried, "back": back, "same": before == after, "now": len(thing.data.polygons),
          "valid": not thing.data.validate(), "vertices": len(thing.data.vertices),
          "color": list(thing.data.color_attributes[0].data[0].color)}
""",
        vertices=ball.vertices.tolist(),
        faces=ball.faces.tolist(),
    )
    assert told["tried"] == told["now"] == len(ball.faces)
    assert told["back"] == 6
    assert told["same"]
    assert told["valid"]
    assert told["vertices"] == len(ball.vertices)
    assert told["color"] == pytest.approx([1.0, 0.5, 0.0, 1.0])


def test_a_result_for_an_object_that_is_gone_is_refused(blender):
    told = blender.run(
        PENDING
        + """
from array import array
thing = bpy.data.objects["Cube"]
geometry = meshes.geometry_of(thing)
styled = glb.Styled(geometry.positions, array("i", [0, 1, 2]), None, None, None, None)
pending("mesh", "Cube", geometry=geometry, styled=styled)
bpy.data.objects.remove(thing)
try:
    bpy.ops.editor3d.accept()
except RuntimeError as error:
    result = {"told": str(error)}
"""
    )
    assert "no mesh Cube any more" in told["told"]


def test_damaged_files_are_refused(blender):
    told = blender.run(
        SENT
        + """
whole = sent(bpy.data.objects["Cube"])
points = b"ply\\nformat binary_little_endian 1.0\\nelement vertex 9\\nproperty float x\\nend_header\\n"
cases = {str(cut): (glb.read, whole[:cut]) for cut in (0, 10, 30, 200, -1, -400)}
def ply(text, body):
    return b"ply\\nformat binary_little_endian 1.0\\n" + text + b"end_header\\n" + body
xyz = b"property float x\\nproperty float y\\nproperty float z\\n"
face = b"element face 1\\nproperty list uchar int vertex_indices\\n"
plies = {
    "flat": ply(b"element vertex 1\\nproperty float x\\n", bytes(4)), "bare": ply(b"property float x\\n", b""),
    "short": ply(b"element vertex\\n", b""),
    "corner": ply(b"element vertex 1\\n" + xyz + face, bytes(12) + b"\\3" + bytes(8) + b"\\1\\0\\0\\0"),
}
ply = part("formats.ply")
cases |= {name: (ply.read, data) for name, data in plies.items()}
cases |= {"whole": (glb.read, whole), "ply": (ply.read, points), "text": (ply.read, b"ply\\nx")}
for name, (read, data) in cases.items():
    try:
        read(data)
        result[name] = "read"
    except ValueError as error:
        result[name] = str(error)
"""
    )
    assert len(told) == 13
    assert "read" not in told.values(), told  # what is sent has no indices, which the engine's answer has


def test_another_file_ends_what_waits(blender, tmp_path: Path):
    told = blender.run(
        PENDING
        + """
thing = bpy.data.objects["Cube"]
geometry = meshes.geometry_of(thing)
session = pending("mesh", "Cube", geometry=geometry)
bpy.ops.wm.read_homefile(use_factory_startup=False)
result = {"phase": session.phase, "polls": bpy.ops.editor3d.accept.poll()}
"""
    )
    assert told == {"phase": "idle", "polls": False}


def test_points_and_triangles_come_in_with_their_colours(blender, tmp_path: Path):
    points = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    colors = np.random.default_rng(1).integers(0, 255, (500, 3), np.uint8)
    trimesh.PointCloud(points, colors).export(tmp_path / "points.ply")
    box = trimesh.creation.box()
    box.visual.vertex_colors = [255, 0, 0]
    box.export(tmp_path / "box.ply")
    told = blender.run(
        PENDING
        + """
for name in ("points", "box"):
    cloud = part("formats.ply").read(open(f"{names['folder']}/{name}.ply", "rb").read())
    pending("scene", f"/captures/{name}", cloud=cloud)
    bpy.ops.editor3d.accept()
    thing = bpy.context.object
    mesh = thing.data
    nodes = [node for modifier in thing.modifiers for node in modifier.node_group.nodes]
    painted = [n.inputs["Material"].default_value for n in nodes if n.bl_idname == "GeometryNodeSetMaterial"]
    result[name] = {
        "vertices": [list(v.co) for v in mesh.vertices], "polygons": len(mesh.polygons), "valid": not mesh.validate(),
        "color": [list(c.color_srgb) for c in mesh.color_attributes["Color"].data],
        "materials": len(mesh.materials), "painted": painted == [mesh.materials[0]],
    }
""",
        folder=tmp_path,
    )
    assert np.allclose(told["points"]["vertices"], points)
    assert np.abs(np.array(told["points"]["color"])[:, :3] * 255 - colors).max() < 1.0
    assert told["box"]["polygons"] == 12
    assert told["box"]["valid"]
    assert all(one["materials"] == 1 for one in told.values())
    assert [told[name]["painted"] for name in ("points", "box")] == [True, False]  # a mesh needs no nodes
