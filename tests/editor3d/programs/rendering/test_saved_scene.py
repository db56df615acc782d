"""A scene saved with what a program changes: the same picture, and nothing of the program itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from editor3d.errors import ConfigError
from editor3d.programs.core.contracts import RenderSettings
from editor3d.programs.rendering.handle import message_of, names_of
from editor3d.programs.rendering.pool import Workers

pytest.importorskip("bpy")

SETTINGS = RenderSettings(width=48, height=48, samples=4)
FRESH = """
import bpy, json, os, sys
given = json.loads(sys.argv[1])
bpy.ops.wm.open_mainfile(filepath=given["scene"], load_ui=False, use_scripts=False)
scene = bpy.context.scene
blocks = [*bpy.data.objects, *bpy.data.node_groups, *bpy.data.scenes]
blocks += [b.node_tree for kind in ("materials", "lights", "worlds") for b in getattr(bpy.data, kind) if b.node_tree]
nodes = [node for block in blocks for node in getattr(block, "nodes", ())]
found = {
    "texts": len(bpy.data.texts),
    "drivers": sum(len(b.animation_data.drivers) for b in blocks if b.animation_data),
    "script nodes": sum(node.bl_idname == "ShaderNodeScript" for node in nodes),
    "handlers": sum(len(v) for n in dir(bpy.app.handlers) if isinstance(v := getattr(bpy.app.handlers, n), list)),
    "engine": scene.render.engine,
    "resolution": [scene.render.resolution_x, scene.render.resolution_y],
}
scene.render.engine, scene.cycles.device = "CYCLES", "CPU"
scene.render.resolution_x = scene.render.resolution_y = given["side"]
scene.render.resolution_percentage = 100
scene.cycles.samples, scene.cycles.seed = given["samples"], 0
scene.cycles.use_adaptive_sampling = scene.cycles.use_denoising = False
scene.render.image_settings.file_format, scene.render.image_settings.color_mode = "PNG", "RGB"
scene.render.filepath = given["picture"]
bpy.ops.render.render(write_still=True)
json.dump(found, open(given["found"], "w"))
os._exit(0)
"""
NOT_TOLD = {
    "shape keys": ["shape keys Key"],  # points of a key are no single values
    "a painted picture": ["image Checks"],
    "geometry nodes": ["object Subject"],  # it sets an input that the nodes do not have, which Blender drops
    "geometry of the node wrangler": ["node group Geometry"],  # points of a mapping's curve
    "a material of the node wrangler": ["material Shader"],  # its picture is the same
    "arrays and a mesh of bmesh's": ["mesh Block"],  # points of a mesh that was there
}
"""What of the harmless programs' changes cannot be told by plain values."""


def in_blender(code: str, folder: Path, **given: Any) -> Any:
    """What a script finds; it sees `given` as JSON in its first argument."""
    found = folder / "found.json"
    words = [sys.executable, "-c", code, json.dumps({**given, "found": str(found)})]
    environment = os.environ | {"TMPDIR": str(folder)}
    run = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=240)
    assert found.is_file(), run.stdout + run.stderr
    return json.loads(found.read_text())


def fresh(scene: Path) -> tuple[dict, np.ndarray]:
    """What a Blender that knows nothing of this package finds in a file, and its picture."""
    picture = scene.with_suffix(".png")
    found = in_blender(FRESH, scene.parent, scene=str(scene), picture=str(picture), side=48, samples=4)
    with Image.open(picture) as image:
        return found, np.array(image.convert("RGB"))


def test_the_saved_scene_has_the_programs_picture_and_no_program(blend, programs, tmp_path):
    name = "material"
    scene, saved = blend(name), tmp_path / "result.blend"
    before = scene.read_bytes()
    with Workers(scene, SETTINGS, allow_weaker_sandbox=True) as workers:
        wanted = workers.render(programs[name]).image
        plain = workers.render("import bpy").image
        earlier = os.umask(0o077)
        try:
            assert workers.save_scene(programs[name], saved) == []
        finally:
            os.umask(earlier)
    assert saved.stat().st_mode & 0o777 == 0o600
    assert scene.read_bytes() == before
    found, picture = fresh(saved)
    assert np.array_equal(picture, wanted)
    assert not np.array_equal(picture, plain)
    copy = tmp_path / "scene.blend"
    copy.write_bytes(before)
    assert found == fresh(copy)[0]
    assert found["texts"] == found["drivers"] == found["script nodes"] == 0


ROUND_TRIP = """
import bpy, json, os, sys
from PIL import Image
from editor3d.programs.sandbox.given import prepare
from editor3d.programs.worker import scene as worker_scene, typed_changes, typed_edit
given, found = json.loads(sys.argv[1]), {}
settings = dict(camera=None, width=32, height=32, threads=1, samples=1, seed=0, noise=0.0, denoise=False)

def picture():
    worker_scene.render(given["picture"], keep=False)
    with Image.open(given["picture"]) as opened:
        return opened.tobytes()

for name, (scene, source) in given["cases"].items():
    worker_scene.open_scene(scene, settings)
    before = typed_changes.state()
    code, names = prepare(source, "program")
    exec(code, names)
    worker_scene.set_render(bpy.context.scene, settings)
    after = typed_changes.state()
    changes = json.loads(json.dumps(typed_changes.changes(before, after)))
    whole, wanted = typed_changes.digests(changes), picture()
    worker_scene.open_scene(scene, settings)
    failed = typed_edit.apply(changes)
    left_out = list(dict.fromkeys([*failed, *typed_changes.unlike(changes, after, whole)]))
    found[name] = [left_out, picture() == wanted]
json.dump(found, open(given["found"], "w"))
os._exit(0)
"""


