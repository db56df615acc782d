"""Other ways of saying an instruction."""

from __future__ import annotations

import pytest

from editor3d.editors.procedural.parse import parse
from editor3d.errors import InstructionError
from editor3d.metrics.trials.paraphrases import LEAST, paraphrases, read, ways

OBJECTS = ("teapot", "cube", "mug")
INSTRUCTIONS = [
    "make the teapot gold", "paint the cube dark blue", "make it look like winter", "make it night", "add snow",
    "turn it into a van Gogh painting", "make it darker", "remove the mug", "put a hat on the teapot",
    "turn the bear into a polar bear", "make it sepia",
]  # fmt: skip


def test_every_kind_can_be_said_in_ten_other_ways():
    for scope, kinds in ways().items():
        for kind, said in kinds.items():
            assert len(set(said)) > LEAST, (scope, kind)


@pytest.mark.parametrize("instruction", INSTRUCTIONS)
def test_an_instruction_has_ten_other_ways(instruction):
    said = paraphrases(instruction, OBJECTS)
    assert len(said) == len(set(said)) >= LEAST
    assert instruction not in said
    reading = read(instruction, OBJECTS)
    assert all(reading.look in each and reading.thing in each for each in said)


@pytest.mark.parametrize(
    ("instruction", "scope", "kind", "thing", "look"),
    [
        ("Make the teapot gold.", "object", "material", "teapot", "gold"),
        ("turn the bear into a polar bear", "object", "other", "bear", "a polar bear"),
        ("paint the wooden table dark blue", "object", "other", "wooden table", "dark blue"),
        ("make it look like winter", "scene", "season", "", "winter"),
        ("remove the mug", "removal", "other", "mug", ""),
        ("put a hat on the teapot", "insertion", "other", "teapot", "a hat"),
    ],
)
def test_what_an_instruction_says_is_read(instruction, scope, kind, thing, look):
    assert read(instruction, OBJECTS)[:4] == (scope, kind, thing, look)


@pytest.mark.parametrize("instruction", ["make the teapot gold", "make it look like winter", "make it night"])
def test_nearly_all_are_understood_by_the_built_in_editor_as_the_same(instruction):
    wanted, same = parse(instruction, OBJECTS), 0
    for said in paraphrases(instruction, OBJECTS):
        try:
            same += parse(said, OBJECTS) == wanted
        except InstructionError:
            continue
    assert same >= 9


def test_what_is_said_in_no_known_way_has_none():
    assert paraphrases("the light was different in my childhood", OBJECTS) == []
