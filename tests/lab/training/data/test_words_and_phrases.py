"""What the small models are told: every wording means its effect, and every word is one token."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from editor3d.editors.procedural.parse import Step, parse
from lab.training.data.phrases import EFFECTS, SURFACES, draw_caption, draw_object_effect, instructions
from lab.training.data.shapes import NAMES
from lab.training.words import encode, make_tokenizer


@pytest.mark.parametrize("effect", EFFECTS.values(), ids=EFFECTS)
def test_every_wording_means_its_effect_to_the_procedural_editor(effect):
    wordings = instructions(effect)
    assert wordings
    for text in wordings:
        # how much of it there is may be said, too: haze is a light fog
        assert [replace(step, shade="") for step in parse(text, NAMES)] == [Step(effect.name)], text


@pytest.mark.parametrize("effect", SURFACES, ids=[effect.name for effect in SURFACES])
def test_every_wording_about_an_object_means_that_object_alone(effect):
    for name in ("teapot", "books", "ball"):
        for text in instructions(effect, name):
            assert parse(text, NAMES) == (Step(effect.name, targets=(name,)),), text


def test_only_surfaces_are_drawn_for_objects():
    rng = np.random.default_rng(0)
    drawn = {draw_object_effect(rng).name for _ in range(300)}
    assert drawn <= {effect.name for effect in SURFACES}
    assert len(drawn) > 10


def test_captions_hold_what_the_picture_shows():
    rng = np.random.default_rng(0)
    for effect in (None, *EFFECTS.values()):
        assert "a teapot" in draw_caption(rng, effect, "a teapot")
    assert "ball" in draw_caption(rng, EFFECTS["red"], "a teapot", "ball")


def test_known_words_are_one_token_and_others_are_spelled(tmp_path):
    from transformers import CLIPTokenizer

    tokenizer = make_tokenizer(["make the teapot gold", "make it winter"])
    assert tokenizer.tokenize("Make the teapot winter") == ["make</w>", "the</w>", "teapot</w>", "winter</w>"]
    spelled = tokenizer.tokenize("xylophone")
    assert "".join(spelled).removesuffix("</w>") == "xylophone"
    assert tokenizer.unk_token not in spelled
    tokenizer.save_pretrained(tmp_path)
    texts = ["", "make the teapot gold", "a xylophone, really"]
    assert encode(CLIPTokenizer.from_pretrained(tmp_path), texts).equal(encode(tokenizer, texts))


def test_token_ids_have_one_length_and_end():
    tokenizer = make_tokenizer(["make it winter"])
    ids = encode(tokenizer, ["", "make it winter " * 20])
    assert ids.shape == (2, 16)
    assert ids[:, 0].tolist() == [tokenizer.bos_token_id] * 2
    assert ids[:, -1].tolist() == [tokenizer.eos_token_id] * 2
