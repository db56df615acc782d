"""What is up in a file of splats."""

from __future__ import annotations

import math
import re
from pathlib import Path

_HEADER = 1 << 16
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"
_AXIS = r"(?P<sign>[+-]?)(?P<axis>[xyz])(?P<after>[+-]?)"
_VECTOR = rf"[\[(]?\s*(?P<vector>{_NUMBER}(?:\s*[\s,]\s*{_NUMBER}){{2}})(?![\d.])"
_NAMED = re.compile(
    rf"\b(?:vertical[ _-]?axis|(?:world|scene)?[ _-]?up(?:[ _-]?(?:axis|vector|direction))?)\s*(?:[:=]|is\b)?\s*"
    rf"(?:{_VECTOR}|{_AXIS}(?![a-z0-9]))",
    re.IGNORECASE,
)
"""`Vertical Axis: z` (nerfstudio), `up: -y`, `up_axis z`, `world_up 0 -1 0`."""
_TURNED = re.compile(r"(?<![a-z0-9])(?P<sign>[+-]?)(?P<axis>[xyz])\+?[ _-]?(?P<way>up|down)\b", re.IGNORECASE)
"""`z-up`, `Y up`, `y_down`."""
_BRUSH = re.compile(r"\bexported (?:from|by) brush\b", re.IGNORECASE)

Vector = tuple[float, float, float]


def told_up(path: Path) -> Vector | None:
    """What the comments of a .ply say is up, in its frame; None where nothing is said."""
    if path.suffix.lower() != ".ply":
        return None
    with path.open("rb") as file:
        header = file.read(_HEADER).partition(b"end_header")[0].decode("latin-1")
    found = re.findall(r"^(?:comment|obj_info)[ \t]+(.*?)\s*$", header, re.MULTILINE)
    return up_of_comments(found)


def up_of_comments(comments: list[str]) -> Vector | None:
    """The first direction that one of a file's comments calls up.

    Brush writes "Vertical axis: y" into every file, whatever the scene: from it that line says nothing.
    """
    by_brush = any(_BRUSH.search(comment) for comment in comments)
    for comment in comments:
        if found := _NAMED.search(comment):
            if by_brush and comment.lower().startswith("vertical"):
                continue
            if found["vector"]:
                numbers = tuple(float(number) for number in re.split(r"[\s,]+", found["vector"].strip()))
                if 0 < math.hypot(*numbers) < math.inf:
                    return numbers
                continue
            return _axis(found["axis"], (found["sign"] + found["after"]) == "-")
        if found := _TURNED.search(comment):
            return _axis(found["axis"], (found["way"].lower() == "down") != (found["sign"] == "-"))
    return None


def _axis(name: str, negative: bool) -> Vector:
    return tuple((-1.0 if negative else 1.0) if other == name.lower() else 0.0 for other in "xyz")