def test_harmless_programs_are_taken_over_or_said_to_be_left_out(blend, programs, harmless, tmp_path):
    cases = {name: (str(blend(name)), source) for name, source in programs.items()}
    cases |= {name: (str(blend(kind)), source) for name, (kind, source) in harmless.items()}
    told = in_blender(ROUND_TRIP, tmp_path, cases=cases, picture=str(tmp_path / "picture.png"))
    assert {name: left_out for name, (left_out, _) in told.items() if left_out} == NOT_TOLD
    assert [name for name, (_, same) in told.items() if not same] == [
        "shape keys",
        "arrays and a mesh of bmesh's",
        "geometry of the node wrangler",
    ]


def test_a_program_that_may_not_run_writes_nothing(blend, tmp_path):
    with Workers(blend("lighting"), SETTINGS, allow_weaker_sandbox=True) as workers:
        for source in ("import os\nos.getcwd()", "import bpy\nbpy.data.lights['Nobody'].energy = 1.0"):
            with pytest.raises(ConfigError):
                workers.save_scene(source, tmp_path / "result.blend")
        with pytest.raises(ConfigError, match="another file"):
            workers.save_scene("import bpy", blend("lighting"))
    assert list(tmp_path.iterdir()) == []


HOSTILE = [
    {"path": ["texts", {"at": "Notes"}, "name"], "value": "x"},
    {"path": ["objects", {"at": "Block"}, "__class__"], "value": "x"},
    {"path": ["objects", {"at": "Block"}, "driver_add"], "value": "location"},
    {"path": ["objects", {"at": "Block"}, "animation_data", "action"], "block": None},
    {"path": ["objects", {"at": "Block"}, "data"], "block": ["texts", "Notes"]},
    {"path": ["objects", {"at": "Block"}, "location"], "value": ["1", "2", "3"]},
    {"path": ["objects", {"at": "Block"}, "location"], "value": float("inf")},
    {"path": ["objects", {"at": "Block"}, {"at": "key"}], "value": "x"},
    {"path": ["objects", {"at": "Block"}, "bl_rna", "name"], "value": "x"},
    {"path": ["objects", {"at": "Nobody"}, "hide_render"], "value": True},
    {"path": ["scenes", {"at": "Scene"}, "render", "filepath"], "value": "/tmp/out"},
    {"path": ["scenes", {"at": "Scene"}, "frame_start"], "value": 7},
    {"path": ["objects", {"at": "Block"}, "data", "remesh_voxel_size"], "value": 0.5},
    {"path": ["objects", "x"], "value": 1},
    {"path": ["images"], "items": [["picture"]]},
    {"path": ["node_groups"], "items": [["Files", "CompositorNodeTree", []]]},
    {"path": ["materials", {"at": "Block"}, "node_tree", "nodes"], "items": [["Script", "ShaderNodeScript"]]},
    {"path": ["materials", {"at": "Block"}, "node_tree", "links"], "items": [["A", 0, "B", 0]]},
    {"path": ["meshes", {"at": "Block"}], "geometry": {"vertices": [], "edges": [], "faces": []}},
    {"path": "objects", "value": 1},
    {"path": [], "value": 1},
    {"value": 1},
    [],
    None,
]
APPLIED = """
import bpy, json, os, sys
from editor3d.programs.worker import guard as worker_guard, typed_edit
given = json.loads(sys.argv[1])
found = []
for change in given["changes"]:
    bpy.ops.wm.open_mainfile(filepath=given["scene"], load_ui=False, use_scripts=False)
    bpy.data.texts.new("Notes")
    before = worker_guard.snapshot()
    missing = typed_edit.apply([change])
    found.append([missing, worker_guard.difference(before, worker_guard.snapshot())])
json.dump(found, open(given["found"], "w"))
os._exit(0)
"""


def test_changes_that_reach_for_more_than_values_come_to_nothing(blend, tmp_path):
    told = in_blender(APPLIED, tmp_path, scene=str(blend("placement")), changes=HOSTILE)
    for change, (missing, changed) in zip(HOSTILE, told, strict=True):
        assert missing, change
        assert changed is None, change


