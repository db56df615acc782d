"""Regions with a shape of their own. Numbers are scene units, in the frame of the tested points."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

from editor3d.errors import RegionError
from editor3d.types import Solid

if TYPE_CHECKING:
    from torch import Tensor

Vector = tuple[float, float, float]
_PARALLEL = 1e-12
"""A ray that moves less along an axis of a box, per unit, is taken to move this much."""


@dataclass(frozen=True)
class Box(Solid):
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

    @property
    def axes(self) -> tuple[Vector, Vector, Vector]:
        """The rotation matrix, row by row; its columns are the box's axes."""
        w, x, y, z = self.rotation
        return (
            (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
            (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
            (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
        )

    def contains(self, points: Tensor) -> Tensor:
        """Which points lie in the box: [..., 3] -> bool [...]."""
        return (self._local(points).abs() <= _tensor(points, self.half_extents)).all(-1)

    def distance(self, points: Tensor) -> Tensor:
        """From points [..., 3] to the box, 0 within: [...] float64."""
        return (self._local(points).abs() - _tensor(points, self.half_extents)).clamp_min(0.0).norm(dim=-1)

    def bounds(self) -> tuple[Vector, Vector]:
        """The lower and upper corner of the box along the scene's axes that holds it."""
        reach = [sum(abs(a) * h for a, h in zip(row, self.half_extents, strict=True)) for row in self.axes]
        return _corners(self.center, reach)

    def entry(self, origins: Tensor, directions: Tensor) -> Tensor:
        """How far along rays [N, 3] the box begins: [N] float64, 0 from within, infinite where they miss it."""
        start = self._local(origins)
        along = self._local(origins.double() + directions.double()) - start
        half = _tensor(origins, self.half_extents)
        near, far = slab(start, along, -half, half)
        return near.where(near <= far, near.new_tensor(math.inf))

    def _local(self, points: Tensor) -> Tensor:
        """Points along the box's own axes, from its centre, float64."""
        return (points.double() - _tensor(points, self.center)) @ _tensor(points, self.axes)

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return {
            "type": "box",
            "center": list(self.center),
            "half_extents": list(self.half_extents),
            "rotation": list(self.rotation),
        }


@dataclass(frozen=True)
class Sphere(Solid):
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

    def distance(self, points: Tensor) -> Tensor:
        """From points [..., 3] to the ball, 0 within: [...] float64."""
        return ((points.double() - _tensor(points, self.center)).norm(dim=-1) - self.radius).clamp_min(0.0)

    def entry(self, origins: Tensor, directions: Tensor) -> Tensor:
        """How far along rays [N, 3] the ball begins: [N] float64, 0 from within, infinite where they miss it."""
        offset, along = _tensor(origins, self.center) - origins.double(), directions.double()
        nearest = (offset * along).sum(-1)
        beside = (offset - nearest[..., None] * along).square().sum(-1)
        half = (self.radius**2 - beside).clamp_min(0.0).sqrt()
        meets = (beside <= self.radius**2) & (nearest + half >= 0.0)
        return (nearest - half).clamp_min(0.0).where(meets, offset.new_tensor(math.inf))

    def bounds(self) -> tuple[Vector, Vector]:
        """The lower and upper corner of the box along the scene's axes that holds it."""
        return _corners(self.center, [self.radius] * 3)

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return {"type": "sphere", "center": list(self.center), "radius": self.radius}


def slab(origins: Tensor, directions: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Where rays [N, 3] enter a box along the axes, at 0 from within, and leave it: [N] each.

    They miss it where the second is less than the first.
    """
    along = directions.where(directions.abs() > _PARALLEL, directions.new_tensor(_PARALLEL))
    one, two = (low - origins) / along, (high - origins) / along
    return one.minimum(two).amax(-1).clamp_min(0.0), one.maximum(two).amin(-1)


def _corners(center: Vector, reach: Sequence[float]) -> tuple[Vector, Vector]:
    (x, y, z), (rx, ry, rz) = center, reach
    return (x - rx, y - ry, z - rz), (x + rx, y + ry, z + rz)


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
