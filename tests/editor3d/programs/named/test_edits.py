"""What instructions mean by the names that a scene has."""

from __future__ import annotations

import numpy as np
import pytest

from editor3d.programs.core.contracts import Candidate
from editor3d.programs.language.vocabulary import Input, Vocabulary
from editor3d.programs.named.edits import named_edit
from editor3d.programs.named.search import NamedEvaluator
from editor3d.programs.sandbox import gate

SCENE = Vocabulary(
    {"Cam": "CAMERA", "KeyLight": "LIGHT", "Fill": "LIGHT", "Gen": "MESH", "Face": "MESH", "Ball": "MESH"},
    ("Skin",),
    (
        Input("Gen", "Count", "Socket_1", "INT", "Columns", 1, 40),
        Input("Gen", "Spacing", "Socket_2", "FLOAT", "Columns"),
        Input("Gen", "Height", "Socket_3", "FLOAT", "Columns", 0.0, 4.0),
        Input("Gen", "Radius", "Socket_4", "FLOAT", "Columns"),
        Input("Face", "Smile", "Smile", "FLOAT", "", -1.0, 1.0),
        Input("Face", "Tall", "Tall", "FLOAT", "", 0.0, 1.0),
    ),
)
PROGRAM = """import bpy
modifier = bpy.data.objects["Gen"].modifiers["Columns"]

def set_input(modifier, name, value):
    modifier[name] = value

set_input(modifier, "Count", 3)
set_input(modifier, "Height", 1.0)
bpy.data.objects["Face"].data.shape_keys.key_blocks["Smile"].value = 0.0
"""


def new_lines(instruction: str, program: str = PROGRAM) -> list[str]:
    """What the likeliest candidate has that the program does not."""
    edit = named_edit(instruction, program, SCENE)
    assert edit is not None
    assert [gate.check(source) for source, _ in edit.sources] == [None] * len(edit.sources)
    return [line for line in edit.sources[0][0].splitlines() if line and line not in program.splitlines()]


@pytest.mark.parametrize(
    ("instruction", "lines"),
    [
        ("columns taller", ['set_input(modifier, "Height", 1.6)']),
        ("make the columns much taller", ['set_input(modifier, "Height", 2.1213)']),
        ("more columns", ['set_input(modifier, "Count", 5)']),
        ("fewer columns", ['set_input(modifier, "Count", 2)']),
        ("a big smile", ['bpy.data.objects["Face"].data.shape_keys.key_blocks["Smile"].value = 0.7']),
        ("turn up the key light", ["bpy.data.objects['KeyLight'].data.energy *= 2.5"]),
        ("turn the key light down", ["bpy.data.objects['KeyLight'].data.energy *= 0.4"]),
        ("make the ball slightly bigger", [f"bpy.data.objects['Ball'].scale[{axis}] *= 1.26" for axis in range(3)]),
    ],
)
def test_a_value_moves_where_the_program_sets_it_or_behind_the_program(instruction, lines):
    assert new_lines(instruction) == lines


def test_inputs_that_the_program_does_not_set_are_set_behind_it():
    added = new_lines("columns thinner", "import bpy\n")
    assert added[0].startswith("bpy.data.objects['Gen'].modifiers['Columns']['Socket_4'] =")
    assert "update_tag" in added[1]


def test_all_lights_are_meant_where_none_is_named():
    assert [line.split("'")[1] for line in new_lines("dim the lights")] == ["KeyLight", "Fill"]


def test_several_clauses_are_all_done():
    assert len(new_lines("columns taller, and the face taller")) == 2


@pytest.mark.parametrize(
    "instruction",
    ["make it night", "turn the ball into gold", "columns taller and make it night", "taller", "", "moons"],
)
def test_what_names_nothing_or_no_direction_is_left_to_the_2d_editor(instruction):
    assert named_edit(instruction, PROGRAM, SCENE) is None


def test_the_likeliest_candidate_whose_picture_differs_wins():
    edit = named_edit("columns taller", PROGRAM, SCENE)
    dark, light = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 90, np.uint8)
    judge, first = NamedEvaluator(edit), Candidate(PROGRAM, dark)
    likeliest, stronger = (Candidate(source, light) for source, _ in edit.sources[:2])
    assert judge.compare(likeliest, first).winner == "left"
    assert judge.compare(first, likeliest).winner == "right"
    assert not judge.compare(first, Candidate(stronger.source, dark)).decided
    assert judge.compare(stronger, Candidate(likeliest.source, dark)).winner == "right"
