"""Pictures of what the add-on does to an artist's materials and rig: `python benchmarks/blender_pictures.py`.

Three scenes, each rendered by Cycles before an edit and after it, the edit made by the add-on's own operators and the
engine: nodes that compute a colour, "make it brighter"; slots of red paint, chrome and glass, "make the red part gold";
a head on bones, *Shape*, at rest and with its bones turned. Needs Blender's module (`pip install editor3d[blender]`).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).parents[1]
STORIES = {
    "procedural": "make it brighter",
    "slots": "make the red part gold",
    "shape": "turn it into stone",
}
HEIGHT = 320


def main() -> int:
    if "--worker" in sys.argv:
        return in_blender(json.loads(Path(sys.argv[-1]).read_text()))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(STORIES), help="of " + ", ".join(STORIES))
    parser.add_argument("--output", type=Path, default=ROOT / "outputs" / "blender_pictures")
    parser.add_argument("--steps", type=int, default=200, help="of the mesh's optimisation")
    parser.add_argument("--samples", type=int, default=64, help="of Cycles, before denoising")
    parser.add_argument("--seconds", type=int, default=1500, help="the most that one edit may take")
    asked = parser.parse_args()
    asked.output.mkdir(parents=True, exist_ok=True)
    for name in asked.names:
        with tempfile.TemporaryDirectory() as folder:
            job = {"name": name, "instruction": STORIES[name], "folder": folder, "root": str(ROOT)}
            job |= {"steps": asked.steps, "samples": asked.samples, "seconds": asked.seconds}
            path = Path(folder) / "job.json"
            path.write_text(json.dumps({**job, "command": str(Path(sys.executable).parent)}))
            (Path(folder) / "runtime").mkdir(mode=0o700)
            own = dict.fromkeys(("HOME", "TMPDIR", "XDG_CONFIG_HOME", "BLENDER_USER_RESOURCES"), folder)
            environment = {**os.environ, **own, "XDG_RUNTIME_DIR": str(Path(folder) / "runtime")}
            ran = subprocess.run(
                [sys.executable, __file__, "--worker", str(path)], env=environment, capture_output=True, text=True
            )
            told = Path(folder) / "told.json"
            if not told.is_file():
                print(f"{name}: {ran.stdout[-2000:]}{ran.stderr[-2000:]}")
                return 1
            body = json.loads(told.read_text())
            if "error" in body:
                print(f"{name}: {body['error']}")
                return 1
            picture = asked.output / f"blender_{name}.jpg"
            beside([Path(folder) / f"{shot}.png" for shot in body["shots"]], picture)
            print(f"{name}: {STORIES[name]}, {body['seconds']:.0f} s: {picture} ({body['message']})", flush=True)
    return 0


def beside(shots: list[Path], output: Path) -> None:
    """Pictures in one row, as a JPEG file."""
    from PIL import Image

    pictures = [Image.open(shot).convert("RGB") for shot in shots]
    gap = 8
    whole = Image.new("RGB", (sum(p.width for p in pictures) + gap * (len(pictures) - 1), HEIGHT), "white")
    across = 0
    for picture in pictures:
        whole.paste(picture, (across, 0))
        across += picture.width + gap
    whole.save(output, quality=88, optimize=True)


def in_blender(job: dict) -> int:
    """Runs in Blender: builds a scene, has it edited by the add-on, renders it before and after."""
    told = {}
    try:
        told = edited(job)
    except BaseException:  # noqa: BLE001 it is told, and ends the benchmark
        told = {"error": traceback.format_exc()}
    (Path(job["folder"]) / "told.json").write_text(json.dumps(told))
    os._exit(0)


def edited(job: dict) -> dict:
    import bpy

    sys.path.insert(0, job["root"])
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.preferences.addon_enable(module="blender_addon")
    bpy.context.preferences.addons["blender_addon"].preferences.command = job["command"]
    from blender_addon.job import engine
    from blender_addon.job import session as jobs
    from blender_addon.ui import properties

    studio(job["samples"])
    thing = {"procedural": procedural, "slots": slots, "shape": head}[job["name"]]()
    shots = ["before"]
    shoot(job, "before")
    for other in bpy.context.view_layer.objects:
        other.select_set(other == thing)
    bpy.context.view_layer.objects.active = thing
    properties.QUALITY["MESH"]["DRAFT"] = {"steps": job["steps"], "views": 12, "side": 160, "texture_size": 1024}
    chosen = bpy.context.window_manager.editor3d
    chosen.instruction, chosen.editor, chosen.quality = job["instruction"], "procedural", "DRAFT"
    chosen.shape = 0.12 if job["name"] == "shape" else 0.0
    began = time.monotonic()
    assert bpy.ops.editor3d.run() == {"FINISHED"}
    while jobs.session.running:
        assert time.monotonic() < began + job["seconds"], "it takes too long"
        jobs.tick()
        time.sleep(0.05)
    assert jobs.session.phase == "pending", f"{jobs.session.message} {jobs.session.details[-500:]}"
    seconds = time.monotonic() - began
    assert bpy.ops.editor3d.accept() == {"FINISHED"}
    message = jobs.session.message
    engine.running()[0].post("/shutdown")
    shoot(job, "after")
    shots.append("after")
    if job["name"] == "shape":
        turn_bones(thing)
        shoot(job, "turned")
        shots.append("turned")
    return {"shots": shots, "seconds": seconds, "message": message}


def shoot(job: dict, name: str) -> None:
    import bpy

    bpy.context.scene.render.filepath = str(Path(job["folder"]) / f"{name}.png")
    bpy.ops.render.render(write_still=True)


def studio(samples: int) -> None:
    """A floor, a sky and a lamp, and a camera that looks at what stands at the origin, two units high."""
    import bpy
    from mathutils import Vector

    scene = bpy.context.scene
    scene.render.engine, scene.cycles.device, scene.cycles.samples = "CYCLES", "CPU", samples
    scene.cycles.use_denoising, scene.cycles.seed = True, 0
    scene.view_settings.view_transform = "Standard"
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = HEIGHT, HEIGHT, 100
    scene.render.image_settings.file_format = "PNG"
    scene.world = bpy.data.worlds.new("sky")
    if bpy.app.version < (5, 0, 0):
        scene.world.use_nodes = True
    tree = scene.world.node_tree
    back = next(node for node in tree.nodes if node.bl_idname == "ShaderNodeBackground")
    ramp = ramp_node(tree, ((0.0, (0.25, 0.25, 0.27)), (0.5, (0.5, 0.53, 0.58)), (1.0, (0.9, 0.93, 1.0))))
    places, split = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new("ShaderNodeSeparateXYZ")
    to_share = tree.nodes.new("ShaderNodeMapRange")
    to_share.inputs["From Min"].default_value = -1.0
    tree.links.new(places.outputs["Generated"], split.inputs[0])
    tree.links.new(split.outputs["Z"], to_share.inputs["Value"])
    tree.links.new(to_share.outputs["Result"], ramp.inputs[0])
    tree.links.new(ramp.outputs["Color"], back.inputs["Color"])
    back.inputs["Strength"].default_value = 0.6
    bpy.ops.mesh.primitive_plane_add(size=30.0)
    floor, shader = material("floor", (0.3, 0.3, 0.3), 0.8)
    checks = floor.node_tree.nodes.new("ShaderNodeTexChecker")
    checks.inputs["Scale"].default_value = 40.0
    checks.inputs["Color1"].default_value, checks.inputs["Color2"].default_value = (0.25,) * 3 + (1,), (0.4,) * 3 + (1,)
    floor.node_tree.links.new(checks.outputs["Color"], shader.inputs["Base Color"])
    bpy.context.object.data.materials.append(floor)
    bpy.ops.object.light_add(type="AREA", location=(2.5, -3.0, 5.0))
    lamp = bpy.context.object
    lamp.data.energy, lamp.data.size = 350.0, 2.0
    lamp.rotation_euler = (Vector((0, 0, 1)) - lamp.location).to_track_quat("-Z", "Y").to_euler()
    bpy.ops.object.camera_add(location=(1.6, -5.2, 2.3))
    camera = scene.camera = bpy.context.object
    camera.data.lens = 55.0
    camera.rotation_euler = (Vector((0, 0, 1.0)) - camera.location).to_track_quat("-Z", "Y").to_euler()


def material(name: str, color: tuple, roughness: float, **more: float):
    """A material and its shader; `more` by the sockets' names, spaces as underlines."""
    import bpy

    made = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0, 0):
        made.use_nodes = True
    shader = next(node for node in made.node_tree.nodes if node.bl_idname == "ShaderNodeBsdfPrincipled")
    shader.inputs["Base Color"].default_value = (*color, 1.0)
    shader.inputs["Roughness"].default_value = roughness
    for socket, value in more.items():
        shader.inputs[socket.replace("_", " ")].default_value = value
    return made, shader


