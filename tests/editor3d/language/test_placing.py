"""Sentences that say where a thing goes, and those that do not."""

from __future__ import annotations

import pytest

from editor3d.errors import InstructionError
from editor3d.language.placing import Amount, Placing, parse_placing

NAMES = ("ball", "teapot", "mug")


@pytest.mark.parametrize(
    ("sentence", "meant"),
    [
        (
            "move the ball to the left of the teapot by its own width",
            Placing("ball", direction="left", beside="teapot", amount=Amount(1.0, "width")),
        ),
        ("copy the ball to the right by 0.3", Placing("ball", True, "right", amount=Amount(0.3))),
        (
            "Move the ball left by half the teapot's height.",
            Placing("ball", direction="left", amount=Amount(0.5, "height", "teapot")),
        ),
        ("lift the mug by twice its height", Placing("mug", direction="up", amount=Amount(2.0, "height"))),
        ("put the ball on top of the teapot", Placing("ball", direction="up", beside="teapot")),
        ("move the ball behind the mug by 0.1", Placing("ball", direction="back", beside="mug", amount=Amount(0.1))),
        ("rotate the teapot by 45 degrees", Placing("teapot", degrees=45)),
        ("turn the teapot to the right by 30 degrees", Placing("teapot", degrees=-30)),
        ("rotate the mug by 10 degrees clockwise", Placing("mug", degrees=-10)),
        ("make the ball twice as large", Placing("ball", scale=2)),
        ("make the ball 20% larger", Placing("ball", scale=1.2)),
        ("shrink the ball by 40%", Placing("ball", scale=0.6)),
    ],
)
def test_a_sentence_says_where_a_thing_goes(sentence, meant):
    assert parse_placing(sentence, NAMES) == meant


@pytest.mark.parametrize(
    ("sentence", "match"),
    [
        ("paint it red", "where a thing goes"),
        ("move the ball", "where to and how far"),
        ("move the ball to the left", "where to and how far"),
        ("move the dragon left by 1", "No object of this scene is 'the dragon'; its objects are"),
        ("move the ball left by its own", "width, height or depth"),
        ("shrink the ball by 100%", "size above nothing"),
    ],
)
def test_other_sentences_are_refused(sentence, match):
    with pytest.raises(InstructionError, match=match):
        parse_placing(sentence, NAMES)
