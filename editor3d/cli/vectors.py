"""Parse directions that a user types."""

from __future__ import annotations

import re

from editor3d.errors import ConfigError

Vector = tuple[float, float, float]


def parse_vector(text: str, flag: str) -> Vector:
    """Three numbers separated by commas.

    Raises:
        ConfigError: they are none.
    """
    try:
        numbers = tuple(float(number) for number in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != 3 or not all(abs(number) < float("inf") for number in numbers):
        raise ConfigError(
            f"Expected three numbers X,Y,Z for {flag}, got {text} (write {flag}=-1,0,0 with a minus first)."
        )
    return numbers


def parse_up(text: str) -> Vector:
    """An axis (`z`, `-y`), or three numbers that point upwards.

    Raises:
        ConfigError: it is neither.
    """
    axis = re.fullmatch(r"([+-]?)([xyz])", text.strip().lower())
    if not axis:
        return parse_vector(text, "--up")
    x, y, z = ((-1.0 if axis[1] == "-" else 1.0) if name == axis[2] else 0.0 for name in "xyz")
    return x, y, z
