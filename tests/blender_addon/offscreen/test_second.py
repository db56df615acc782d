"""What a second Blender bakes and renders of a copy of the scene."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import trimesh
from PIL import Image


def test_colours_that_nodes_compute_are_sent_as_a_picture(blender, tmp_path: Path):
    """A cube, red above its middle and blue below, by nodes; of metal, which a bake of diffuse light would blacken."""
    told = blender.run(
        """
thing = bpy.data.objects["Cube"]
material = thing.data.materials[0]
tree = material.node_tree
shader = tree.nodes["Principled BSDF"]
shader.inputs["Metallic"].default_value = 1.0
place = tree.nodes.new("ShaderNodeTexCoord")
parts = tree.nodes.new("ShaderNodeSeparateXYZ")
ramp = tree.nodes.new("ShaderNodeValToRGB")
ramp.color_ramp.interpolation = "CONSTANT"
ramp.color_ramp.elements[0].color, ramp.color_ramp.elements[1].color = (0, 0, 1, 1), (1, 0, 0, 1)
ramp.color_ramp.elements[1].position = 0.5
tree.links.new(place.outputs["Generated"], parts.inputs[0])
tree.links.new(parts.outputs[2], ramp.inputs[0])
tree.links.new(ramp.outputs[0], shader.inputs["Base Color"])
chosen = bpy.context.window_manager.editor3d
chosen.instruction, chosen.editor = "make it brighter", "procedural"
asked = part("ui.requests").ask(bpy.context)
name, data = asked.inputs["mesh"]()
open(names["file"], "wb").write(data)
result = {"layers": [layer.name for layer in thing.data.uv_layers], "nodes": len(tree.nodes)}
""",
        file=tmp_path / "cube.glb",
    )
    assert told["layers"] == ["UVMap"]
    assert told["nodes"] == 5
    cube = trimesh.load(tmp_path / "cube.glb", force="mesh")
    picture = np.asarray(cube.visual.material.baseColorTexture.convert("RGB")).astype(int)
    corners = cube.vertices[cube.faces]
    middles = cube.visual.uv[cube.faces].mean(1)
    side = len(picture)
    colors = picture[((1 - middles[:, 1]) * side).astype(int), (middles[:, 0] * side).astype(int)]
    heights = corners.mean(1)[:, 2]
    assert (colors[heights > 0.2] - [255, 0, 0] == 0).all()
    assert (colors[heights < -0.2] - [0, 0, 255] == 0).all()


def test_the_scene_is_previewed_through_its_own_camera(blender, tmp_path: Path):
    told = blender.run(
        """
scene = bpy.context.scene
scene.render.resolution_x, scene.render.resolution_y = 1000, 500
scene.cycles.samples = 2
chosen = bpy.context.window_manager.editor3d
chosen.instruction, chosen.editor, chosen.what, chosen.part = "at night", "procedural", "REFINE", "LIGHTS"
asked = part("ui.requests").ask(bpy.context, preview=True)
name, data = asked.inputs["picture"]()
open(names["file"], "wb").write(data)
result = {"kind": asked.kind, "engine": scene.render.engine, "percent": scene.render.resolution_percentage}
""",
        file=tmp_path / "view.png",
    )
    assert told["kind"] == "picture-preview"
    assert told["percent"] == 100
    with Image.open(tmp_path / "view.png") as picture:
        assert picture.size == (510, 255)
        shown = np.asarray(picture.convert("L")).astype(float)
    assert shown[100:150, 230:280].mean() > shown[:20, :20].mean() + 20  # the cube is lit


def test_what_a_second_blender_cannot_do_is_said_in_one_sentence(blender, tmp_path: Path):
    told = blender.run(
        """
second = part("offscreen.second")
for name, job in (("bake", {"blend": "/nowhere.blend", "object": "Cube", "side": 64}), ("missing", {})):
    try:
        second.carry_out("", name, {**job, "folder": names["folder"]})
    except second.SecondError as error:
        result[name] = str(error)
""",
        folder=tmp_path,
    )
    assert "nowhere" in told["bake"]
    assert "failed: No module" in told["missing"]
