"""Say an instruction in other words: at least ten ways for each kind of instruction, from `paraphrases.json`.

An instruction is read as one of the ways, which leaves its slots: the thing that is to change, and its new look. The
other ways of its kind, filled with the same, are the paraphrases.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from editor3d.language.tokens import split_words
from editor3d.language.vocabulary import BY_PHRASE, SHADES

LEAST = 10
"""Ways of saying it that every kind has besides the one that was said."""


class Reading(NamedTuple):
    """What an instruction says."""

    scope: str
    """`object`, `scene`, `removal` or `insertion`."""
    kind: str
    """The category of the look, as of the vocabulary; `other` where it has none."""
    thing: str
    """What is to change; empty for the scene."""
    look: str
    """What it is to become or to get; empty for a removal."""
    fixed: int
    """Words of the way of saying it that are no slots."""


@lru_cache(maxsize=1)
def ways() -> dict[str, dict[str, tuple[str, ...]]]:
    """The ways of saying it, by scope and kind, with slots {thing} and {look}."""
    body = json.loads(Path(__file__).with_name("paraphrases.json").read_text(encoding="utf-8"))
    return {scope: {kind: tuple(said) for kind, said in kinds.items()} for scope, kinds in body.items()}


def paraphrases(instruction: str, objects: Collection[str] = ()) -> list[str]:
    """Other ways of saying an instruction, at least `LEAST`; none where it is said in no way that is known.

    Args:
        objects: names of the objects that the capture has masks of.
    """
    reading = read(instruction, objects)
    if reading is None:
        return []
    said = " ".join(split_words(instruction))
    filled = [way.format(thing=reading.thing, look=reading.look) for way in ways()[reading.scope][reading.kind]]
    return [each for each in dict.fromkeys(filled) if " ".join(split_words(each)) != said]


def read(instruction: str, objects: Collection[str] = ()) -> Reading | None:
    """What an instruction says; None where it is said in no way that is known.

    Of several readings, one of a named object comes first, then one of more fixed words, then one whose look the
    vocabulary knows.
    """
    text = " ".join(word for word in split_words(instruction) if word not in (".", "!"))
    found = list(_readings(text))
    return min(found, key=lambda one: _rank(one, objects)) if found else None


def _readings(text: str) -> Iterator[Reading]:
    for scope, kinds in ways().items():
        for way in {way for said in kinds.values() for way in said}:
            if way == "{look}" and tuple(text.split()) not in BY_PHRASE:
                continue
            for words in range(1, 4) if "{thing}" in way else (0,):
                match = re.fullmatch(_pattern(way, words), text, re.IGNORECASE)
                if match:
                    slots = {"thing": "", "look": "", **match.groupdict()}
                    yield Reading(scope, _kind(slots["look"], kinds), **slots, fixed=len(way.split()) - way.count("{"))


@lru_cache(maxsize=512)
def _pattern(way: str, words: int) -> str:
    """A way as a regular expression: so many words for the thing, at most six for the look."""
    pattern = re.escape(way).replace(r"\ ", " ").replace(r"\{look\}", r"(?P<look>\S+(?: \S+){0,5})")
    return pattern.replace(r"\{thing\}", rf"(?P<thing>\S+(?: \S+){{{words - 1}}})")


def _kind(look: str, kinds: Collection[str]) -> str:
    term = BY_PHRASE.get(tuple(look.split()))
    return term.category if term is not None and term.category in kinds else "other"


def _rank(reading: Reading, objects: Collection[str]) -> tuple[bool, int, bool, bool, int]:
    unknown = tuple(reading.look.split()) not in BY_PHRASE
    shaded = reading.thing.rpartition(" ")[2] in SHADES
    return reading.thing not in objects, -reading.fixed, shaded, unknown, len(reading.look.split())
