"""Comments, names and the scene's limits bound what a search changes, and say which way."""

from __future__ import annotations

import numpy as np
import pytest

from editor3d.programs.embedded.opening.focus import Focus
from editor3d.programs.embedded.opening.screening import Screening
from editor3d.programs.language.comments import hint
from editor3d.programs.language.space import Space
from editor3d.programs.language.syntax import Program
from editor3d.programs.language.vocabulary import NOTHING, Input, Vocabulary


def found(source: str, vocabulary: Vocabulary = NOTHING) -> dict:
    return {parameter.label: parameter for parameter in Program(source, vocabulary).parameters}


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("keep this below 15", None, 15.0),
        ("do not exceed 1.0 for this value", None, 1.0),
        ("at least 2, no more than 5", 2.0, 5.0),
        ("ranges from -1 to 1", -1.0, 1.0),
        ("between 0.2 and 0.8", 0.2, 0.8),
        ("range: [0, 3]", 0.0, 3.0),
        ("never below 0.5", 0.5, None),
        ("(x, y, z) of 3 lamps", None, None),
        ("watts", None, None),
        ("<= 4", None, 4.0),
    ],
)
def test_a_bound_in_a_comment_is_a_bound(text, low, high):
    said = hint(text)
    assert (said.low, said.high) == (low, high)


LIGHTS = """import bpy
# The strength of the picture around. Decrease it for night.
# Do not exceed 1.0.
world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.9
key.energy = 12.7  # keep below 15
fill.energy = 3.0  # do not change
rim.energy = 20.0  # for dark scenes, set this to 2
"""


def test_comments_bound_what_stands_beside_and_below_them():
    energies = [p for p in Program(LIGHTS).parameters if p.label == "energy"]
    assert [(p.value, p.limits.high) for p in energies] == [(12.7, 15.0), (20.0, 600.0)]
    assert found(LIGHTS)["inputs.Strength"].limits.high == 1.0


def test_a_value_beyond_the_bound_of_its_comment_stays_reachable():
    assert found("energy = 20.0  # keep below 15")["energy"].limits.high == 20.0


def test_what_a_docstring_says_of_a_name_bounds_it():
    source = '"""Keys.\n\nLeft smile (ranges from -0.3 to 1): the mouth.\n"""\nkey_blocks["Left smile"].value = 0\n'
    smile = found(source)["key_blocks.Left smile"]
    assert (smile.kind, smile.limits.low, smile.limits.high) == ("number", -0.3, 1.0)


def test_numbers_go_first_where_comments_say_for_the_words_of_the_instruction():
    program = Program(LIGHTS)
    space = Space(program)
    half, whole = Focus("make it look like night").told(program, space)
    moved = np.flatnonzero(whole != space.vector(program))
    assert [space.parameters[space.axes[axis].parameter].label for axis in moved] == ["inputs.Strength"]
    assert whole[moved[0]] == 0.0 < half[moved[0]] < space.vector(program)[moved[0]]
    assert "rim.energy = 2.0" in space.source(Focus("a dark room").told(program, space)[1])
    assert Focus("more columns").told(program, space) == []


def test_light_words_try_lights_first_and_material_words_their_recipe():
    space = Space(Program("ball.location = (1.0, 2.0, 3.0)\nstrength = 0.4\n"))
    assert Focus("at night").order(space)[0] == 3
    assert Focus("a stone of marble", ("marble", "wood")).recipes == ("marble",)


def test_how_the_editor_shows_nodes_is_no_parameter():
    source = (
        'node = tree.nodes.new("ShaderNodeTexNoise")\nnode.location = (-300, 20)\nnode.width = 240.0\n'
        'frame = tree.nodes.new("NodeFrame")\nframe.color = (0.2, 0.3, 0.4)\nframe.label = "POINT"\n'
        'add(tree, location=(-600, 0))\nnode.inputs["Scale"].default_value = 3.0\nball.location = (1.0, 2.0, 3.0)\n'
    )
    assert [p.label for p in Program(source).parameters] == [
        "new(0)", "inputs.Scale", "location[0]", "location[1]", "location[2]",
    ]  # fmt: skip


def test_arguments_are_labelled_by_the_function_s_own_names():
    source = (
        'def lamp(name, energy, color):\n    pass\nlamp("Key", 300.0, (1.0, 0.9, 0.8))\n'
        'def put(modifier, name, value):\n    pass\nput(m, "Count", 3)\n'
    )
    assert {label: p.kind for label, p in found(source).items()} == {
        "energy": "number", "color": "colour", "Count": "integer",
    }  # fmt: skip