def ramp_node(tree, stops: tuple):
    """A colour ramp with (place, colour) stops."""
    ramp = tree.nodes.new("ShaderNodeValToRGB")
    while len(ramp.color_ramp.elements) < len(stops):
        ramp.color_ramp.elements.new(0.5)
    for element, (place, color) in zip(ramp.color_ramp.elements, stops, strict=True):
        element.position, element.color = place, (*color, 1.0)
    return ramp


def procedural():
    """A ball whose rings of dark wood are computed by nodes."""
    import bpy

    bpy.ops.mesh.primitive_uv_sphere_add(segments=64, ring_count=32, location=(0, 0, 1.0))
    thing = bpy.context.object
    bpy.ops.object.shade_smooth()
    wood, shader = material("wood", (0.1, 0.1, 0.1), 0.45)
    tree = wood.node_tree
    rings = tree.nodes.new("ShaderNodeTexWave")
    rings.wave_type = "RINGS"
    for socket, value in (("Scale", 2.2), ("Distortion", 6.0), ("Detail", 2.0), ("Detail Scale", 1.2)):
        rings.inputs[socket].default_value = value
    ramp = ramp_node(tree, ((0.2, (0.03, 0.012, 0.006)), (0.8, (0.16, 0.06, 0.02))))
    places = tree.nodes.new("ShaderNodeTexCoord")
    tree.links.new(places.outputs["Object"], rings.inputs["Vector"])
    tree.links.new(rings.outputs["Fac"], ramp.inputs["Fac"])
    tree.links.new(ramp.outputs["Color"], shader.inputs["Base Color"])
    thing.data.materials.append(wood)
    return thing


