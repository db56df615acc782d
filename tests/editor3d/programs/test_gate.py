"""Which programs the first gate lets through."""

from __future__ import annotations

import pytest

from editor3d.programs import gate

HARMLESS = {
    "materials in a loop": """
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
    "lights": """
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
    "nodes and ramps": """
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
    "geometry nodes": """
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
    "placement with seeded chance": """
import bpy, random, math
random.seed(4)
rng = random.Random(7)
for thing in sorted(bpy.data.objects, key=lambda o: o.name):
    if thing.type in {"MESH"} and not thing.name.startswith("Floor"):
        thing.location.x += random.uniform(-1, 1)
        thing.rotation_euler[2] = math.radians(rng.randint(0, 360))
        thing.scale = [max(0.2, v) for v in thing.scale]
""",
    "shape keys": """
import bpy
keys = bpy.data.objects["Subject"].data.shape_keys
if keys is not None:
    for key in keys.key_blocks[1:]:
        key.value = min(1.0, key.value + 0.2)
        key.slider_max = 2.0
    for i, p in enumerate(keys.key_blocks["Taller"].data):
        p.co.z = p.co.z * 1.1 if i % 2 else p.co.z
""",
    "modifiers and operators": """
import bpy
bpy.ops.mesh.primitive_uv_sphere_add(radius=0.5, location=(0, 0, 1), segments=24)
ball = bpy.context.object
ball.name = "Ball"
smooth = ball.modifiers.new(name="Smooth", type="SUBSURF")
smooth.levels = smooth.render_levels = 2
bpy.ops.object.shade_smooth()
""",
    "a mesh made by hand": """
import bpy
mesh = bpy.data.meshes.new("Tent")
mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0.3, 0.3, 1)], [], [(0, 1, 2), (0, 1, 3), (1, 2, 3), (0, 2, 3)])
mesh.update()
bpy.context.collection.objects.link(bpy.data.objects.new("Tent", mesh))
""",
    "a painted picture": """
import bpy
image = bpy.data.images.new("Checks", 8, 8)
image.pixels = [c for y in range(8) for x in range(8) for c in ((1, 1, 1, 1) if (x + y) % 2 else (0, 0, 0, 1))]
""",
    "errors that are met": """
import bpy
try:
    lamp = bpy.data.objects["Sun"]
except KeyError:
    lamp = None
if lamp:
    lamp.data.energy = 3
print("done %d" % 3, "a".upper())
""",
    "the view's exposure": "import bpy\nbpy.context.scene.view_settings.exposure = 0.5",
}