def test_limits_of_the_scene_bound_the_inputs_of_modifiers_of_all_kinds():
    scene = Vocabulary(
        {}, (),
        (
            Input("A", "Count", "Socket_1", "INT", "M", 2, 12), Input("A", "Tilt", "Socket_2", "FLOAT", "M", -1.0, 1.0),
            Input("A", "Offset", "Socket_3", "VECTOR", "M", 0.0, 2.0), Input("A", "Glaze", "Socket_4", "RGBA", "M"),
            Input("A", "Style", "Socket_5", "MENU", "M", choices=("Round", "Flat")),
            Input("A", "Solid", "Socket_6", "BOOLEAN", "M"), Input("A", "Wide", "Socket_7", "FLOAT", "M", -3e38, 3e38),
        ),
    )  # fmt: skip
    source = (
        'm["Socket_1"] = 3\nm["Socket_2"] = 0\nm["Socket_3"] = (0.5, 1.0, 1.5)\nm["Socket_4"] = (0.1, 0.2, 0.3, 1.0)\n'
        'm["Socket_5"] = "Round"\nm["Socket_6"] = True\nm["Socket_7"] = 2.0\n'
    )
    given = found(source, scene)
    numbers = [given[label] for label in ("Socket_1", "Socket_2")]
    bounds = [(p.kind, p.limits.low, p.limits.high) for p in numbers]
    assert bounds == [("integer", 2.0, 12.0), ("number", -1.0, 1.0)]
    assert given["Socket_3[1]"].limits.high == 2.0
    assert (given["Socket_4"].kind, given["Socket_6"].kind) == ("colour", "switch")
    assert given["Socket_5"].choices == ("Round", "Flat")
    assert given["Socket_7"].limits.high < 100.0


def test_inputs_are_searched_as_their_kind_is_however_a_version_keeps_them():
    scene = Vocabulary(
        {}, (),
        (
            Input("A", "Style", "Socket_1", "MENU", "M", choices=("Round", "Flat"), numbers=(4, 7)),
            Input("A", "Turn", "Socket_2", "ROTATION", "M"), Input("A", "Step", "Socket_3", "VECTOR", "M"),
            Input("A", "Size", "Socket_4", "VECTOR", "M"), Input("A", "Solid", "Socket_5", "BOOLEAN", "M"),
            Input("A", "Seed", "Socket_6", "INT", "M"), Input("A", "Tile Width", "Socket_7", "FLOAT", "M"),
        ),
    )  # fmt: skip
    source = (
        'm["Socket_1"] = 4\nm["Socket_2"] = (0.0, 0.0, 0.5)\nm["Socket_3"] = (1.5, 0.0, 0.0)\nm["Socket_5"] = 1\n'
        'm["Socket_4"] = (1.5, 1.0, 1.0)\nm["Socket_6"] = 3\nm["Socket_7"] = 2.0\n'
    )
    given = found(source, scene)
    assert (given["Socket_1"].kind, given["Socket_1"].choices) == ("word", (4, 7))
    assert Program(source, scene).with_values({0: 7}).startswith('m["Socket_1"] = 7\n')
    assert given["Socket_2[0]"].limits.low == pytest.approx(-np.pi)
    assert given["Socket_2[2]"].limits.high == pytest.approx(np.pi)
    assert given["Socket_3[0]"].limits.low < 0.0 < given["Socket_3[0]"].limits.high
    assert given["Socket_4[0]"].limits.scale == "log"
    assert (given["Socket_5"].kind, given["Socket_5"].value) == ("switch", True)
    assert "Socket_6" not in given
    assert given["Socket_7"].limits.scale == "log"
    later = found('m.properties.inputs.Socket_1.value = "Flat"\nm.properties.inputs.Socket_5.value = False\n', scene)
    assert later["inputs.Socket_1"].choices == ("Round", "Flat")
    assert later["inputs.Socket_5"].kind == "switch"


def test_identifiers_that_mean_several_things_tell_nothing():
    style = Input("A", "Style", "Socket_1", "MENU", "M", choices=("Round",))
    wide = Input("B", "Size", "Socket_1", "FLOAT", "N", 0.0, 9.0)
    assert set(Vocabulary({}, (), (style, wide)).by_label) & {"Style", "Size", "Socket_1"} == {"Style", "Size"}
    known = Vocabulary({}, (), (Input("A", "Size", "Socket_1", "FLOAT", "M", 1.0, 4.0), wide)).by_label["Socket_1"]
    assert (known.low, known.high) == (0.0, 9.0)


def test_stops_of_a_ramp_keep_their_order_within_0_and_1():
    source = "ramp.elements[0].position = 0.2\nramp.elements[1].position = 0.8\n"
    space = Space(Program(source))
    assert [(axis.bounds.low, axis.bounds.high) for axis in space.axes] == [(0.0, 1.0)] * 2
    assert space.source(np.array([0.9, 0.1])) == "ramp.elements[0].position = 0.1\nramp.elements[1].position = 0.9\n"


def test_what_changes_nothing_at_both_sides_is_left_alone():
    screening = Screening([0, 1, 2], [], np.zeros(3))
    here, before = np.array([0.5, 0.5, 0.9]), np.zeros(4)
    while not screening.is_done:
        points = screening.ask(here, 2)
        screening.tell([(point, np.full(4, point[0] - 0.5 + point[2] - 0.9)) for point in points], before)
    assert screening.alive.tolist() == [True, False, True]
