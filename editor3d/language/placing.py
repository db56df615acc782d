"""Sentences that say where a thing goes: "move the ball to the left of the teapot by its own width"."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from editor3d.errors import InstructionError
from editor3d.language.nouns import ObjectNames, listing

Direction = Literal["left", "right", "front", "back", "up", "down"]
Side = Literal["width", "height", "depth"]


@dataclass(frozen=True)
class Amount:
    """How far: a number of scene units, or of the size of a thing."""

    number: float
    side: Side | None = None
    """Of which size it is a multiple; None for scene units."""
    of: str | None = None
    """The object whose size that is; None for the one that moves."""


@dataclass(frozen=True)
class Placing:
    """Where one object goes."""

    name: str
    copy: bool = False
    direction: Direction | None = None
    beside: str | None = None
    """It ends in that direction of this object, with `amount` between the two; else it goes by `amount`."""
    amount: Amount | None = None
    degrees: float = 0.0
    """About the vertical through its middle, counterclockwise from above."""
    scale: float = 1.0
    """From the middle of its underside."""


_DIRECTIONS: dict[str, Direction] = {
    "left": "left", "right": "right", "up": "up", "upwards": "up", "down": "down", "downwards": "down",
    "forward": "front", "forwards": "front", "back": "back", "backward": "back", "backwards": "back",
}  # fmt: skip
_BESIDE: dict[str, Direction] = {
    "to the left of": "left", "left of": "left", "to the right of": "right", "right of": "right",
    "in front of": "front", "behind": "back", "on top of": "up", "onto": "up", "on": "up", "above": "up",
    "under": "down", "underneath": "down", "below": "down", "beneath": "down", "next to": "right", "beside": "right",
}  # fmt: skip
_NUMBERS = {
    "half": 0.5, "a half": 0.5, "half of": 0.5, "a third of": 1 / 3, "a quarter of": 0.25, "once": 1.0, "twice": 2.0,
    "two times": 2.0, "double": 2.0, "three times": 3.0, "thrice": 3.0, "four times": 4.0,
}  # fmt: skip
_NUMBER = r"[+-]?(?:\d+(?:\.\d+)?|\.\d+)"
_THING = r"(?P<{}>(?:(?:the|a|an|this|that)\s+)?[\w' -]+?)"
_WORDS = "|".join(sorted(map(re.escape, _NUMBERS), key=len, reverse=True))
_FACTOR = rf"{_WORDS}|{_NUMBER}(?:\s*(?:times|x|%|percent(?: of)?))?"
_SENSE = r"clockwise|counterclockwise|anticlockwise|(?:to\s+the\s+)?(?:left|right)"
_AMOUNT = (
    rf"(?:\s+by\s+(?P<factor>{_FACTOR})?\s*(?P<whose>its(?:\s+own)?|the\s+[\w -]+?'s?|[\w-]+'s)?\s*"
    r"(?P<side>width|height|depth|length)?(?:\s+of\s+(?P<owner>[\w -]+?))?(?:\s+units?)?)?"
)
_WAYS = "|".join(sorted(_DIRECTIONS, key=len, reverse=True))
_PLACES = "|".join(sorted(_BESIDE, key=len, reverse=True))
_END = r"\s*[.!]?\s*$"
_MOVE = re.compile(
    rf"^(?P<verb>move|put|place|shift|push|slide|lift|raise|lower|set|copy|duplicate|clone)\s+{_THING.format('thing')}"
    rf"(?:\s+(?P<place>{_PLACES})\s+{_THING.format('anchor')}|\s+(?:to\s+the\s+)?(?P<way>{_WAYS}))?{_AMOUNT}{_END}",
    re.IGNORECASE,
)
_TURN = re.compile(
    rf"^(?:rotate|turn|spin)\s+{_THING.format('thing')}(?:\s+to\s+the\s+(?P<way>left|right))?"
    rf"\s+by\s+(?P<degrees>{_NUMBER})\s*(?:degrees?|°)?(?:\s+(?P<sense>{_SENSE}))?{_END}",
    re.IGNORECASE,
)
_SIZE = re.compile(
    rf"^(?:make|scale)\s+{_THING.format('thing')}\s+(?:(?:by\s+)?(?P<factor>{_FACTOR})\s*"
    rf"(?:as\s+(?:large|big|tall|small)|(?P<more>larger|bigger|smaller)|in\s+size)?){_END}"
    rf"|^(?P<verb>enlarge|grow|shrink)\s+{_THING.format('other')}(?:\s+by\s+(?P<share>{_NUMBER})\s*(?:%|percent))?{_END}",
    re.IGNORECASE,
)
_EXAMPLES = (
    "'move the ball to the left of the teapot by its own width', 'copy the ball to the right by 0.3', "
    "'rotate the teapot by 45 degrees' or 'make the ball twice as large'"
)


def parse_placing(sentence: str, names: Collection[str]) -> Placing:
    """What a sentence says about where an object goes.

    Args:
        names: of the objects that the scene knows.

    Raises:
        InstructionError: it is no such sentence, or names no object, or several.
    """
    text = " ".join(sentence.split())
    known = ObjectNames(names)
    if found := _TURN.match(text):
        degrees = float(found["degrees"])
        sense = (found["sense"] or found["way"] or "").lower()
        clockwise = sense == "clockwise" or sense.endswith("right")  # seen from above
        return Placing(_object(found["thing"], known), degrees=-degrees if clockwise else degrees)
    if found := _SIZE.match(text):
        if found["verb"]:
            share = float(found["share"] or (25 if found["verb"].lower() != "shrink" else 20)) / 100
            scale = 1 - share if found["verb"].lower() == "shrink" else 1 + share
            name = _object(found["other"], known)
        else:
            scale, more = _factor(found["factor"]), (found["more"] or "").lower()
            if more and "%" in found["factor"] + ("%" if "percent" in found["factor"] else ""):
                scale = 1 - scale if more == "smaller" else 1 + scale
            elif more == "smaller":
                scale = 1 / scale if scale > 0 else 0.0
            name = _object(found["thing"], known)
        if not scale > 0:
            raise InstructionError(f"Expected a size above nothing, got {sentence!r}: say how much of it is left.")
        return Placing(name, scale=scale)
    if found := _MOVE.match(text):
        return _moved(found, known, sentence)
    raise InstructionError(f"Expected where a thing goes, got {sentence!r}: say it like {_EXAMPLES}.")


def _moved(found: re.Match[str], known: ObjectNames, sentence: str) -> Placing:
    verb, name = found["verb"].lower(), _object(found["thing"], known)
    beside = _object(found["anchor"], known) if found["place"] else None
    way = found["way"].lower() if found["way"] else {"lift": "up", "raise": "up", "lower": "down"}.get(verb)
    direction = _BESIDE[" ".join(found["place"].lower().split())] if found["place"] else _DIRECTIONS.get(way or "")
    amount = None
    if found["factor"] or found["side"] or found["whose"]:
        owner = found["owner"] or (None if (found["whose"] or "its").lower().startswith("its") else found["whose"])
        side = {"length": "width"}.get((found["side"] or "").lower(), (found["side"] or "").lower()) or None
        if side is None and (found["whose"] or "%" in (found["factor"] or "")):
            raise InstructionError(f"Expected a width, height or depth to go by, got {sentence!r}: name one of them.")
        of = None if owner is None else _object(re.sub(r"'s?$", "", owner), known)
        assert side in ("width", "height", "depth", None)
        amount = Amount(1.0 if found["factor"] is None else _factor(found["factor"]), side, of)
    if direction is None or (beside is None and amount is None):
        raise InstructionError(f"Expected where to and how far, got {sentence!r}: say it like {_EXAMPLES}.")
    return Placing(name, verb in ("copy", "duplicate", "clone"), direction, beside, amount)


def _factor(text: str) -> float:
    words = " ".join(text.lower().split())
    if words in _NUMBERS:
        return _NUMBERS[words]
    number = re.match(_NUMBER, words)
    assert number is not None  # by the expression that found it
    return float(number[0]) / (100 if "%" in words or "percent" in words else 1)


def _object(text: str, known: ObjectNames) -> str:
    words = tuple(re.findall(r"[a-z]+|\d+", re.sub(r"^(?:the|a|an|this|that)\s+", "", text.lower())))
    for start in range(len(words)):
        if words[start:] in known:
            (name, *others) = known.resolve(words[start:], words[:start])
            if others:
                raise InstructionError(f"'{text}' may mean {listing((name, *others))}; name one of them.")
            return name
    raise InstructionError(f"No object of this scene is '{text}'; its objects are {listing(known.names) or 'none'}.")
