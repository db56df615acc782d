"""Words of direction, the quantities that they move, and which way: `taller` moves a height up."""

from __future__ import annotations

import re
from dataclasses import dataclass

from editor3d.programs.language.comments import stems


@dataclass(frozen=True)
class Way:
    """What a word of direction means."""

    sign: int
    quantities: tuple[str, ...]
    """What it moves, by names of inputs, the likeliest first; empty for whatever the named thing is."""


_HEIGHT, _WIDTH = ("height", "tall", "length", "scale z"), ("width", "wide", "radius", "thickness", "scale xy")
_SIZE, _COUNT = ("size", "scale", "radius", "scale xyz"), ("count", "number", "amount", "density", "copies")
_LIGHT = ("energy", "strength", "power", "brightness", "intensity")
_ROUGH, _GAP = ("roughness",), ("spacing", "distance", "gap", "offset")
_ANY: tuple[str, ...] = ()

_WAYS: dict[str, tuple[int, tuple[str, ...]]] = {
    "turn up|crank up|boost|increase|raise|strengthen|stronger": (1, _ANY),
    "turn down|decrease|reduce|weaken|weaker": (-1, _ANY),
    "brighten|brighter|bright": (1, _LIGHT),
    "dim|dimmer|darken|darker": (-1, _LIGHT),
    "taller|higher|longer|tall": (1, _HEIGHT),
    "shorter|short": (-1, _HEIGHT),
    "wider|broader|thicker|fatter|wide": (1, _WIDTH),
    "thinner|narrower|slimmer|thin|narrow": (-1, _WIDTH),
    "bigger|larger|enlarge|big|large|huge": (1, _SIZE),
    "smaller|shrink|small|tiny": (-1, _SIZE),
    "more": (1, _COUNT),
    "fewer": (-1, _COUNT),
    "rougher|matte|duller": (1, _ROUGH),
    "smoother|shinier|glossier|shiny|glossy": (-1, _ROUGH),
    "apart|sparser": (1, _GAP),
    "closer|denser": (-1, _GAP),
}
_STRENGTHS = {
    "slightly|a little|a bit|somewhat": 0.5,
    "much|very|a lot|far|way|strongly|huge|tiny": 1.6,
}
_TYPES = {"light": "LIGHT", "lamp": "LIGHT"}
"""Words for kinds of objects."""


def way_of(clause: str) -> tuple[Way, str] | None:
    """What the words of a clause mean, and the clause without them; the longest words are looked for first."""
    known = [(word, sign, moved) for words, (sign, moved) in _WAYS.items() for word in words.split("|")]
    for word, sign, moved in sorted(known, key=lambda entry: -len(entry[0])):
        first, _, last = word.partition(" ")
        # "turn up the key light" and "turn the key light up"
        pattern = rf"\b{first}\b(.*?)\b{last}\b" if last else rf"\b{first}\b()"
        found = re.search(pattern, clause, re.IGNORECASE)
        if found is not None:
            return Way(sign, moved), f"{clause[: found.start()]} {found[1]} {clause[found.end() :]}"
    return None


def strength_of(clause: str) -> float:
    """How far: 1 where nothing is said."""
    for words, strength in _STRENGTHS.items():
        if re.search(rf"\b(?:{words})\b", clause, re.IGNORECASE):
            return strength
    return 1.0


def types_of(clause: str) -> set[str]:
    """Blender's types of objects that a clause speaks of."""
    return {kind for word, kind in _TYPES.items() if re.search(rf"\b{word}s?\b", clause, re.IGNORECASE)}


def name_stems(name: str) -> frozenset[str]:
    """Stems of a name: `KeyLight.001` is key and light."""
    return stems(re.sub(r"(?<=[a-z])(?=[A-Z])|[_.\d-]", " ", name))