HOSTILE = {
    "os": "import os",
    "subprocess": "import subprocess",
    "a part of os": "from os import path",
    "relative": "from . import gate",
    "star": "from math import *",
    "numpy": "import numpy",
    "numpy's npyio": "import numpy as np\nnp.lib.npyio.os.system('id')",
    "os through bpy": "import bpy\nbpy.utils._os.system('id')",
    "modules through bpy": "import bpy\nbpy.utils._sys.modules['os'].system('id')",
    "bpy.utils": "import bpy\nbpy.utils.execfile('/tmp/x.py')",
    "bpy.app": "import bpy\nbpy.app.handlers.render_pre.append(print)",
    "a timer": "import bpy\nbpy.app.timers.register(print)",
    "a driver namespace": "import bpy\nbpy.app.driver_namespace['a'] = print",
    "subclasses": "().__class__.__base__.__subclasses__()",
    "globals of a function": "def f(): pass\nf.__globals__",
    "format": "'{0.__class__}'.format(1)",
    "format_map": "'{a.__class__}'.format_map({'a': 1})",
    "underscore in an f-string": "x = 1\nf'{x.__class__}'",
    "getattr": "getattr(1, '__cl' + 'ass__')",
    "setattr": "import bpy\nsetattr(bpy, 'x', 1)",
    "eval": "eval('1')",
    "exec": "exec('1')",
    "compile": "compile('1', 'a', 'exec')",
    "open": "open('/etc/passwd')",
    "__import__": "__import__('os')",
    "__builtins__": "__builtins__['eval']('1')",
    "input": "input()",
    "breakpoint": "breakpoint()",
    "type": "type('A', (), {})",
    "vars": "vars()",
    "globals": "globals()",
    "dir": "dir()",
    "a class": "class A: pass",
    "a decorator": "@print\ndef f(): pass",
    "with": "with x: pass",
    "match on an attribute": "match 1:\n    case int(real=x): pass",
    "async": "async def f(): pass",
    "yield": "def f(): yield 1",
    "frames of a generator": "(x for x in ()).gi_frame",
    "a traceback": "try:\n    1/0\nexcept Exception as e:\n    e.__traceback__",
    "as_module": "import bpy\nbpy.data.texts['a'].as_module()",
    "text blocks": "import bpy\nbpy.data.texts.load('/etc/passwd')",
    "a picture from a file": "import bpy\nbpy.data.images.load('/etc/passwd')",
    "a picture's path": "import bpy\nbpy.data.images[0].filepath = '/etc/passwd'",
    "saving a picture": "import bpy\nbpy.data.images[0].save()",
    "saving a picture elsewhere": "import bpy\nbpy.data.images[0].save_render('/tmp/x')",
    "the render's path": "import bpy\nbpy.context.scene.render.filepath = '/tmp/x'",
    "resolution": "import bpy\nbpy.context.scene.render.resolution_x = 65536",
    "a file output node": "import bpy\nbpy.data.node_groups[0].nodes.new('CompositorNodeOutputFile').base_path = '/'",
    "a script node": "import bpy\nbpy.data.materials[0].node_tree.nodes.new('ShaderNodeScript').script = 1",
    "saving": "import bpy\nbpy.ops.wm.save_as_mainfile(filepath='/tmp/x')",
    "opening": "import bpy\nbpy.ops.wm.open_mainfile(filepath='/tmp/x')",
    "libraries": "import bpy\nbpy.data.libraries.write('/tmp/x', set())",
    "linking": "import bpy\nbpy.ops.wm.append(filename='x')",
    "a URL": "import bpy\nbpy.ops.wm.url_open(url='http://x')",
    "an add-on": "import bpy\nbpy.ops.preferences.addon_install(filepath='x')",
    "preferences": "import bpy\nbpy.ops.wm.save_userpref()",
    "preferences by context": "import bpy\nbpy.context.preferences.filepaths",
    "running a script": "import bpy\nbpy.ops.script.python_file_run(filepath='x')",
    "rendering": "import bpy\nbpy.ops.render.render()",
    "operators kept": "import bpy\nx = bpy.ops.mesh.primitive_cube_add\nx()",
    "all operators kept": "import bpy\nx = bpy.ops",
    "operators from bpy": "from bpy import ops",
    "the module kept": "import bpy\nx = bpy",
    "the module in a list": "import bpy\nx = [bpy]",
    "the module shadowed": "import bpy\nfor bpy in []: pass",
    "a driver": "import bpy\nbpy.data.objects[0].driver_add('location')",
    "a driver's expression": "import bpy\nbpy.data.objects[0].animation_data.drivers[0].driver.expression = 'x'",
    "path_resolve": "import bpy\nbpy.data.path_resolve('texts')",
    "bl_rna": "import bpy\nbpy.data.objects[0].bl_rna",
    "as_pointer": "import bpy\nbpy.data.objects[0].as_pointer()",
    "unseeded": "import random\nrandom.seed()",
    "an unseeded generator": "import random\nrandom.Random()",
    "None as a seed": "from random import seed\nseed(None)",
    "a seed by name": "import random\nrandom.seed(a=None)",
    "the system's randomness": "import random\nrandom.SystemRandom()",
    "built-ins shadowed": "print = 1",
    "an unknown name": "nothing_here",
    "not Python": "def f(:",
    "a null byte": "x = '\0'\n\0",
    "bytes": "b'x'",
    "deep brackets": "(" * 5000 + ")" * 5000,
    "deep unary": "x = " + "-" * 20000 + "1",
    "deep attributes": "x = 1\nx" + ".a" * 20000,
    "deep sums": "x = " + "1+" * 30000 + "1",
    "deep conditions": "x = " + "1 if 1 else " * 5000 + "1",
    "too long": "#" * (gate.MAX_SOURCE + 1),
    "a number without end": "x = " + "9" * 10000,
    "file keyword": "import bpy\nbpy.ops.mesh.primitive_cube_add(filepath='x')",
    "print to a file": "import bpy\nprint(1, file=bpy.data)",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_harmless_programs_pass(name):
    assert gate.check(HARMLESS[name]) is None


def test_programs_of_the_test_scenes_pass(programs):
    assert {name: gate.check(source) for name, source in programs.items()} == dict.fromkeys(programs)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_programs_are_refused_in_a_sentence(name):
    told = gate.check(HOSTILE[name])
    assert told
    assert told.endswith(".")
    assert len(told) < 1500


def test_a_refusal_names_the_line():
    assert "line 3" in gate.check("import bpy\n\nbpy.app.timers")


def test_programs_are_given_listed_functions_only():
    given = gate.builtins()
    assert given["len"] is len
    assert not {"open", "eval", "exec", "getattr", "type", "compile", "input", "vars"} & given.keys()
    assert given["__import__"]("math").pi > 3
    with pytest.raises(ImportError, match="os may not be imported"):
        given["__import__"]("os")


def test_nothing_of_a_refused_program_has_run(capsys):
    assert gate.check("print('ran')\nopen('x')")
    assert capsys.readouterr().out == ""