def slots():
    """One mesh of three slots: a ball of red paint on a ring of chrome, with a goblet of glass beside them."""
    import bpy

    parts = (
        (material("red paint", (0.6, 0.02, 0.02), 0.35), "uv_sphere", {"radius": 0.62, "location": (-0.45, 0.0, 1.0)}),
        (
            material("chrome", (0.85, 0.85, 0.87), 0.05, Metallic=1.0),
            "torus",
            {"major_radius": 0.55, "minor_radius": 0.2, "location": (-0.45, 0.0, 0.2)},
        ),
        (
            material("glass", (0.85, 0.95, 0.92), 0.0, IOR=1.45, Transmission_Weight=1.0),
            "cylinder",
            {"radius": 0.35, "depth": 1.5, "location": (0.8, -0.2, 0.76), "vertices": 64},
        ),
    )
    made = []
    for (look, _), kind, values in parts:
        getattr(bpy.ops.mesh, f"primitive_{kind}_add")(**values)
        bpy.ops.object.shade_smooth()
        bpy.context.object.data.materials.append(look)
        made.append(bpy.context.object)
    made[2].modifiers.new("round", "BEVEL").width = 0.08
    bpy.ops.object.modifier_apply(modifier="round")
    for thing in made:
        thing.select_set(True)
    bpy.context.view_layer.objects.active = made[0]
    bpy.ops.object.join()
    made[0].name = "Set"
    return made[0]


def head():
    """Suzanne, with an armature of two bones: the whole head, and one ear."""
    import bpy

    bpy.ops.mesh.primitive_monkey_add(size=1.9, location=(0, 0, 1.05))
    thing = bpy.context.object
    thing.modifiers.new("round", "SUBSURF").levels = 2
    bpy.ops.object.modifier_apply(modifier="round")
    bpy.ops.object.shade_smooth()
    thing.data.materials.append(material("clay", (0.45, 0.2, 0.12), 0.6)[0])
    bpy.ops.object.armature_add(location=(0, 0, 0.3))
    rig = bpy.context.object
    bpy.ops.object.mode_set(mode="EDIT")
    bones = rig.data.edit_bones
    bones[0].name, bones[0].tail = "head", (0, 0, 0.9)
    ear = bones.new("ear")
    ear.head, ear.tail, ear.parent = (0.6, 0, 0.9), (1.3, 0, 1.2), bones["head"]
    bpy.ops.object.mode_set(mode="OBJECT")
    for name in ("head", "ear"):
        thing.vertex_groups.new(name=name)
    for vertex in thing.data.vertices:
        share = min(1.0, max(0.0, (vertex.co.x - 0.62) / 0.2))
        thing.vertex_groups["ear"].add([vertex.index], share, "REPLACE")
        thing.vertex_groups["head"].add([vertex.index], 1.0 - share, "REPLACE")
    modifier = thing.modifiers.new("rig", "ARMATURE")
    modifier.object = rig
    rig.hide_render = True
    return thing


def turn_bones(thing) -> None:
    """Tilt the head, and fold its ear."""
    import bpy

    rig = thing.modifiers["rig"].object
    for name, turn in (("head", (0.15, 0.35, 0.25)), ("ear", (0.0, 0.0, 0.9))):
        bone = rig.pose.bones[name]
        bone.rotation_mode, bone.rotation_euler = "XYZ", turn
    bpy.context.view_layer.update()


if __name__ == "__main__":
    sys.exit(main())
