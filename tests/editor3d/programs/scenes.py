"""Small .blend scenes for tests, each with a program that changes it. bpy runs in a process of its own.

Every scene renders through the camera "Camera"; a second one, "HeldOut", sees it from another side. As a script:
`python scenes.py NAME PATH` saves one scene.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

LIGHTING = """
import bpy
from mathutils import Vector

key = bpy.data.objects["Key"]
key.data.energy = 220.0
key.data.color = (1.0, 0.82, 0.6)
key.location = Vector((3.0, -2.5, 3.5))
key.data.size = 1.2

fill = bpy.data.objects["Fill"]
fill.data.energy = 70.0
fill.data.color = (0.55, 0.7, 1.0)
fill.location = (-3.5, -1.5, 2.0)

world = bpy.context.scene.world.node_tree.nodes["Background"]
world.inputs["Strength"].default_value = 0.35
world.inputs["Color"].default_value = (0.3, 0.35, 0.5, 1.0)
"""

MATERIAL = """
import bpy

material = bpy.data.materials["Subject"]
material.use_nodes = True
tree = material.node_tree
tree.nodes.clear()
output = tree.nodes.new("ShaderNodeOutputMaterial")
surface = tree.nodes.new("ShaderNodeBsdfPrincipled")
noise = tree.nodes.new("ShaderNodeTexNoise")
ramp = tree.nodes.new("ShaderNodeValToRGB")
noise.inputs["Scale"].default_value = 4.0
noise.inputs["Detail"].default_value = 2.0
ramp.color_ramp.elements[0].color = (0.75, 0.2, 0.08, 1.0)
ramp.color_ramp.elements[1].color = (0.95, 0.75, 0.3, 1.0)
surface.inputs["Roughness"].default_value = 0.35
surface.inputs["Metallic"].default_value = 0.2
tree.links.new(noise.outputs["Fac"], ramp.inputs["Fac"])
tree.links.new(ramp.outputs["Color"], surface.inputs["Base Color"])
tree.links.new(surface.outputs["BSDF"], output.inputs["Surface"])
"""

GEOMETRY_NODES = """
import bpy

tree = bpy.data.node_groups["Scatter"]
grid = tree.nodes["Grid"]
grid.inputs["Size X"].default_value = 3.0
grid.inputs["Size Y"].default_value = 3.0
grid.inputs["Vertices X"].default_value = 5
grid.inputs["Vertices Y"].default_value = 4
shape = tree.nodes["Shape"]
shape.inputs["Size"].default_value = (0.35, 0.35, 0.8)
turn = tree.nodes["Place"]
turn.inputs["Rotation"].default_value = (0.0, 0.2, 0.6)
turn.inputs["Scale"].default_value = (1.0, 1.0, 1.3)
"""

PLACEMENT = """
import bpy
import math

names = ["Subject", "Block", "Post"]
for index, name in enumerate(names):
    thing = bpy.data.objects[name]
    angle = 2.0 * math.pi * index / len(names)
    thing.location.x = 1.3 * math.cos(angle)
    thing.location.y = 1.3 * math.sin(angle)
bpy.data.objects["Block"].rotation_euler = (0.0, 0.0, 0.7)
bpy.data.objects["Post"].scale = (1.0, 1.0, 1.4)
"""

SHAPE_KEYS = """
import bpy

keys = bpy.data.objects["Subject"].data.shape_keys.key_blocks
keys["Taller"].value = 0.6
keys["Wider"].value = 0.3
"""

SOCKETS = """
import bpy

thing = bpy.data.objects["Subject"]
row = thing.modifiers["Row"]


def put(name, value):
    for item in row.node_group.interface.items_tree:
        if item.item_type == "SOCKET" and item.in_out == "INPUT" and item.name == name:
            row[item.identifier] = value


