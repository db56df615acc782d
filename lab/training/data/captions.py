"""Captions that are wrong by one word, for the contrastive training of the text-image encoder."""

from __future__ import annotations

import numpy as np

from lab.training.data.phrases import SURFACES
from lab.training.data.renders import PALETTE
from lab.training.data.shapes import NAMES

_SYNONYMS = [effect.adjectives for effect in SURFACES]
LOOKS: tuple[str, ...] = tuple(dict.fromkeys((*PALETTE, *(word for words in _SYNONYMS for word in words))))
"""Words for the colour or the material of a thing."""


def altered(rng: np.random.Generator, caption: str) -> str:
    """The caption with one of its colours, materials or things changed for another that it does not name.

    Returns:
        "" for a caption that names none.
    """
    words = caption.split()
    places = [(at, group) for at, word in enumerate(words) for group in (LOOKS, NAMES) if word in group]
    if not places:
        return ""
    at, group = places[int(rng.integers(len(places)))]
    same = next((one for one in _SYNONYMS if words[at] in one), ())
    others = [word for word in group if word not in (*words, *same)]
    words[at] = others[int(rng.integers(len(others)))]
    return " ".join(words)
