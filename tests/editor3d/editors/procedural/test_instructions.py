"""Which sentences the procedural editor understands, and how."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from editor3d.editors.procedural.editor import ProceduralEditor
from editor3d.editors.procedural.parse import parse
from editor3d.errors import InstructionError
from editor3d.language.tokens import objects_named
from editor3d.language.vocabulary import BY_EFFECT, BY_PHRASE, TERMS, vocabulary
from editor3d.types import EditRequest

OBJECTS = ["teapot", "cube", "mug", "wooden_table", "red_ball", "blue_ball"]

WHOLE = {
    "turn it blue": "blue",
    "make it look like winter": "winter",
    "Make it look like WINTER!": "winter",
    "let it snow": "snow",
    "have it snow": "snow",
    "make it snow": "snow",
    "it's raining": "rain",
    "add fog": "fog",
    "as if it were night": "night",
    "make it look as if it were made of gold": "gold",
    "it should look like a Van Gogh painting": "van gogh",
    "in the style of van gogh": "van gogh",
    "make it look like Vincent van Gogh painted it": "van gogh",
    "what would it look like in winter?": "winter",
    "how would this look in autumn": "autumn",
    "turn the scene into a watercolor painting": "watercolor",
    "turn the photo into an oil painting": "oil painting",
    "turn it into a pencil drawing": "pencil sketch",
    "turn him into a bronze statue": "bronze",
    "make her look like a marble sculpture": "marble",
    "make everything gold": "gold",
    "turn the whole thing into stone": "stone",
    "turn summer into winter": "winter",
    "turn the day into night": "night",
    "turn the winter scene into summer": "summer",
    "make it black and white": "black and white",
    "b&w": "black and white",
    "make it a film-noir movie": "film noir",
    "give it the sepia look": "sepia",
    "apply a sepia filter": "sepia",
    "make it look like an old photo": "vintage",
    "make the image brighter": "brighter",
    "increase the contrast": "more contrast",
    "turn up the contrast": "more contrast",
    "turn down the brightness": "darker",
    "reduce the saturation": "less saturated",
    "less bright": "darker",
    "less contrast": "less contrast",
    "low contrast": "less contrast",
    "more saturated": "more saturated",
    "make it more colourful": "more saturated",
    "make it warmer": "warmer",
    "what a sunny day": "noon",
    "make the weather rainy": "rain",
    "sunset": "sunset",
    "cover it in snow": "snow",
    "in the middle of the night": "night",
    "make it shiny gold": "gold",
    "turn it into a painting by van gogh": "van gogh",
    "a van gogh style painting": "van gogh",
    "imagine it in winter": "winter",
    "snow everywhere": "snow",
    "make the light warmer": "warmer",
    "make the day darker": "darker",
    "paint it the sky blue": "sky blue",
}

ONE_OBJECT = {
    "make the teapot red": ("red", "teapot"),
    "make the Teapot gold": ("gold", "teapot"),
    "turn the teapot into gold": ("gold", "teapot"),
    "turn the teapot into a golden teapot": ("gold", "teapot"),
    "give the teapot a bronze look": ("bronze", "teapot"),
    "change the teapot's color to blue": ("blue", "teapot"),
    "change the color of the teapot to blue": ("blue", "teapot"),
    "make the big red mug gold": ("gold", "mug"),
    "make the cup gold": ("gold", "mug"),
    "make the mugs gold": ("gold", "mug"),
    "make a mug gold": ("gold", "mug"),
    "turn the red mug blue": ("blue", "mug"),
    "gold teapot": ("gold", "teapot"),
    "make the red ball marble": ("marble", "red_ball"),
    "make the red_ball marble": ("marble", "red_ball"),
    "make the table marble": ("marble", "wooden_table"),
    "make the wooden table marble": ("marble", "wooden_table"),
    "make the teapot look like winter": ("winter", "teapot"),
    "put snow on the teapot": ("snow", "teapot"),
    "cover the teapot in snow": ("snow", "teapot"),
    "in this picture, make the teapot gold": ("gold", "teapot"),
    "make the teapot in this picture gold": ("gold", "teapot"),
    "the teapot, make it gold": ("gold", "teapot"),
    "turn the teapot from red to blue": ("blue", "teapot"),
    "turn the red mug into a blue mug": ("blue", "mug"),
    "what if the teapot were gold?": ("gold", "teapot"),
    "paint the box green": ("green", "cube"),
}

SEQUENCES = {
    "make it snowy and foggy": [("snow", ()), ("fog", ())],
    "a dark winter night": [("darker", ()), ("winter", ()), ("night", ())],
    "make the teapot and the cube gold": [("gold", ("teapot", "cube"))],
    "make the teapot, the cube and the mug silver": [("silver", ("teapot", "cube", "mug"))],
    "make the teapot gold and the cube red": [("gold", ("teapot",)), ("red", ("cube",))],
    "make the teapot gold, then make it brighter": [("gold", ("teapot",)), ("brighter", ("teapot",))],
    "make the teapot gold and let it snow": [("gold", ("teapot",)), ("snow", ())],
    "make the teapot gold and the scene darker": [("gold", ("teapot",)), ("darker", ())],
    "make the teapot gold at night": [("gold", ("teapot",)), ("night", ())],
    "make both balls gold": [("gold", ("blue_ball", "red_ball"))],
    "make the balls gold": [("gold", ("blue_ball", "red_ball"))],
    "make all balls gold": [("gold", ("blue_ball", "red_ball"))],
    "turn the teapot black and the cube white": [("black", ("teapot",)), ("white", ("cube",))],
}

REFUSED = {
    "": "empty",
    "  ...": "empty",
    "asdf": "'asdf'",
    "add a hat": "'hat'",
    "make it bigger": "'bigger'",
    "make it red and bigger": "'bigger'",
    "make it shiny": "'shiny'",
    "make it shiny and red": "'shiny'",
    "make the dragon gold": "'dragon'",
    "make dragon gold": "'dragon'",
    "turn the bear into a bronze statue": "'bear'",
    "make the background blue": "'background'",
    "make the sky blue": "'sky'",
    "make the morning red": "'morning'",
    "make the painting blue": "'painting'",
    "make the stone gold": "'stone'",
    "make the light blue": "'light'",
    "make the cover blue": "'cover'",
    "make the statue gold": "'statue'",
    "make the bronze statue gold": "'statue'",
    "make the red one blue": "'one'",
    "make the one on the left blue": "'one'",
    "don't make it red": "'not'",
    "do not make it red": "'not'",
    "make it anything without red": "'without'",
    "make everything but the dragon gold": "'everything but'",
    "make everything except the dragon gold": "'except'",
    "make the teapot gold but not the teapot": "to keep it",
    "make it gold but keep the background": "keep the rest",
    "make it gold but not the ball": "may mean",
    "remove the teapot": "'remove'",
    "make the teapot and everything gold": "at once",
    "make everything around the teapot gold": "at once",
    "make the cup on the table gold": "'and'",
    "make the ball gold": "may mean",
    "make the green ball gold": "No object",
    "make it look like a gold teapot": "cannot make",
    "turn red into blue": "pick out",
    "turn the wood into stone": "pick out",
    "less gold": "less 'gold'",
    "make it less": "less",
    "make the teapot": "no effect",
    "make the teapot red and the cube": "no effect",
    "make it look different": "'different'",
    "make it look nice": "'nice'",
    "rends-le doré": "does not understand",
}


@pytest.mark.parametrize(("instruction", "effect"), WHOLE.items())
def test_whole_picture(instruction, effect):
    for objects in ([], OBJECTS):
        steps = parse(instruction, objects)
        assert [(step.effect, step.targets) for step in steps] == [(effect, ())]


@pytest.mark.parametrize(("instruction", "expected"), ONE_OBJECT.items())
def test_one_object(instruction, expected):
    steps = parse(instruction, OBJECTS)
    assert [(step.effect, step.targets) for step in steps] == [(expected[0], (expected[1],))]


@pytest.mark.parametrize(("instruction", "expected"), SEQUENCES.items())
def test_several_steps(instruction, expected):
    assert [(step.effect, step.targets) for step in parse(instruction, OBJECTS)] == expected


@pytest.mark.parametrize(("instruction", "reason"), REFUSED.items())
def test_refusals(instruction, reason):
    with pytest.raises(InstructionError, match=re.escape(reason)):
        parse(instruction, OBJECTS)


@pytest.mark.parametrize("instruction", ONE_OBJECT)
def test_an_object_without_mask_is_never_the_whole_picture(instruction):
    with pytest.raises(InstructionError):
        parse(instruction, ["candle"])


def test_shades_and_strengths():
    assert [(s.effect, s.shade) for s in parse("paint the cube light green", OBJECTS)] == [("green", "light")]
    assert [(s.effect, s.shade) for s in parse("make it dark blue", [])] == [("blue", "dark")]
    assert [(s.effect, s.shade) for s in parse("make it neon green", [])] == [("green", "vivid")]
    assert [(s.effect, s.strength) for s in parse("slightly darker", [])] == [("darker", 0.5)]
    assert [(s.effect, s.strength) for s in parse("darken it a bit", [])] == [("darker", 0.5)]
    assert [(s.effect, s.strength) for s in parse("much brighter", [])] == [("brighter", 1.6)]
    assert [(s.effect, s.strength) for s in parse("very dark and slightly warmer", [])] == [
        ("darker", 1.6),
        ("warmer", 0.5),
    ]


def test_names_of_objects_are_found_in_any_form():
    objects = ["CoffeeMug", "book.001", "book.002", "wine-glasses", "person"]
    assert parse("make the coffee mug gold", objects)[0].targets == ("CoffeeMug",)
    assert parse("make the cup gold", objects)[0].targets == ("CoffeeMug",)
    assert parse("make book 002 gold", objects)[0].targets == ("book.002",)
    assert parse("make the books gold", objects)[0].targets == ("book.001", "book.002")
    assert parse("make the wine glass gold", objects)[0].targets == ("wine-glasses",)
    assert parse("make the people gold", objects)[0].targets == ("person",)


def test_an_object_named_like_an_effect():
    assert parse("make the stone gold", ["stone"])[0].targets == ("stone",)
    step = parse("make it stone", ["stone"])[0]
    assert (step.effect, step.targets) == ("stone", ())


def test_refusals_say_what_is_understood_and_which_objects_there_are():
    with pytest.raises(InstructionError) as refusal:
        parse("make it frobnicated", ["teapot"])
    text = str(refusal.value)
    assert "\n" not in text
    assert "objects with masks: teapot" in text
    for words in vocabulary().values():
        assert all(word in text for word in words)


def test_a_misspelling_gets_a_hint():
    with pytest.raises(InstructionError, match="did you mean 'watercolour'"):
        parse("make it watercolur", [])


def test_every_phrase_alone_means_its_effect():
    for phrase, term in BY_PHRASE.items():
        steps = parse(" ".join(phrase), [])
        assert [step.effect for step in steps] == [term.effect], phrase


def test_no_phrase_has_two_meanings():
    phrases = [phrase for term in TERMS for phrase in term.words]
    assert len(phrases) == len(set(phrases))
    assert len(BY_EFFECT) == len(TERMS)


def test_every_documented_word_is_understood():
    for words in vocabulary().values():
        for word in words:
            assert len(parse(f"make it {word}", [])) == 1


def test_the_documentation_lists_every_word():
    page = (Path(__file__).parents[4] / "docs" / "editors.md").read_text(encoding="utf-8")
    for title, words in vocabulary().items():
        line = next(line for line in page.splitlines() if line.lower().startswith(f"| {title} |"))
        assert line.split("|")[2].strip() == ", ".join(words)


@given(st.sampled_from(TERMS), st.sampled_from(["make it {}", "turn the teapot {}", "{}", "a bit {}", "{} and gold"]))
def test_templates(term, template):
    steps = parse(template.format(term.words[0]), OBJECTS)
    assert steps[0].effect == term.effect
    assert steps[0].targets == (("teapot",) if "teapot" in template else ())


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        steps = parse(text, OBJECTS)
    except InstructionError:
        return
    assert all(step.effect in BY_EFFECT for step in steps)


WORDS = ["make", "the", "teapot", "red", "cube", "and", "it", "less", "very", "big", "into", "a", "gold", "ball", "all"]


@given(st.lists(st.sampled_from(WORDS)))
def test_any_order_of_known_words_is_read_or_refused(words):
    try:
        steps = parse(" ".join(words), OBJECTS)
    except InstructionError:
        return
    assert all(set(step.targets) <= set(OBJECTS) for step in steps)


@pytest.mark.parametrize(
    ("instruction", "named"),
    [
        ("let the teapot sing", ("teapot",)),
        ("put a hat on both cups", ("cup_1", "cup_2")),
        ("make the cup float above the teapot", ("cup_1", "cup_2", "teapot")),
        ("make it somehow nicer", ()),
        ("", ()),
    ],
)
def test_objects_are_found_in_any_sentence(instruction, named):
    assert objects_named(instruction, ("teapot", "cup_1", "cup_2")) == named


@pytest.mark.parametrize(
    ("sentence", "targets", "spared"),
    [
        ("make everything gold except the teapot", (), ("teapot",)),
        ("make everything but the teapot gold", (), ("teapot",)),
        ("let it snow, but not on the teapot".replace("on ", ""), (), ("teapot",)),
        ("make it night, but keep the teapot and the cube as they are", (), ("teapot", "cube")),
        ("except for the big cube, make it look like winter", (), ("cube",)),
        ("make the teapot gold but keep the cube as it is", ("teapot",), ()),
        ("make the teapot gold and leave everything else unchanged", ("teapot",), ()),
        ("make the teapot gold and leave the cube alone and let it snow", ("teapot",), ()),
    ],
)
def test_what_is_to_stay_is_left_out(sentence, targets, spared):
    first = parse(sentence, ("teapot", "cube", "table"))[0]
    assert (first.targets, first.spared) == (targets, spared)


def test_what_is_to_stay_stays_bit_by_bit():
    image = torch.rand(24, 32, 3)
    mask = torch.zeros(24, 32, dtype=torch.bool)
    mask[5:15, 5:15] = True
    request = EditRequest("v", "make everything gold except the teapot", image, objects={"teapot": mask})
    edited = ProceduralEditor().edit(request)
    assert torch.equal(edited[mask], image[mask])
    alone = ProceduralEditor().edit(EditRequest("v", "make it gold", image))
    assert torch.equal(edited[20:], alone[20:])
