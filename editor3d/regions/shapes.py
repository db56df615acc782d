"""Regions with a shape of their own. Numbers are scene units, in the frame of the points that are asked about."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

from editor3d.errors import RegionError

if TYPE_CHECKING:
    from torch import Tensor

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Box:
    """A box, its faces included.

    Raises:
        RegionError: numbers that are missing, not finite, or half extents that are not positive.
    """

    center: Vector
    half_extents: Vector
    """Half the side lengths along the box's own axes."""
    rotation: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    """From the box's axes to the scene's, quaternion wxyz of any length but zero; kept at unit length."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "center", _numbers("a box's center", self.center, 3))
        object.__setattr__(self, "half_extents", _numbers("a box's half extents", self.half_extents, 3, positive=True))
        quaternion = _numbers("a box's rotation", self.rotation, 4)
        length = math.hypot(*quaternion)
        if length == 0 or not math.isfinite(length):
            raise RegionError(f"A box's rotation must be a quaternion wxyz of some length, not {list(quaternion)}.")
        if abs(length - 1) > 1e-15:  # what has unit length stays as it is, so that writing and reading change nothing
            quaternion = tuple(component / length for component in quaternion)
        object.__setattr__(self, "rotation", quaternion)

    def contains(self, points: Tensor) -> Tensor:
        """Which points lie in the box: [..., 3] -> bool [...]."""
        w, x, y, z = self.rotation
        axes = _tensor(
            points,
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
                [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
                [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
            ],
        )
        local = (points.double() - _tensor(points, self.center)) @ axes
        return (local.abs() <= _tensor(points, self.half_extents)).all(-1)

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return {
            "type": "box",
            "center": list(self.center),
            "half_extents": list(self.half_extents),
            "rotation": list(self.rotation),
        }


@dataclass(frozen=True)
class Sphere:
    """A ball, its surface included.

    Raises:
        RegionError: numbers that are missing, not finite, or a radius that is not positive.
    """

    center: Vector
    radius: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "center", _numbers("a sphere's center", self.center, 3))
        object.__setattr__(self, "radius", _numbers("a sphere's radius", [self.radius], 1, positive=True)[0])

    def contains(self, points: Tensor) -> Tensor:
        """Which points lie in the ball: [..., 3] -> bool [...]."""
        return (points.double() - _tensor(points, self.center)).norm(dim=-1) <= self.radius

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return {"type": "sphere", "center": list(self.center), "radius": self.radius}


def _tensor(points: Tensor, values: Sequence[Any]) -> Tensor:
    """float64, on the points' device: in float32 a face would move by 1e-7 of its distance from the origin."""
    return points.double().new_tensor(values)


def _numbers(what: str, values: Any, count: int, positive: bool = False) -> tuple[float, ...]:
    expected = f"{count} {'positive ' if positive else ''}finite number{'s' if count > 1 else ''}"
    listed = list(values) if isinstance(values, Iterable) else []
    try:
        numbers = tuple(float(value) for value in listed if isinstance(value, Real) and not isinstance(value, bool))
    except OverflowError:
        numbers = ()
    sound = all(math.isfinite(number) and (number > 0 or not positive) for number in numbers)
    if not len(numbers) == len(listed) == count or not sound:
        raise RegionError(f"Expected {what} as {expected}, not {reprlib.repr(values)}.")
    return numbers
