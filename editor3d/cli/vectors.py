"""Parse directions and cameras that a user types."""

from __future__ import annotations

import re
from pathlib import Path

from editor3d.errors import ConfigError
from editor3d.types import Around

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
    return tuple((-1.0 if axis[1] == "-" else 1.0) if name == axis[2] else 0.0 for name in "xyz")


def around_of(
    cameras: str | None, side: int | None, up: str | None, center: str | None = None, distance: float | None = None
) -> Around | None:
    """The cameras of a file of splats that flags ask for; None where they ask for nothing.

    Args:
        cameras: how many, or the path of a file or folder that has them.

    Raises:
        ConfigError: a value is out of range, or there is no such file.
    """
    asked = {
        "cameras": None if cameras is None else parse_cameras(cameras),
        "side": side,
        "up": None if up is None else parse_up(up),
        "center": None if center is None else parse_vector(center, "--center"),
        "distance": distance,
    }
    given = {name: value for name, value in asked.items() if value is not None}
    return Around(**given) if given else None


def parse_cameras(text: str) -> int | Path:
    """A number of cameras, or the path of what has some.

    Raises:
        ConfigError: it is neither.
    """
    if re.fullmatch(r"\s*[+-]?[0-9]{1,9}\s*", text):
        return int(text)
    path = Path(text).expanduser()
    try:
        there = path.exists()
    except (OSError, ValueError):  # longer than a name can be, or with a character that none has
        there = False
    if text.strip() and there:
        return path
    raise ConfigError(
        f"Expected a number of cameras, or a transforms.json, a cameras.json, a COLMAP model or a run for --cameras, "
        f"got {text!r}, which is no number and no path: check it."
    )
