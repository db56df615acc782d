"""Materials, lights and geometry nodes as programs, and refined programs as typed changes that are never run."""

from __future__ import annotations

import pytest

from editor3d.programs.language.syntax import Program
from editor3d.programs.sandbox.gate import check

SELECT = """
programs = part("scene.programs")
def selected(*things):
    for thing in bpy.context.selected_objects:
        thing.select_set(False)
    for thing in things:
        thing.select_set(True)
"""
MADE = {
    "MATERIAL": """
selected(bpy.data.objects["Cube"])
tree = bpy.data.objects["Cube"].data.materials[0].node_tree
ramp = tree.nodes.new("ShaderNodeValToRGB")
noise = tree.nodes.new("ShaderNodeTexNoise")
tree.links.new(noise.outputs[0], ramp.inputs[0])
tree.links.new(ramp.outputs[0], tree.nodes["Principled BSDF"].inputs["Base Color"])
""",
    "LIGHTS": """
bpy.ops.object.light_add(type="SPOT", location=(1, 2, 3))
selected()
""",
    "GEOMETRY": """
cube = bpy.data.objects["Cube"]
selected(cube)
group = bpy.data.node_groups.new("shape", "GeometryNodeTree")
group.interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
size = group.interface.new_socket("Size", in_out="INPUT", socket_type="NodeSocketFloat")
group.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
start, end = group.nodes.new("NodeGroupInput"), group.nodes.new("NodeGroupOutput")
moved = group.nodes.new("GeometryNodeTransform")
group.links.new(start.outputs[0], moved.inputs[0])
group.links.new(moved.outputs[0], end.inputs[0])
cube.modifiers.new("shape", "NODES").node_group = group
""",
}


def test_a_program_passes_the_gate_and_its_numbers_are_found(blender):
    told = blender.run(
        SELECT
        + """
for what, made in names["made"].items():
    bpy.ops.wm.read_homefile(use_factory_startup=False)
    exec(made)
    entries = programs.entries_of(bpy.context, what)
    source = programs.source_of(entries)
    before = [entry.value for entry in entries]
    exec(source)  # its own values change nothing
    again = programs.entries_of(bpy.context, what)
    same = [e.value for e in again] == before and [e.path for e in again] == [e.path for e in entries]
    none = [str(e) for e, _ in programs.changes_in(source, entries)]
    result[what] = {"source": source, "same": same, "none": none}
""",
        made=MADE,
    )
    kinds = {"MATERIAL": "colour", "LIGHTS": "colour", "GEOMETRY": "number"}
    assert told.keys() == kinds.keys()
    for what, found in told.items():
        assert check(found["source"]) is None
        assert found["same"], what
        assert found["none"] == [], what
        parameters = Program(found["source"]).parameters
        assert len(parameters) >= 5
        assert kinds[what] in {p.kind for p in parameters}


def test_changed_values_are_taken_over_by_type(blender):
    told = blender.run(
        SELECT
        + MADE["LIGHTS"]
        + """
entries = programs.entries_of(bpy.context, "LIGHTS")
source = programs.source_of(entries)
energy = next(e for e in entries if e.path[-1] == "energy")
color = next(e for e in entries if e.path[-1] == "color")
source = source.replace(f"{energy.target} = {energy.value!r}", f"{energy.target} = 77.5")
source = source.replace(f"{color.target} = {color.value!r}", f"{color.target} = (1.0, 0.25, 0.5)")
changes = programs.changes_in(source, entries)
gone = programs.apply(changes)
lamp = bpy.data.lights[energy.path[1][1]]
result = {"count": len(changes), "gone": gone, "energy": lamp.energy, "color": list(lamp.color)}
bpy.data.lights.remove(lamp)
result["later"] = programs.apply(changes[:1])
"""
    )
    assert told["count"] == 2
    assert told["gone"] == []
    assert told["energy"] == 77.5
    assert told["color"] == pytest.approx([1.0, 0.25, 0.5])
    assert len(told["later"]) == 1


def test_whatever_else_comes_back_is_refused_and_not_run(blender):
    told = blender.run(
        SELECT
        + """
import types
entries = programs.entries_of(bpy.context, "LIGHTS")
source = programs.source_of(entries)
first, value = entries[0].target, repr(entries[0].value)
canary = []
import builtins
builtins.canary = canary
bad = {
    "call": source.replace(f"{first} = {value}", f"{first} = canary.append(1) or 5.0"),
    "more": source + "canary.append(1)\\nbpy.data.objects.remove(bpy.data.objects[0])\\nx = 1\\n",
    "other": source.replace(first, "bpy.data.scenes['Scene'].render.filepath", 1),
    "text": source.replace(f"{first} = {value}", f"{first} = '/etc/passwd'"),
    "inf": source.replace(f"{first} = {value}", f"{first} = 1e999"),
    "bool": source.replace(f"{first} = {value}", f"{first} = True"),
    "loop": "import bpy\\nwhile True:\\n    pass\\n",
    "syntax": source + "(",
    "empty": "",
    "chain": source.replace(f"{first} = {value}", f"{first} = bpy.data.lights['Light'].energy = 5.0"),
    "deep": source.replace(f"{first} = {value}", f"{first} = " + "(" * 900 + "1" + ")" * 900),
}
told = {}
for name, text in bad.items():
    try:
        told[name] = len(programs.changes_in(text, entries))
    except programs.ProgramError as error:
        told[name] = "refused"
result = {"told": told, "canary": canary}
"""
    )
    assert told["canary"] == []
    assert set(told["told"].values()) == {"refused"}, told["told"]


def test_where_there_is_nothing_a_sentence_says_so(blender):
    told = blender.run(
        SELECT
        + """
selected(bpy.data.objects["Camera"])
for part_name in ("MATERIAL", "GEOMETRY"):
    try:
        programs.entries_of(bpy.context, part_name)
    except programs.ProgramError as error:
        result[part_name] = str(error)
"""
    )
    assert set(told) == {"MATERIAL", "GEOMETRY"}
