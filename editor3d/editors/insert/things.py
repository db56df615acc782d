"""Parse the words for objects that can be inserted: their shapes and colours."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from editor3d.editors.procedural.colors import RGB
from editor3d.errors import InstructionError
from editor3d.language.nouns import singular
from editor3d.language.tokens import split_words

if TYPE_CHECKING:
    import trimesh

Kind = Literal["ball", "crate", "cube", "cylinder", "cone", "cover"]
Pattern = Literal["plain", "grain", "speckle", "veins"]
Color = tuple[float, float, float]


@dataclass(frozen=True)
class Look:
    """Colours of a surface, sRGB, and how they are spread over it."""

    first: Color
    second: Color
    pattern: Pattern = "plain"


@dataclass(frozen=True)
class Thing:
    """One thing to be put into a region."""

    kind: Kind
    look: Look


KINDS: dict[str, Kind] = {
    **dict.fromkeys(("ball", "sphere", "globe", "orb", "bead"), "ball"),
    **dict.fromkeys(("crate", "box", "chest", "block", "brick"), "crate"),
    **dict.fromkeys(("cube", "die"), "cube"),
    **dict.fromkeys(("cylinder", "column", "pillar", "post", "can", "barrel", "drum"), "cylinder"),
    **dict.fromkeys(("cone", "pylon"), "cone"),
}
"""Nouns of things."""
COVERS: dict[str, Look] = {
    "moss": Look((0.20, 0.33, 0.08), (0.43, 0.55, 0.17), "speckle"),
    "grass": Look((0.18, 0.42, 0.10), (0.47, 0.68, 0.22), "speckle"),
    "snow": Look((0.88, 0.91, 0.95), (0.98, 0.99, 1.00), "speckle"),
    "rust": Look((0.33, 0.14, 0.07), (0.66, 0.34, 0.14), "speckle"),
    "sand": Look((0.72, 0.60, 0.40), (0.86, 0.76, 0.55), "speckle"),
}
"""Nouns of what covers surfaces that are there."""
MATERIALS: dict[str, Look] = {
    **dict.fromkeys(("wood", "wooden"), Look((0.42, 0.25, 0.12), (0.70, 0.48, 0.26), "grain")),
    **dict.fromkeys(("stone", "concrete"), Look((0.45, 0.45, 0.44), (0.66, 0.65, 0.62), "speckle")),
    "marble": Look((0.93, 0.92, 0.90), (0.62, 0.62, 0.64), "veins"),
    **dict.fromkeys(("gold", "golden"), Look((0.86, 0.62, 0.16), (0.98, 0.82, 0.38))),
    "silver": Look((0.72, 0.74, 0.77), (0.88, 0.89, 0.91)),
    "bronze": Look((0.50, 0.32, 0.15), (0.68, 0.46, 0.24)),
    "copper": Look((0.68, 0.33, 0.20), (0.85, 0.50, 0.36)),
    "jade": Look((0.16, 0.52, 0.34), (0.46, 0.76, 0.58), "veins"),
}
"""Words of what a thing is made of."""
_COLORS: dict[str, Look] = {name: Look(rgb, rgb) for name, rgb in RGB.items() if " " not in name} | {
    "grey": Look(RGB["gray"], RGB["gray"])
}
_USUAL: dict[Kind, Look] = {
    "ball": _COLORS["red"],
    "crate": MATERIALS["wood"],
    "cube": _COLORS["blue"],
    "cylinder": MATERIALS["stone"],
    "cone": _COLORS["orange"],
}
"""The default."""
_BEFORE = frozenset(
    ("a", "an", "the", "some", "one", "it", "there", "is", "be", "let", "put", "place", "add", "insert", "make", "set",
     "cover", "made", "out", "of", "in", "with")
)  # fmt: skip
_WHERE = frozenset(
    ("on", "in", "at", "to", "onto", "into", "upon", "here", "there", "near", "beside", "next", "under", "over",
     "inside", "within")
)  # fmt: skip


def read_thing(instruction: str) -> Thing:
    """What an instruction asks to put in: "put a red ball on the table", "a wooden crate", "cover it with moss".

    Words that say where ("on the table") are left aside: where is the region's to say.

    Raises:
        InstructionError: empty, or with a word that is not known; the text lists what is.
    """
    words = [word for word in split_words(instruction) if word.isalnum()]
    if not words:
        raise InstructionError("Expected a thing to put in, got an empty instruction: say 'a red ball', for example.")
    look: Look | None = None
    thing: str | None = None
    for word in words:
        noun = singular(word)
        if thing is not None and word in _WHERE:
            break
        if noun in COVERS and (thing is None or word == words[-1]):
            return Thing("cover", COVERS[noun])
        if noun in KINDS:
            if thing is not None:
                raise InstructionError(f"Expected one thing to put in, got {thing} and {noun} in '{instruction}'.")
            thing = noun
        elif word in MATERIALS or word in _COLORS:
            look = MATERIALS.get(word) or _COLORS[word]
        elif word not in _BEFORE:
            raise InstructionError(
                f"Expected a thing to put in, of {listed(KINDS)}, or {listed(COVERS)} to cover what is there, of a "
                f"colour or of {listed(MATERIALS)}; '{word}' in '{instruction}' is none of these: say 'a red ball', "
                f"for example."
            )
    if thing is None:
        raise InstructionError(
            f"Expected a thing to put in, of {listed(KINDS)}, or {listed(COVERS)} to cover what is there, found none "
            f"in '{instruction}': say 'a red ball', for example."
        )
    return Thing(KINDS[thing], look or _USUAL[KINDS[thing]])


def listed(words: Collection[str]) -> str:
    return ", ".join(sorted(words))


def unit_mesh(kind: Kind) -> trimesh.Trimesh:
    """The shape of a thing inside [-1, 1]^3, standing on z = -1."""
    import trimesh

    match kind:
        case "ball":
            return trimesh.creation.icosphere(subdivisions=4, radius=1.0)
        case "crate" | "cube":
            return trimesh.creation.box([2.0, 2.0, 2.0])
        case "cylinder":
            return trimesh.creation.cylinder(radius=1.0, height=2.0, sections=96)
        case "cone":
            cone = trimesh.creation.cone(radius=1.0, height=2.0, sections=96)
            cone.apply_translation([0.0, 0.0, -1.0])
            return cone
    raise ValueError(f"Expected a thing with a shape, got {kind}.")
