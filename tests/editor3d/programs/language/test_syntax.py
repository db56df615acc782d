"""What is found in a program, and what a change of it leaves alone."""

from __future__ import annotations

import ast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from editor3d.errors import ConfigError
from editor3d.programs.embedded.leaps import leaps
from editor3d.programs.embedded.recipes import RECIPES, cook
from editor3d.programs.language.space import Space
from editor3d.programs.language.syntax import Program

SOURCE = '''"""A program: 12 numbers."""
import bpy

# é: bytes are not characters
key = bpy.data.lights["Key"]
key.energy = 120.0  # watts
key.color = (1.0, 0.8, 0.6)
key.type = "AREA"
key.use_shadow = True
bpy.data.objects["Key"].location = Vector((2.0, -3.0, 4.0))
bpy.data.objects["Key"].location[2] += 0.5
bpy.context.scene.render.resolution_x = 640
material = bpy.data.materials["Ball"]
material.use_nodes = True
tree = material.node_tree
surface = tree.nodes["Principled BSDF"]
surface.inputs["Base Color"].default_value = (0.8, 0.1, 0.1, 1.0)
surface.inputs["Roughness"].default_value = 0.4
noise = tree.nodes.new("ShaderNodeTexNoise")
noise.inputs["Scale"].default_value = 5
tree.links.new(noise.outputs["Fac"], surface.inputs["Roughness"])
bpy.data.objects["Head"].data.shape_keys.key_blocks["Smile"].value = 0.2
for index in range(3):
    print(index, key.name[0:2])
'''


@pytest.fixture(scope="module")
def program() -> Program:
    return Program(SOURCE)


def found(program: Program) -> dict[str, str]:
    return {parameter.label: parameter.kind for parameter in program.parameters}


def test_numbers_colours_words_switches_and_links_are_found(program):
    assert found(program) == {
        "energy": "number",
        "color": "colour",
        "type": "word",
        "use_shadow": "switch",
        "location[0]": "number",
        "location[1]": "number",
        "location[2]": "number",
        "inputs.Base Color": "colour",
        "inputs.Roughness": "number",
        "new(0)": "word",
        "inputs.Scale": "integer",
        "key_blocks.Smile": "number",
        "range(0)": "integer",
    }
    assert [(link.output, link.input) for link in program.links] == [("Fac", "Roughness")]


def test_bounds_hold_the_value_and_are_of_the_quantity(program):
    bounds = {parameter.label: parameter.bounds for parameter in program.parameters if parameter.bounds}
    assert (bounds["inputs.Roughness"].low, bounds["inputs.Roughness"].high) == (0.0, 1.0)
    assert (bounds["key_blocks.Smile"].low, bounds["key_blocks.Smile"].high) == (0.0, 1.0)
    assert bounds["energy"].scale == "log"
    assert bounds["location[1]"].low < -3.0 < 0.0 < bounds["location[1]"].high
    for parameter in program.parameters:
        if parameter.kind in ("number", "integer"):
            assert parameter.bounds.low <= parameter.value <= parameter.bounds.high


def test_everything_else_stays_as_it_was(program):
    space = Space(program)
    changed = space.source(np.random.default_rng(0).random(len(space)))
    ours, theirs = SOURCE.splitlines(), changed.splitlines()
    assert len(ours) == len(theirs)
    same = {line for line, other in zip(ours, theirs, strict=True) if line == other}
    for line in ('"""A program: 12 numbers."""', "# é: bytes are not characters", "    print(index, key.name[0:2])"):
        assert line in same
    assert "bpy.context.scene.render.resolution_x = 640" in same
    assert theirs[5].endswith("  # watts")
    assert Program(changed).structure == program.structure


@given(st.lists(st.floats(0, 1), min_size=16, max_size=16))
@settings(max_examples=60, deadline=None)
def test_a_vector_is_read_back_from_the_source_it_makes(numbers):
    space = Space(Program(SOURCE.replace("key.color", "fill.color")))
    vector = np.array((numbers * 2)[: len(space)])
    again = space.vector(Program(space.source(vector)))
    assert np.all(np.abs(again - vector) <= 0.51 * space.least_steps + 2e-3)
    assert space.source(again) == space.source(space.vector(Program(space.source(again))))


def test_a_light_that_is_out_stays_out():
    source = SOURCE.replace("120.0", "0.0").replace("(1.0, 0.8, 0.6)", "(0.5, 0.25, 0.5)")
    space = Space(Program(source))
    assert "key.energy = 0.0" in space.source(space.vector(Program(source)))


def test_how_much_light_there_is_is_said_by_the_energy():
    space = Space(Program(SOURCE))
    vector = space.vector(Program(SOURCE.replace("120.0", "200.0").replace("(1.0, 0.8, 0.6)", "(0.5, 0.25, 0.5)")))
    energy, color = (parameter.value for parameter in Program(space.source(vector)).parameters[:2])
    assert energy == pytest.approx(100.0, rel=1e-3)
    assert color == pytest.approx((1.0, 0.5, 1.0), abs=1e-3)


def test_negative_numbers_and_signs():
    program = Program("shift = -2.5\ncount = -3\n")
    assert [parameter.value for parameter in program.parameters] == [-2.5, -3]
    assert program.with_values({0: 1.25, 1: 2}) == "shift = 1.25\ncount = 2\n"


@pytest.mark.parametrize("source", ["a = (", "x = 1\n\x00", "(" * 3000 + ")" * 3000])
def test_what_is_no_python_is_refused_in_one_sentence(source):
    with pytest.raises(ConfigError, match="program in Python"):
        Program(source)


def test_leaps_are_python_of_another_structure(program):
    made = leaps(program, np.random.default_rng(0))
    assert len({source for source, _ in made}) == len(made) > len(RECIPES)
    notes = " ".join(note for _, note in made)
    for kind in ("type AREA -> ", "use_shadow -> False", "no link to Roughness", "Ball of glass"):
        assert kind in notes
    for source, _ in made:
        ast.parse(source)
        assert source != SOURCE


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipes_keep_the_colours_and_have_numbers_to_tune(recipe, program):
    source = cook(recipe, program, "Ball")
    assert source.startswith(SOURCE.rstrip())
    assert "(1.0, 0.8, 0.6, 1.0)" in source[len(SOURCE) :]
    assert ("(0.8, 0.1, 0.1, 1.0)" in source[len(SOURCE) :]) == ("{two}" in RECIPES[recipe])
    alone = cook(
        recipe, Program('bpy.data.materials["It\'s {one}"].diffuse_color = (0.1, 0.2, 0.3, 1.0)\n'), "It's {one}"
    )
    assert len(Space(Program(alone))) >= 3
    assert 'materials["It\'s {one}"]' in alone
    assert "(0.1, 0.2, 0.3, 1.0)" in alone
