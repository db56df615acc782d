"""Several meshes by one press: one job after the other, and one decision over all that came of them."""

from __future__ import annotations

from PIL import Image

STORY = """
from array import array
work, session, glb, meshes = part("job.work"), part("job.session").session, part("formats.glb"), part("scene.meshes")
requests, chosen = part("ui.requests"), bpy.context.window_manager.editor3d
bpy.ops.mesh.primitive_ico_sphere_add(location=(3, 0, 0))
ball, cube = bpy.context.object, bpy.data.objects["Cube"]
cube.select_set(True)
bpy.context.view_layer.objects.active = cube
chosen.instruction, chosen.what = "turn it into gold", "MESH"
bpy.context.preferences.addons["bl_ext.user_default.editor3d_panel"].preferences.command = "/nowhere"
def outcome_of(request):
    geometry = request.geometry
    corners = array("i", [geometry.loops[c] for c in geometry.triangles])
    uvs = array("f", [geometry.uvs[2 * c + k] for c in geometry.triangles for k in (0, 1)])
    outcome = work.Outcome()
    outcome.styled = glb.Styled(array("f", geometry.positions), corners, uvs, None, picture, None)
    outcome.uvs = part("formats.matching").corner_uvs(geometry, outcome.styled)
    outcome.pairs = [("0", picture, picture)]
    return outcome
picture = open(names["picture"], "rb").read()
asked = requests.ask_all(bpy.context)
before = [cube.data.name, ball.data.name]
session.start(asked[0], "/nowhere", then=asked[1:])
"""


def test_each_runs_in_turn_and_all_are_accepted_and_offered_together(blender, tmp_path):
    Image.new("RGB", (8, 8), (200, 160, 40)).save(tmp_path / "picture.png")
    told = blender.run(
        STORY
        + """
result["asked"] = [request.subject for request in asked]
session.take("done", outcome_of(asked[0]))
result["between"] = [session.phase, session.request.subject, bpy.ops.editor3d.accept.poll()]
session.take("done", outcome_of(asked[1]))
result["end"] = [session.phase, session.pairs()]
bpy.ops.editor3d.compare()
result["tried"] = [cube.data.name, ball.data.name]
bpy.ops.editor3d.compare()
result["off"] = [cube.data.name, ball.data.name] == before
chosen.asset = True
bpy.ops.editor3d.accept()
result["accepted"] = [thing.data.name not in before for thing in (cube, ball)]
result["assets"] = [thing.asset_data is not None and thing.asset_data.description for thing in (cube, ball)]
result["history"] = [entry["state"] for entry in part("job.history").entries[:2]]
""",
        picture=tmp_path / "picture.png",
    )
    assert told["asked"] == ["Cube", "Icosphere"]
    assert told["between"] == ["running", "Icosphere", False]
    assert told["end"] == ["pending", 2]
    assert all(name.endswith("(preview)") for name in told["tried"])
    assert told["off"]
    assert told["accepted"] == [True, True]
    assert told["assets"] == ["turn it into gold"] * 2
    assert told["history"] == ["accepted"] * 2


def test_one_that_fails_leaves_those_before_it(blender, tmp_path):
    Image.new("RGB", (8, 8), (200, 160, 40)).save(tmp_path / "picture.png")
    told = blender.run(
        STORY
        + """
session.take("done", outcome_of(asked[0]))
session.take("failed", "The engine ended.")
result["end"] = [session.phase, session.message, len(session.results())]
bpy.ops.editor3d.accept()
result["changed"] = [cube.data.name != before[0], ball.data.name != before[1]]
session.start(asked[0], "/nowhere", then=asked[1:])
session.cancel()
result["stopped"] = [session.phase, session.waiting]
""",
        picture=tmp_path / "picture.png",
    )
    assert told["end"] == ["pending", "Icosphere: The engine ended.", 1]
    assert told["changed"] == [True, False]
    assert told["stopped"] == ["idle", []]