MESHES = """
import bpy, json, os, sys
from editor3d.programs.worker import typed_changes, typed_edit
given, found = json.loads(sys.argv[1]), {}
bpy.ops.wm.open_mainfile(filepath=given["scene"], load_ui=False, use_scripts=False)
vertices, faces = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], [[0, 1, 2], [1, 3, 2]]
first, second, third = (bpy.data.materials.new(name) for name in ("First", "Second", "Third"))
mesh = bpy.data.meshes.new("Pair")
mesh.from_pydata(vertices, [], faces)
mesh.materials.append(first)
mesh.materials.append(second)
mesh.polygons[1].material_index = 1
before = typed_changes.state()
mesh.materials[0] = third
mesh.materials.append(first)
changes = typed_changes.changes(before, typed_changes.state())
mesh.materials.pop(index=2)
mesh.materials[0] = first
found["missing"] = typed_edit.apply(changes)
found["materials"] = [material.name for material in mesh.materials]
found["faces"] = [face.material_index for face in mesh.polygons]

names = [[block.name] for block in bpy.data.meshes]
for name, face in (("Whole", [0, 1, 2]), ("Beyond", [0, 1, 4]), ("Below", [0, 1, -1])):
    names.append([name])
    shape = {"vertices": vertices, "edges": [], "faces": [face], "smooth": None, "material": None, "uvs": None}
    geometry = {"path": ["meshes", {"at": name}], "geometry": shape}
    missing = typed_edit.apply([{"path": ["meshes"], "items": names}, geometry])
    found[name] = [missing, len(bpy.data.meshes[name].polygons)]
json.dump(found, open(given["found"], "w"))
os._exit(0)
"""


def test_faces_keep_their_materials_and_have_vertices(blend, tmp_path):
    found = in_blender(MESHES, tmp_path, scene=str(blend("placement")))
    assert found["missing"] == []
    assert found["materials"] == ["Third", "Second", "First"]
    assert found["faces"] == [0, 1]
    assert found["Whole"] == [[], 1]
    assert found["Beyond"] == [["mesh Beyond"], 0]
    assert found["Below"] == [["mesh Below"], 0]


NAMESAKES = """
import bpy, json, os, sys
from editor3d.programs.worker import typed_changes, typed_edit
given, found = json.loads(sys.argv[1]), {}
bpy.ops.wm.read_factory_settings(use_empty=True)
mesh = bpy.data.meshes.new("Shape")
mesh.from_pydata([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [], [[0, 1, 2]])
bpy.data.libraries.write(given["library"], {mesh})
with bpy.data.libraries.load(given["library"], link=True) as (there, wanted):
    wanted.meshes = ["Shape"]
found["blocks"] = [[block.name, block.library is not None] for block in bpy.data.meshes]
before, state = typed_changes.digests([]), typed_changes.state()
mesh.vertices[0].co.z = 1.0
after = typed_changes.digests([])
found["names"] = sorted(name for name in after if name.startswith("mesh "))
found["changed"] = sorted(name for name in after if after[name] != before[name])
found["unlike"] = typed_changes.unlike([], state, before)

own, other = sorted(bpy.data.meshes, key=lambda block: block.library is not None)
thing = bpy.data.objects.new("Thing", own)
bpy.context.scene.collection.objects.link(thing)
for source, target in ((own, other), (other, own)):
    thing.data = source
    before = typed_changes.state()
    whole = typed_changes.digests([])
    thing.data = target
    found["seen"] = found.get("seen", True) and whole != typed_changes.digests([])
    changes = json.loads(json.dumps(typed_changes.changes(before, typed_changes.state())))
    thing.data = source
    found.setdefault("missing", []).extend(typed_edit.apply(changes))
    found.setdefault("pointed", []).append(thing.data == target)
json.dump(found, open(given["found"], "w"))
os._exit(0)
"""


def test_a_datablock_is_told_from_another_file_s_of_the_same_name(tmp_path):
    found = in_blender(NAMESAKES, tmp_path, library=str(tmp_path / "library.blend"))
    assert sorted(found["blocks"]) == [["Shape", False], ["Shape", True]]
    assert found["names"] == ["mesh Shape", "mesh Shape of library.blend"]
    assert found["changed"] == found["unlike"] == ["mesh Shape"]
    assert found["seen"]
    assert found["missing"] == []
    assert found["pointed"] == [True, True]


def test_a_scene_that_was_saved_anew_is_not_mixed_with_the_earlier_one(blend, programs, tmp_path):
    scene, saved = blend("lighting"), tmp_path / "result.blend"
    earlier = scene.read_bytes()
    with Workers(scene, SETTINGS, allow_weaker_sandbox=True) as workers:
        scene.write_bytes(blend("placement").read_bytes())
        with pytest.raises(ConfigError, match="saved anew since"):
            workers.save_scene(programs["lighting"], saved)
        scene.unlink()
        with pytest.raises(ConfigError, match="saved anew since"):
            workers.save_scene(programs["lighting"], saved)
        assert not saved.exists()
        scene.write_bytes(earlier)
        assert workers.save_scene(programs["lighting"], saved) == []


def test_what_is_told_of_datablocks_gives_a_terminal_no_orders():
    named = names_of({"left_out": ["mesh \x1b]0;x\x07", *(f"mesh {index}" for index in range(200))]})
    assert named[0] == "mesh  ]0;x "
    assert len(named) == 100
    assert names_of({"left_out": "mesh"}) == names_of({}) == []
    assert message_of({"message": "\x1b[2J"}) == " [2J"
