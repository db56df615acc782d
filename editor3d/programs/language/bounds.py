"""Bounds of the numbers and words of a Blender program, by the name of the property.

The ranges are those of Blender's own sliders where it has them (a roughness is 0..1), and otherwise what a scene of
some metres uses. Quantities whose ratio is what the eye sees (light, scales, sizes) are searched in the logarithm.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from editor3d.programs.language.vocabulary import Input

Scale = Literal["linear", "log", "colour"]


@dataclass(frozen=True)
class Bounds:
    """The values low..high, and in what scale they are searched: `colour` is linear light, seen through a gamma."""

    low: float
    high: float
    scale: Scale = "linear"


_UNIT = Bounds(0.0, 1.0)
_TURN = Bounds(-math.pi, math.pi)

_FIXED: tuple[tuple[str, Bounds], ...] = (
    (
        r"roughness|metallic|specular$|specular ior level|transmission|subsurface( weight)?$|sheen|coat weight",
        _UNIT,
    ),
    (r"anisotropic|alpha|fac(tor)?$|blend$|mix|randomness|spot_blend|opacity|position$|dust", _UNIT),
    (r"\bior\b", Bounds(1.0, 2.5)),
    (r"rotation|angle|euler|twist|bend", _TURN),
    (r"spot_size", Bounds(0.05, 3.1)),
    (r"^detail$|detail$", Bounds(0.0, 15.0)),
    (r"distortion", Bounds(0.0, 6.0)),
    (r"lacunarity", Bounds(1.0, 4.0)),
    (r"normal strength|bump|displacement", Bounds(0.0, 2.0)),
    (r"hue", _UNIT),
    (r"saturation", Bounds(0.0, 2.0)),
    (r"exposure", Bounds(-5.0, 5.0)),
    (r"temperature", Bounds(1500.0, 12000.0, "log")),
)
"""Ranges that do not depend on the value; the first pattern that is found in the name counts."""

_RATIOS: tuple[tuple[str, float], ...] = (
    (r"energy|power|watt|strength|emission|intensity|density|brightness", 30.0),
    (r"scale|size|radius|width|height|length|depth|thickness|distance|spacing|frequency|gamma", 8.0),
)
"""Positive quantities searched in the logarithm, from value / ratio to value * ratio."""

_PLACES = re.compile(r"location|translation|position|offset|centre|center|origin|shift|\bpos\b")
_SHAPE_KEYS = re.compile(r"key_blocks")
_STOPS = re.compile(r"elements\[?\d*\]?\.position")
_GRADUAL = re.compile(r"energy|power|watt|strength")
_ENDLESS = 1e4
"""Limits beyond this are Blender's own for numbers without any."""
NEVER = re.compile(
    r"seed|resolution|samples|frame|border|subframe|percentage|tile|threads|bounces|use_nodes|hide_|version|"
    r"pass_index|filepath|camera|clip_|lens|sensor|shift_|subdivision|render",
    re.IGNORECASE,
)
"""Names of what a search leaves alone: how a picture is taken, what has no gradual effect, and what costs time."""

SEEDS = re.compile(r"seed|resolution|subdivision|samples", re.IGNORECASE)
"""What of it holds for inputs that a scene names itself, which are its own quantities: `Frame Width`, `Tile Size`."""

INTEGER_RATIO, MOST = 3, 256


def number_bounds(label: str, value: float) -> Bounds:
    """Where to search a number.

    Args:
        label: what it is given to, as `Parameter.label` says it: `inputs.Roughness`, `location[2]`, `energy`.
        value: as the program has it now; always within the bounds that are returned.
    """
    bounds = _bounds(label.lower(), value)
    return Bounds(min(bounds.low, value), max(bounds.high, value), bounds.scale)


def input_bounds(known: Input, value: float) -> Bounds:
    """Where to search a number of a modifier's input, or of a shape key, by its kind and its name in the scene."""
    if known.kind == "ROTATION":
        return Bounds(min(_TURN.low, value), max(_TURN.high, value))
    name = known.name.lower()
    if known.kind == "VECTOR" and not any(re.search(pattern, name) for pattern, _ in (*_FIXED, *_RATIOS)):
        return _place(value)  # its parts may go to both sides
    return number_bounds(known.name if known.modifier else f"key_blocks.{known.name}", value)


def narrowed(bounds: Bounds, low: float | None, high: float | None, value: float) -> Bounds:
    """Bounds within limits that are known, widened to hold the value; limits far beyond them say nothing."""
    floor = bounds.low if low is None else low if low > -_ENDLESS else bounds.low
    ceiling = bounds.high if high is None else high if high < _ENDLESS else bounds.high
    if bounds.scale == "log" and floor <= 0.0:
        floor = min(bounds.low, ceiling / 2.0)
    if floor >= ceiling:
        return bounds
    return Bounds(min(floor, value), max(ceiling, value), bounds.scale if floor > 0.0 else _unlogged(bounds.scale))