put("Style", 2)  # a box
put("Count", 3)
put("Step", (1.1, 0.0, 0.0))
put("Turn", (0.0, 0.0, 0.2))
put("Paint", (0.7, 0.3, 0.2, 1.0))
put("Slab", False)
thing.update_tag()
"""

PROGRAMS = {
    "lighting": LIGHTING,
    "material": MATERIAL,
    "geometry_nodes": GEOMETRY_NODES,
    "placement": PLACEMENT,
    "shape_keys": SHAPE_KEYS,
    "sockets": SOCKETS,
}


def lighting(path: Path) -> Path:
    """Save a scene of three bodies under two area lights, "Key" and "Fill", and a world."""
    return _save("lighting", path)


def material(path: Path) -> Path:
    """Save a scene of a ball whose material is "Subject"."""
    return _save("material", path)


def geometry_nodes(path: Path) -> Path:
    """Save a scene of posts on a grid, made by the node group "Scatter"."""
    return _save("geometry_nodes", path)


def placement(path: Path) -> Path:
    """Save a scene of three bodies, "Subject", "Block" and "Post", on a floor."""
    return _save("placement", path)


def shape_keys(path: Path) -> Path:
    """Save a scene of one body, "Subject", with the shape keys "Taller" and "Wider"."""
    return _save("shape_keys", path)


def sockets(path: Path) -> Path:
    """Save a scene of things in a row, whose modifier has a menu, a whole number, a vector, a rotation, a colour and a
    switch for inputs."""
    return _save("sockets", path)


def _save(name: str, path: Path) -> Path:
    path = Path(path).absolute()
    words = [sys.executable, __file__, name, str(path)]
    with tempfile.TemporaryDirectory() as folder:  # Blender's own temporary folder stays where bpy ends by os._exit
        environment = os.environ | {"TMPDIR": folder}
        ran = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120)
    if not path.exists():
        raise RuntimeError(f"bpy did not save {path}: {ran.stdout}{ran.stderr}")
    return path


def _build(name: str, path: str) -> None:
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    _cameras(bpy, scene)
    _world_and_lights(bpy)
    floor = _body(bpy, "Floor", "plane", (0, 0, 0), (0.55, 0.55, 0.5), size=12)
    floor.location.z = 0.0
    {
        "lighting": _three_bodies,
        "material": _ball,
        "geometry_nodes": _scatter,
        "placement": _three_bodies,
        "shape_keys": _shapes,
        "sockets": _row,
    }[name](bpy)
    scene.render.engine = "CYCLES"
    scene.view_settings.view_transform = "Standard"
    bpy.ops.wm.save_as_mainfile(filepath=path, compress=True)


def _cameras(bpy, scene) -> None:
    from mathutils import Vector

    for name, place in (("Camera", (4.2, -4.6, 3.4)), ("HeldOut", (-4.8, -3.2, 2.6))):
        camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
        camera.location = place
        camera.rotation_euler = (Vector((0, 0, 0.5)) - Vector(place)).to_track_quat("-Z", "Y").to_euler()
        camera.data.lens = 60
        scene.collection.objects.link(camera)
    scene.camera = bpy.data.objects["Camera"]


def _world_and_lights(bpy) -> None:
    from mathutils import Vector

    world = bpy.data.worlds.new("World")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.6, 0.65, 0.7, 1)
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.3
    bpy.context.scene.world = world
    for name, place, energy in (("Key", (2.5, -3.0, 4.0), 130), ("Fill", (-3.0, -2.0, 2.5), 40)):
        light = bpy.data.lights.new(name, "AREA")
        light.energy, light.size = energy, 1.5
        lamp = bpy.data.objects.new(name, light)
        lamp.location = place
        lamp.rotation_euler = (-Vector(place)).to_track_quat("-Z", "Y").to_euler()
        bpy.context.scene.collection.objects.link(lamp)


def _body(bpy, name: str, kind: str, place, color, **sizes):
    add = {
        "plane": bpy.ops.mesh.primitive_plane_add,
        "cube": bpy.ops.mesh.primitive_cube_add,
        "ball": bpy.ops.mesh.primitive_uv_sphere_add,
        "post": bpy.ops.mesh.primitive_cylinder_add,
    }[kind]
    add(location=place, **sizes)
    body = bpy.context.object
    body.name = body.data.name = name
    paint = bpy.data.materials.new(name)
    paint.use_nodes = True
    shader = paint.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*color, 1)
    shader.inputs["Roughness"].default_value = 0.5
    body.data.materials.append(paint)
    return body


def _ball(bpy) -> None:
    ball = _body(bpy, "Subject", "ball", (0, 0, 1), (0.5, 0.5, 0.55), radius=1, segments=48, ring_count=24)
    for polygon in ball.data.polygons:
        polygon.use_smooth = True


def _three_bodies(bpy) -> None:
    ball = _body(bpy, "Subject", "ball", (0, 0, 0.7), (0.7, 0.25, 0.2), radius=0.7, segments=32, ring_count=16)
    for polygon in ball.data.polygons:
        polygon.use_smooth = True
    _body(bpy, "Block", "cube", (1.3, 0.6, 0.4), (0.2, 0.45, 0.65), size=0.8)
    _body(bpy, "Post", "post", (-1.2, 0.5, 0.6), (0.8, 0.7, 0.3), radius=0.3, depth=1.2)


def _shapes(bpy) -> None:
    body = _body(bpy, "Subject", "ball", (0, 0, 0.8), (0.3, 0.6, 0.4), radius=0.8, segments=32, ring_count=16)
    body.shape_key_add(name="Basis")
    for name, grow in (("Taller", (1, 1, 1.8)), ("Wider", (1.7, 1.7, 1))):
        key = body.shape_key_add(name=name)
        for point in key.data:
            point.co = [value * factor for value, factor in zip(point.co, grow, strict=True)]


def _scatter(bpy) -> None:
    body = _body(bpy, "Subject", "cube", (0, 0, 0.3), (0.75, 0.5, 0.25), size=1)
    tree = bpy.data.node_groups.new("Scatter", "GeometryNodeTree")
    tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    kinds = {
        "Grid": "GeometryNodeMeshGrid",
        "Shape": "GeometryNodeMeshCube",
        "Place": "GeometryNodeInstanceOnPoints",
        "Paint": "GeometryNodeSetMaterial",
        "Output": "NodeGroupOutput",
    }
    nodes = {}
    for name, kind in kinds.items():
        nodes[name] = tree.nodes.new(kind)
        nodes[name].name = name
    nodes["Grid"].inputs["Size X"].default_value = 2.4
    nodes["Grid"].inputs["Size Y"].default_value = 2.4
    for side in "XY":
        nodes["Grid"].inputs[f"Vertices {side}"].default_value = 3
    nodes["Shape"].inputs["Size"].default_value = (0.3, 0.3, 0.6)
    nodes["Paint"].inputs["Material"].default_value = body.data.materials[0]
    for source, output, target, socket in (
        ("Grid", "Mesh", "Place", "Points"),
        ("Shape", "Mesh", "Place", "Instance"),
        ("Place", "Instances", "Paint", "Geometry"),
        ("Paint", "Geometry", "Output", "Geometry"),
    ):
        tree.links.new(nodes[source].outputs[output], nodes[target].inputs[socket])
    body.modifiers.new("Scatter", "NODES").node_group = tree


def _row(bpy) -> None:
    body = _body(bpy, "Subject", "cube", (-1.1, 0, 0.4), (0.5, 0.5, 0.5), size=1)
    paint = body.data.materials[0].node_tree
    color = paint.nodes.new("ShaderNodeAttribute")
    color.attribute_name = "paint"
    paint.links.new(color.outputs["Color"], paint.nodes["Principled BSDF"].inputs["Base Color"])
    tree = bpy.data.node_groups.new("Row", "GeometryNodeTree")
    tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    kinds = {"Style": "Menu", "Count": "Int", "Step": "Vector", "Turn": "Rotation", "Paint": "Color", "Slab": "Bool"}
    for name, kind in kinds.items():
        tree.interface.new_socket(name, in_out="INPUT", socket_type=f"NodeSocket{kind}")
    tree.interface.items_tree["Count"].min_value, tree.interface.items_tree["Count"].max_value = 1, 9
    nodes = {}
    for name, kind in (
        ("In", "NodeGroupInput"), ("Out", "NodeGroupOutput"), ("Box", "GeometryNodeMeshCube"),
        ("Rod", "GeometryNodeMeshCylinder"), ("Spike", "GeometryNodeMeshCone"), ("Which", "GeometryNodeMenuSwitch"),
        ("Line", "GeometryNodeMeshLine"), ("Place", "GeometryNodeInstanceOnPoints"), ("Plate", "GeometryNodeMeshCube"),
        ("Below", "GeometryNodeTransform"), ("If", "GeometryNodeSwitch"), ("All", "GeometryNodeJoinGeometry"),
        ("Real", "GeometryNodeRealizeInstances"), ("Store", "GeometryNodeStoreNamedAttribute"),
        ("Set", "GeometryNodeSetMaterial"),
    ):  # fmt: skip
        nodes[name] = tree.nodes.new(kind)
    menu = nodes["Which"]
    menu.data_type = "GEOMETRY"
    menu.enum_items.clear()
    for name in ("Box", "Rod", "Spike"):
        menu.enum_items.new(name)
    nodes["Box"].inputs["Size"].default_value = (0.7, 0.5, 0.8)
    nodes["Plate"].inputs["Size"].default_value = (4.5, 1.2, 0.15)
    nodes["Below"].inputs["Translation"].default_value = (1.1, 0.0, -0.35)
    for name in ("Rod", "Spike"):
        radius = "Radius" if name == "Rod" else "Radius Bottom"
        nodes[name].inputs[radius].default_value, nodes[name].inputs["Depth"].default_value = 0.35, 0.9
    nodes["Store"].data_type, nodes["Store"].domain = "FLOAT_COLOR", "POINT"
    nodes["Store"].inputs["Name"].default_value = "paint"
    nodes["Set"].inputs["Material"].default_value = body.data.materials[0]
    for source, output, target, socket in (
        ("In", "Style", "Which", "Menu"), ("Box", "Mesh", "Which", "Box"), ("Rod", "Mesh", "Which", "Rod"),
        ("Spike", "Mesh", "Which", "Spike"), ("In", "Count", "Line", "Count"), ("In", "Step", "Line", "Offset"),
        ("Line", "Mesh", "Place", "Points"), ("Which", "Output", "Place", "Instance"),
        ("In", "Turn", "Place", "Rotation"), ("Plate", "Mesh", "Below", "Geometry"), ("In", "Slab", "If", "Switch"),
        ("Below", "Geometry", "If", "True"), ("If", "Output", "All", "Geometry"),
        ("Place", "Instances", "All", "Geometry"), ("All", "Geometry", "Real", "Geometry"),
        ("Real", "Geometry", "Store", "Geometry"), ("In", "Paint", "Store", "Value"),
        ("Store", "Geometry", "Set", "Geometry"), ("Set", "Geometry", "Out", "Geometry"),
    ):  # fmt: skip
        tree.links.new(nodes[source].outputs[output], nodes[target].inputs[socket])
    row = body.modifiers.new("Row", "NODES")
    row.node_group = tree


if __name__ == "__main__":
    _build(sys.argv[1], sys.argv[2])
    # bpy can wait for ever in its own exit handlers
    os._exit(0)
