"""Captions that are wrong by one word."""

from __future__ import annotations

import numpy as np
import pytest

from lab.training.data.captions import LOOKS, altered
from lab.training.data.phrases import SURFACES
from lab.training.data.shapes import NAMES


@pytest.mark.parametrize("caption", ["a red teapot and a ball at night", "the mug is golden", "a wooden vase"])
def test_one_word_is_another_of_its_sort(caption):
    rng = np.random.default_rng(0)
    changed = set()
    for _ in range(50):
        words = altered(rng, caption).split()
        ((before, after),) = [
            pair for pair in zip(caption.split(), words, strict=True) if pair[0] != pair[1]
        ]  # exactly one
        assert (before in LOOKS and after in LOOKS) or (before in NAMES and after in NAMES)
        assert after not in caption.split()
        changed.add(before)
    assert changed == {word for word in caption.split() if word in LOOKS or word in NAMES}


def test_a_synonym_is_not_wrong():
    rng = np.random.default_rng(0)
    for effect in SURFACES:
        for word in effect.adjectives:
            drawn = {altered(rng, f"a {word} thing").split()[1] for _ in range(60)}
            assert drawn.isdisjoint(effect.adjectives)


def test_a_caption_that_names_nothing_has_no_wrong_one():
    assert altered(np.random.default_rng(0), "a picture of shapes at night") == ""
