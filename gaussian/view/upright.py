"""Find the up direction of a file of splats, from its comments or from the scene."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from gaussian.view.content import Content, sphere

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

_AGREE = 0.03
"""1 - cosine at which a normal counts for 1/e of one that agrees."""
_DIRECTIONS = 3000
_PEAKS, _APART = 6, math.cos(math.radians(20))
_PLANAR = 3.0
"""How many times as often as on average a direction has to be a normal: less is no plane, but roundness."""
_STEEP = 0.7
_FAR, _BESIDE, _MANY = 1.5, 8.0, 100
_PRIORS = {(0.0, -1.0, 0.0): 0.25, (0.0, 0.0, 1.0): 0.2}
"""COLMAP's vertical and nerfstudio's."""

Vector = tuple[float, float, float]


def up_of_comments(comments: Sequence[str]) -> Vector | None:
    """The first direction that one of a file's comments calls up, in its frame; None without one.

    Brush writes "Vertical axis: y" into every file, whatever the scene: from it that line says nothing.
    """
    by_brush = any(_BRUSH.search(comment) for comment in comments)
    for comment in comments:
        if found := _NAMED.search(comment):
            if by_brush and comment.lower().startswith("vertical"):
                continue
            if found["vector"]:
                x, y, z = (float(number) for number in re.split(r"[\s,]+", found["vector"].strip()))
                if 0 < math.hypot(x, y, z) < math.inf:
                    return x, y, z
                continue
            return _axis(found["axis"], (found["sign"] + found["after"]) == "-")
        if found := _TURNED.search(comment):
            return _axis(found["axis"], (found["way"].lower() == "down") != (found["sign"] == "-"))
    return None


def _axis(name: str, negative: bool) -> Vector:
    x, y, z = ((-1.0 if negative else 1.0) if other == name.lower() else 0.0 for other in "xyz")
    return x, y, z


def shown_up(content: Content, ahead: np.ndarray | None = None) -> Vector | None:
    """What the scene itself shows to be up; None where it has no flat ground.

    Of the directions that surfaces face most, that one is up which has the most in its favour: few far things lie along
    it, but all round and lower; level surfaces and weight are below; and it is near to what is usual.

    Args:
        ahead: where those who captured it looked [3], where that is known; which was rather level.
    """
    near = np.linalg.norm(content.places - content.centre, axis=1)
    detail = near < 2 * content.radius
    directions = sphere(_DIRECTIONS)
    alike = np.abs(content.normals[detail] @ directions.T)
    often = (content.flatness[detail][:, None] * np.exp((alike - 1) / _AGREE)).sum(0)
    far = near > _FAR * content.radius
    lies = (content.places[far] - content.centre) / near[far][:, None]
    spread = lies.T @ lies / max(int(far.sum()), 1)
    beside = lies[near[far] < _BESIDE * content.radius]
    leans = beside.mean(0) if len(beside) > _MANY else np.zeros(3)
    best, found = -math.inf, None
    for peak in _peaks(often, directions):
        if often[peak] < _PLANAR * often.mean():
            continue
        axis = directions[peak]
        if ahead is not None and abs(axis @ ahead) > _STEEP:
            continue
        level = np.abs(content.normals[detail] @ axis) > math.cos(math.radians(15))
        heights = (content.places[detail] - content.centre) @ axis
        for sign in (1.0, -1.0):
            favour = often[peak] / often.max() + (1 - 3 * axis @ spread @ axis if far.sum() > _MANY else 0.0)
            favour += 0.5 * _ground(sign * heights[level], sign * heights) + 0.6 * _heavy_below(sign * heights)
            favour -= sign * float(axis @ leans)
            favour += max(weight * max(0.0, float(sign * axis @ prior)) for prior, weight in _PRIORS.items())
            if favour > best:
                best, found = favour, sign * axis
    if found is None:
        return None
    aligned = content.normals[detail] @ found
    close = np.abs(aligned) > math.cos(math.radians(12))
    mean = (content.normals[detail][close] * np.sign(aligned[close])[:, None]).mean(0)
    x, y, z = (mean / np.linalg.norm(mean)).tolist()
    return x, y, z


def _peaks(often: np.ndarray, directions: np.ndarray) -> list[int]:
    """The directions that are normals most often, each well apart from those before it."""
    left, found = often.copy(), []
    for _ in range(_PEAKS):
        found.append(int(left.argmax()))
        left[np.abs(directions @ directions[found[-1]]) > _APART] = -1.0
    return found


def _ground(level: np.ndarray, heights: np.ndarray) -> float:
    """From -1 to 1: how much more level surface there is at the lower end of the detail than at the upper.

    Args:
        level: heights [L] of what faces up or down.
        heights: of all detail [M].
    """
    low, high = np.quantile(heights, [0.02, 0.98])
    reach = 0.2 * (high - low)
    below, above = (level < low + reach).sum(), (level > high - reach).sum()
    return float(below - above) / max(int(below + above), 1)


def _heavy_below(heights: np.ndarray) -> float:
    """From -1 to 1: how far the mean height of the detail is below the middle."""
    low, high = np.quantile(heights, [0.02, 0.98])
    return float(1 - 2 * (heights.clip(low, high).mean() - low) / max(high - low, 1e-12))
