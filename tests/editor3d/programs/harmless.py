"""Programs that do no harm: by name, the scene that each changes and its source."""

HARMLESS = {
    "materials in a loop": (
        "placement",
        """
import bpy
import colorsys

def paint(name, hue):
    material = bpy.data.materials.get(name) or bpy.data.materials.new(name)
    material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*colorsys.hsv_to_rgb(hue, 0.8, 0.9), 1.0)
    return material

for index, thing in enumerate(o for o in bpy.data.objects if o.type == "MESH"):
    thing.data.materials.clear()
    thing.data.materials.append(paint(f"Paint {index:02d}", index / 7))
""",
    ),
    "lights": (
        "lighting",
        """
import bpy
from math import radians, sin, pi
from mathutils import Vector, Euler

for i in range(3):
    light = bpy.data.lights.new(name=f"Spot{i}", type="SPOT")
    light.energy, light.color, light.spot_size, light.spot_blend = 200.0 + 50 * i, (1, 0.9, 0.8), radians(45), 0.2
    lamp = bpy.data.objects.new("Spot", light)
    lamp.location = Vector((sin(2 * pi * i / 3), 2.0, 4.0))
    lamp.rotation_euler = Euler((0.1, 0.0, 0.2), "XYZ")
    bpy.context.scene.collection.objects.link(lamp)
world = bpy.context.scene.world
world.use_nodes = True
world.node_tree.nodes["Background"].inputs[1].default_value *= 0.5
""",
    ),
    "nodes and ramps": (
        "material",
        """
import bpy
tree = bpy.data.materials["Subject"].node_tree
nodes, links = tree.nodes, tree.links
for node in list(nodes):
    if node.type != "OUTPUT_MATERIAL":
        nodes.remove(node)
out = nodes.get("Material Output")
mix = nodes.new(type="ShaderNodeMixShader")
bump = nodes.new("ShaderNodeBump")
voronoi = nodes.new("ShaderNodeTexVoronoi")
voronoi.feature, voronoi.distance = "DISTANCE_TO_EDGE", "EUCLIDEAN"
ramp = nodes.new("ShaderNodeValToRGB").color_ramp
ramp.interpolation = "CONSTANT"
new = ramp.elements.new(0.4)
new.color = (0.1, 0.2, 0.3, 1)
new.position = 0.35
links.new(voronoi.outputs["Distance"], bump.inputs["Height"])
links.new(mix.outputs[0], out.inputs["Surface"])
""",
    ),
    "geometry nodes": (
        "geometry_nodes",
        """
import bpy
tree = bpy.data.node_groups.new("Waves", "GeometryNodeTree")
tree.interface.new_socket(name="Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
tree.interface.new_socket(name="Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
source, target = tree.nodes.new("NodeGroupInput"), tree.nodes.new("NodeGroupOutput")
tree.links.new(source.outputs[0], target.inputs[0])
modifier = bpy.data.objects["Subject"].modifiers.new("Waves", "NODES")
modifier.node_group = tree
modifier["Socket_2"] = 0.5
""",
    ),
    "placement with seeded chance": (
        "placement",
        """
import bpy, random, math
random.seed(4)
rng = random.Random(7)
for thing in sorted(bpy.data.objects, key=lambda o: o.name):
    if thing.type in {"MESH"} and not thing.name.startswith("Floor"):
        thing.location.x += random.uniform(-1, 1)
        thing.rotation_euler[2] = math.radians(rng.randint(0, 360))
        thing.scale = [max(0.2, v) for v in thing.scale]
""",
    ),
    "shape keys": (
        "shape_keys",
        """
import bpy
keys = bpy.data.objects["Subject"].data.shape_keys
if keys is not None:
    for key in keys.key_blocks[1:]:
        key.value = min(1.0, key.value + 0.2)
        key.slider_max = 2.0
    for i, p in enumerate(keys.key_blocks["Taller"].data):
        p.co.z = p.co.z * 1.1 if i % 2 else p.co.z
""",
    ),
    "modifiers and operators": (
        "placement",
        """
import bpy
bpy.ops.mesh.primitive_uv_sphere_add(radius=0.5, location=(0, 0, 1), segments=24)
ball = bpy.context.object
ball.name = "Ball"
smooth = ball.modifiers.new(name="Smooth", type="SUBSURF")
smooth.levels = smooth.render_levels = 2
bpy.ops.object.shade_smooth()
""",
    ),
    "a mesh made by hand": (
        "placement",
        """
import bpy
mesh = bpy.data.meshes.new("Tent")
mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0.3, 0.3, 1)], [], [(0, 1, 2), (0, 1, 3), (1, 2, 3), (0, 2, 3)])
mesh.update()
bpy.context.collection.objects.link(bpy.data.objects.new("Tent", mesh))
""",
    ),
    "a painted picture": (
        "placement",
        """
import bpy
image = bpy.data.images.new("Checks", 8, 8)
image.pixels = [c for y in range(8) for x in range(8) for c in ((1, 1, 1, 1) if (x + y) % 2 else (0, 0, 0, 1))]
""",
    ),
    "errors that are met": (
        "placement",
        """
import bpy
try:
    lamp = bpy.data.objects["Sun"]
except KeyError:
    lamp = None
if lamp:
    lamp.data.energy = 3
print("done %d" % 3, "a".upper())
""",
    ),
    "what models like to write": (
        "placement",
        """
import bpy
from mathutils import Vector

TARGET = "Subject"

def main() -> None:
    thing = bpy.data.objects.get(TARGET)
    if thing is None or not hasattr(thing.data, "materials"):
        print(f"{TARGET!r} is missing, {len(bpy.data.objects):03d} objects")
        return
    bpy.ops.object.select_all(action="DESELECT")
    bpy.context.view_layer.objects.active = thing
    thing.select_set(True)
    middle = sum((v.co for v in thing.data.vertices), Vector()) / max(len(thing.data.vertices), 1)
    thing.location.xy = middle.xy
    thing.data.materials[0].diffuse_color = (0.2, 0.3, 0.4, 1)
    best = max((abs(c) for c in middle), default=float("-inf"))
    assert best >= 0, "no size"
    bpy.context.view_layer.update()

if __name__ == "__main__":
    main()
""",
    ),
    "the view's exposure": ("placement", "import bpy\nbpy.context.scene.view_settings.exposure = 0.5"),
    "the first tree of geometry nodes": (
        "lighting",
        """
import bpy
tree = bpy.data.node_groups.new("Slab", "GeometryNodeTree")
tree.interface.new_socket(name="Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
cube, target = tree.nodes.new("GeometryNodeMeshCube"), tree.nodes.new("NodeGroupOutput")
cube.inputs["Size"].default_value = (2.0, 2.0, 0.2)
tree.links.new(cube.outputs[0], target.inputs[0])
bpy.data.objects["Block"].modifiers.new("Slab", "NODES").node_group = tree
""",
    ),
    "a text": (
        "placement",
        """
import bpy
curve = bpy.data.curves.new("Sign", "FONT")
curve.body, curve.size, curve.extrude, curve.align_x = "Hi", 2.0, 0.05, "CENTER"
sign = bpy.data.objects.new("Sign", curve)
sign.location, sign.rotation_euler = (0.0, -1.0, 0.5), (1.4, 0.0, 0.6)
bpy.context.scene.collection.objects.link(sign)
""",
    ),
    "the compositor": (
        "placement",
        """
import bpy
scene = bpy.context.scene
scene.use_nodes = True
nodes, links = scene.node_tree.nodes, scene.node_tree.links
blur = nodes.new("CompositorNodeBlur")
blur.size_x = blur.size_y = 4
links.new(nodes["Render Layers"].outputs[0], blur.inputs[0])
links.new(blur.outputs[0], nodes["Composite"].inputs[0])
""",
    ),
    "classes, and settings of the renderer": (
        "lighting",
        """
import bpy
from dataclasses import dataclass
from typing import List, Optional

@dataclass
class Spec:
    name: str
    watts: float

class Rig:
    def __init__(self, specs: List[Spec]):
        self._specs = specs

    def apply(self) -> None:
        for spec in self._specs:
            bpy.data.objects[spec.name].data.energy = spec.watts

Rig([Spec("Key", 50.0), Spec("Fill", 20.0)]).apply()
scene = bpy.context.scene
scene.render.engine = "BLENDER_EEVEE_NEXT"
scene.cycles.samples = 4096
scene.render.resolution_x = 1920
scene.render.resolution_percentage = 50
scene.cycles.device = "GPU"
bpy.context.scene.frame_set(1)
bpy.data.objects["Block"].update_tag()
with bpy.context.temp_override():
    pass
""",
    ),
    "arrays and a mesh of bmesh's": (
        "lighting",
        """
import bpy
import numpy as np

obj = bpy.data.objects["Block"]

def get_bounding_box(object):
    vertices = np.array([(object.matrix_world @ v.co).to_tuple() for v in object.data.vertices])
    return np.min(vertices, axis=0), np.max(vertices, axis=0)

lo, hi = get_bounding_box(obj)
obj.location = 0.5 * lo + 0.5 * hi + np.random.normal(np.zeros(3), np.array([0.1, 0.1, 0]))
co = np.empty(len(obj.data.vertices) * 3)
obj.data.vertices.foreach_get("co", co)
obj.data.vertices.foreach_set("co", co * 1.2)
print(np.linalg.norm(hi - lo))
import bmesh

bm = bmesh.new()
bmesh.ops.create_cube(bm, size=1.0)
bmesh.ops.bevel(bm, geom=bm.edges[:], offset=0.1, segments=2, affect="EDGES")
for v in bm.verts:
    v.co.z += 1.0
mesh = bpy.data.meshes.new("M")
bm.to_mesh(mesh)
bm.free()
bpy.context.collection.objects.link(bpy.data.objects.new("M", mesh))
""",
    ),
    "a material of the node wrangler": (
        "lighting",
        """
import os, sys
import numpy as np
import math as ma
from infinigen.assets.materials.utils.surface_utils import (
    clip,
    sample_range,
    sample_ratio,
    sample_color,
    geo_voronoi_noise,
)
import bpy
import mathutils
from numpy.random import uniform, normal, randint
from infinigen.core.nodes.node_wrangler import Nodes, NodeWrangler
from infinigen.core.nodes import node_utils
from infinigen.core.util.color import color_category
from infinigen.core import surface

def shader_stone(nw: NodeWrangler, rand=False, **input_kwargs):
    # Code generated using version 2.4.3 of the node_transpiler
    coord = nw.new_node(Nodes.TextureCoord)
    mapping = nw.new_node(
        Nodes.Mapping, input_kwargs={"Vector": coord.outputs["Generated"], "Rotation": uniform(0, ma.pi * 2, 3)}
    )
    musgrave = nw.new_node(
        Nodes.MusgraveTexture,
        input_kwargs={"Vector": mapping, "Scale": 2.0},
        attrs={"musgrave_dimensions": "4D"},
    )
    noise = nw.new_node(
        Nodes.NoiseTexture,
        input_kwargs={"Vector": musgrave, "W": 0.7, "Scale": 10.0},
        attrs={"noise_dimensions": "4D"},
    )
    if rand:
        noise.inputs["W"].default_value = sample_range(0, 5)
    ramp = nw.new_node(Nodes.ColorRamp, input_kwargs={"Fac": noise.outputs["Fac"]})
    ramp.color_ramp.elements[0].position = 0.1727
    ramp.color_ramp.elements[0].color = (0.1567, 0.0162, 0.0017, 1.0)
    mix = nw.new_node(
        Nodes.Mix,
        input_kwargs={0: 0.8208, 6: ramp.outputs["Color"], 7: (1.0, 0.0, 0.0, 1.0)},
        attrs={"data_type": "RGBA", "blend_type": "MULTIPLY"},
    )
    bump = nw.new_node(
        "ShaderNodeBump", input_kwargs={"Strength": 0.6, "Height": mix.outputs[2]}, attrs={"invert": True}
    )
    bsdf = nw.new_node(
        Nodes.PrincipledBSDF,
        input_kwargs={
            "Base Color": mix.outputs[2],
            "Subsurface": 0.1,
            "Subsurface Color": mix.outputs[2],
            "Roughness": nw.scalar_add(0.1, nw.math("MULTIPLY", noise.outputs["Fac"], 0.5)),
            "Normal": bump,
        },
        attrs={"subsurface_method": "BURLEY"},
    )
    nw.new_node(Nodes.MaterialOutput, input_kwargs={"Surface": bsdf}, attrs={"is_active_output": True})

def apply(obj, geo_kwargs=None, shader_kwargs=None, **kwargs):
    surface.add_material(obj, shader_stone, reuse=False, input_kwargs=shader_kwargs)

apply(bpy.data.objects["Block"])
""",
    ),
    "geometry of the node wrangler": (
        "lighting",
        """
import bpy
from infinigen.core.nodes.node_wrangler import Nodes, NodeWrangler
from infinigen.core.nodes import node_utils
from infinigen.core import surface

def paint(nw):
    return nw.new_node(Nodes.PrincipledBSDF, input_kwargs={"Base Color": (0.1, 0.8, 0.2, 1.0)})

@node_utils.to_nodegroup("nodegroup_post", singleton=True, type="GeometryNodeTree")
def nodegroup_post(nw: NodeWrangler):
    group_input = nw.new_node(Nodes.GroupInput, expose_input=[("NodeSocketFloatDistance", "Size", 0.2)])
    xyz = nw.new_node(Nodes.CombineXYZ, input_kwargs={"X": group_input.outputs["Size"], "Y": 0.2, "Z": 0.6})
    cube = nw.new_node(Nodes.MeshCube, input_kwargs={"Size": xyz})
    nw.new_node(Nodes.GroupOutput, input_kwargs={"Mesh": cube.outputs["Mesh"]})

def geometry_nodes(nw: NodeWrangler):
    # Code generated using version 2.6.5 of the node_transpiler
    group_input = nw.new_node(
        Nodes.GroupInput,
        expose_input=[
            ("NodeSocketGeometry", "Geometry", None),
            ("NodeSocketFloatFactor", "Start", 0.2),
            ("NodeSocketInt", "Count", 7),
        ],
    )
    line = nw.new_node(
        Nodes.MeshLine, input_kwargs={"Count": group_input.outputs["Count"], "Offset": (0.3, 0.0, 0.0)}
    )
    index = nw.new_node(Nodes.Index)
    curve = nw.new_node(Nodes.FloatCurve, input_kwargs={"Value": index})
    node_utils.assign_curve(curve.mapping.curves[0], [(0.0568, 0.4062), (0.3773, 0.8188), (1.0, 0.7)])
    turn = nw.new_node(Nodes.AlignEulerToVector, input_kwargs={"Vector": (0.0, 0.0, 1.0)}, attrs={"axis": "Z"})
    post = nw.new_node(nodegroup_post())
    posts = nw.new_node(
        Nodes.InstanceOnPoints,
        input_kwargs={"Points": line, "Instance": post, "Rotation": turn, "Scale": curve},
    )
    value = nw.new_node(Nodes.RandomValue, input_kwargs={5: 1, "Seed": 3}, attrs={"data_type": "INT"})
    move = nw.new_node(
        Nodes.SetPosition, input_kwargs={"Geometry": posts, "Offset": nw.multiply(value, (0.1, 0.2, 0.3))}
    )
    painted = nw.new_node(
        Nodes.SetMaterial, input_kwargs={"Geometry": move, "Material": surface.shaderfunc_to_material(paint)}
    )
    joined = nw.new_node(
        Nodes.JoinGeometry, input_kwargs={"Geometry": [painted, group_input.outputs["Geometry"]]}
    )
    nw.new_node(Nodes.GroupOutput, input_kwargs={"Geometry": joined}, attrs={"is_active_output": True})

def apply(obj, selection=None, **kwargs):
    surface.add_geomod(obj, geometry_nodes, selection=selection, attributes=[])

apply(bpy.data.objects["Block"])
""",
    ),
}