def _unlogged(scale: Scale) -> Scale:
    return "linear" if scale == "log" else scale


def is_gradual(label: str) -> bool:
    """Whether a whole number that is given to this is a number like any other: `energy = 5` is 5.0 watts."""
    name = label.lower()
    last = name.rpartition(".")[2]
    known = any(re.search(pattern, last) for pattern, _ in _FIXED) or _GRADUAL.search(last) is not None
    return known or _SHAPE_KEYS.search(name) is not None or _PLACES.search(name) is not None


def _bounds(name: str, value: float) -> Bounds:
    if _SHAPE_KEYS.search(name) or _STOPS.search(name):
        return _UNIT
    if _PLACES.search(name):
        return _place(value)
    last = name.rpartition(".")[2]
    for pattern, bounds in _FIXED:
        if re.search(pattern, last):
            return bounds
    for pattern, ratio in _RATIOS:
        if re.search(pattern, last):
            if value > 0.0:
                return Bounds(value / ratio, value * ratio, "log")
            return Bounds(0.0, 1.0) if value == 0.0 else Bounds(value * 3.0, 0.0)
    if value > 0.0 and not 0.0 < value < 1.0:
        return Bounds(value / 8.0, value * 8.0, "log")
    if value >= 0.0:
        return _UNIT
    return Bounds(3.0 * value - 1.0, -3.0 * value + 1.0)


def _place(value: float) -> Bounds:
    reach = max(3.0, 1.5 * abs(value))
    return Bounds(value - reach, value + reach)


def integer_bounds(value: int) -> Bounds:
    """Where to search a whole number: counts are positive; what is 0 or less may go to both sides."""
    if value > 0:
        return Bounds(1.0, float(min(max(MOST, value), max(INTEGER_RATIO * value, value + 4))))
    return Bounds(value - 4.0, max(4.0, -INTEGER_RATIO * value))


COLOUR = Bounds(0.0, 1.0, "colour")
COLOUR_NAME = re.compile(r"colou?r|tint|albedo|rgb|diffuse|specular_col", re.IGNORECASE)

_WORDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"(^|\.)type$", ("POINT", "SUN", "SPOT", "AREA")),
    (r"shape$", ("SQUARE", "RECTANGLE", "DISK", "ELLIPSE")),
    (r"blend_type$", ("MIX", "MULTIPLY", "ADD", "SCREEN", "OVERLAY", "DARKEN", "LIGHTEN", "SOFT_LIGHT", "DIFFERENCE")),
    (r"operation$", ("ADD", "SUBTRACT", "MULTIPLY", "DIVIDE", "POWER", "MINIMUM", "MAXIMUM")),
    (r"distribution$", ("GGX", "MULTI_GGX")),
    (r"noise_type$", ("FBM", "MULTIFRACTAL", "RIDGED_MULTIFRACTAL", "HYBRID_MULTIFRACTAL")),
    (r"feature$", ("F1", "F2", "SMOOTH_F1", "DISTANCE_TO_EDGE")),
    (r"distance$", ("EUCLIDEAN", "MANHATTAN", "CHEBYCHEV", "MINKOWSKI")),
    (r"wave_type$", ("BANDS", "RINGS")),
    (r"wave_profile$", ("SIN", "SAW", "TRI")),
    (r"(bands|rings)_direction$", ("X", "Y", "Z", "DIAGONAL", "SPHERICAL")),
    (r"gradient_type$", ("LINEAR", "QUADRATIC", "EASING", "DIAGONAL", "SPHERICAL", "QUADRATIC_SPHERE", "RADIAL")),
    (r"interpolation$", ("LINEAR", "EASE", "CONSTANT", "CARDINAL", "B_SPLINE")),
    (r"distribute_method$", ("RANDOM", "POISSON")),
    (r"sky_type$", ("NISHITA", "HOSEK_WILKIE", "PREETHAM")),
    (
        r"new\(0\)$",
        (
            "ShaderNodeTexNoise",
            "ShaderNodeTexVoronoi",
            "ShaderNodeTexWave",
            "ShaderNodeTexMagic",
            "ShaderNodeTexChecker",
            "ShaderNodeTexBrick",
        ),
    ),
    (
        r"new\(0\)$",
        (
            "GeometryNodeMeshCube",
            "GeometryNodeMeshUVSphere",
            "GeometryNodeMeshIcoSphere",
            "GeometryNodeMeshCone",
            "GeometryNodeMeshCylinder",
        ),
    ),
)


def word_choices(label: str, value: str) -> tuple[str, ...]:
    """The words that may stand where `value` does, it included; empty where none are known."""
    for pattern, words in _WORDS:
        if value in words and re.search(pattern, label):
            return words
    return ()
