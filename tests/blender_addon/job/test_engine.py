"""The add-on and the real engine, from the button to the scene, in a Blender without a window."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
COMMAND = Path(sys.executable).parent
BEGIN = """
session = part("job.session").session
bpy.context.preferences.addons[names["module"]].preferences.command = names["command"]
chosen = bpy.context.window_manager.editor3d
chosen.instruction, chosen.editor, chosen.quality = names["instruction"], "procedural", "DRAFT"
def ask(**settings):
    asked = part("ui.requests").ask(bpy.context)
    asked.settings.update(settings)
    session.start(asked, part("ui.preferences").command())
    seen = set()
    end = time.monotonic() + 200
    while session.running and time.monotonic() < end:
        part("job.session").tick()
        seen.add(session.message)
        time.sleep(0.05)
    return sorted(seen)
def end():
    part("job.engine").running()[0].post("/shutdown")
"""
MODULE = "bl_ext.user_default.editor3d_panel"


def test_a_mistake_is_told_in_one_sentence_and_then_a_mesh_is_styled(blender):
    told = blender.run(
        BEGIN
        + """
bpy.ops.object.select_all(action="DESELECT")
bpy.ops.mesh.primitive_uv_sphere_add(segments=16, ring_count=8)
thing = bpy.context.object
chosen.instruction = "florble the wug"
ask()
mistake = session.message if session.phase == "idle" else session.phase
chosen.instruction = names["instruction"]
seen = ask(steps=4, side=64, texture_size=64)
result = {"phase": session.phase, "message": session.message, "seen": seen, "views": len(session.outcome.pairs),
          "files": session.outcome.files, "mistake": mistake}
bpy.ops.editor3d.accept()
material = thing.data.materials[0]
result["material"] = sorted(node.bl_idname for node in material.node_tree.nodes)
result["history"] = [(e["instruction"], e["state"]) for e in part("job.history").entries]
end()
""",
        command=COMMAND,
        module=MODULE,
        instruction="turn it into gold",
    )
    assert told["phase"] == "pending", told
    assert told["views"] == 4
    assert {"result.glb", "before_after.png", "edit.json"} <= set(told["files"])
    assert "ShaderNodeTexImage" in told["material"]
    assert told["history"] == [["turn it into gold", "accepted"], ["florble the wug", "failed"]]
    assert "florble" in told["mistake"]


def test_a_light_is_refined_towards_a_picture(blender, tmp_path: Path):
    """The scene is rendered with a dim light; the search is to find it from a bright one."""
    told = blender.run(
        BEGIN
        + """
scene = bpy.context.scene
scene.render.engine = "CYCLES"
scene.cycles.samples = 4
scene.render.resolution_x = scene.render.resolution_y = 48
scene.render.filepath = names["target"]
lamp = bpy.data.lights["Light"]
bpy.ops.object.select_all(action="DESELECT")
bpy.data.objects["Light"].select_set(True)
lamp.energy = 150.0
bpy.ops.render.render(write_still=True)
lamp.energy = 1500.0
chosen.what, chosen.part, chosen.target = "REFINE", "LIGHTS", names["target"]
seen = ask(budget_seconds=60, depth=4, allow_weaker_sandbox=True)
result = {"phase": session.phase, "message": session.message, "seen": seen}
if session.phase == "pending":
    changes = part("scene.programs").changes_in(session.outcome.program, session.request.entries)
    result["changes"] = [(entry.target, value) for entry, value in changes]
    bpy.ops.editor3d.accept()
    result["energy"] = lamp.energy
end()
""",
        command=COMMAND,
        module=MODULE,
        instruction="make it darker",
        target=tmp_path / "target.png",
    )
    assert told["phase"] == "pending", told
    assert told["changes"]
    assert told["energy"] < 1500.0


def test_a_run_is_edited_and_comes_in_as_points(blender, tiny_base: Path):
    told = blender.run(
        BEGIN
        + """
chosen.what, chosen.scene_path, chosen.scene_format = "SCENE", names["capture"], "pointcloud"
chosen.quality = "NORMAL"
seen = ask(method="in2n", steps=4)
result = {"phase": session.phase, "message": session.message, "seen": seen}
if session.phase == "pending":
    bpy.ops.editor3d.accept()
    thing = bpy.context.object
    result.update(count=len(thing.data.vertices), colors=thing.data.color_attributes[0].name)
end()
""",
        command=COMMAND,
        module=MODULE,
        instruction="make it look like winter",
        capture=tiny_base,
    )
    assert told["phase"] == "pending", told
    assert told["count"] > 1000
    assert told["colors"] == "Color"
