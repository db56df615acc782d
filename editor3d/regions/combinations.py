"""Combinations of regions."""

from __future__ import annotations

import math
import reprlib
from dataclasses import dataclass
from functools import reduce
from numbers import Real
from typing import TYPE_CHECKING, Any

from editor3d.errors import RegionError
from editor3d.types import Shape, Solid

if TYPE_CHECKING:
    from torch import Tensor

    from editor3d.types import Region


@dataclass(frozen=True, init=False)
class Union:
    """What lies in any of the regions.

    Raises:
        RegionError: no regions are given.
    """

    regions: tuple[Region, ...]

    def __init__(self, *regions: Region) -> None:
        object.__setattr__(self, "regions", _some("union", regions))

    def contains(self, points: Tensor) -> Tensor:
        """Which points lie in any: [..., 3] -> bool [...]."""
        return reduce(lambda one, other: one | other, (_shape(region).contains(points) for region in self.regions))

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return {"type": "union", "regions": [region.to_json() for region in self.regions]}


@dataclass(frozen=True, init=False)
class Intersection:
    """What lies in all of the regions.

    Raises:
        RegionError: no regions are given.
    """

    regions: tuple[Region, ...]

    def __init__(self, *regions: Region) -> None:
        object.__setattr__(self, "regions", _some("intersection", regions))

    def contains(self, points: Tensor) -> Tensor:
        """Which points lie in all: [..., 3] -> bool [...]."""
        return reduce(lambda one, other: one & other, (_shape(region).contains(points) for region in self.regions))

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return {"type": "intersection", "regions": [region.to_json() for region in self.regions]}


@dataclass(frozen=True)
class Invert:
    """What does not lie in the region."""

    region: Region

    def contains(self, points: Tensor) -> Tensor:
        """Which points lie outside: [..., 3] -> bool [...]."""
        return ~_shape(self.region).contains(points)

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return {"type": "invert", "region": self.region.to_json()}


def bounds_of(region: Region) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """The lower and upper corner of a box along the scene's axes that holds a region; None where no numbers tell."""
    match region:
        case Union():
            parts = [bounds_of(part) for part in region.regions]
            return None if None in parts else _around(parts, min, max)
        case Intersection():
            parts = [known for known in map(bounds_of, region.regions) if known is not None]
            return _around(parts, max, min) if parts else None
        case Dilate():
            known = bounds_of(region.region)
            return known and (tuple(x - region.amount for x in known[0]), tuple(x + region.amount for x in known[1]))
    return region.bounds() if isinstance(region, Solid) else None


def _around(parts, lower, upper):
    low, high = zip(*parts, strict=True)
    return tuple(map(lower, zip(*low, strict=True))), tuple(map(upper, zip(*high, strict=True)))


@dataclass(frozen=True)
class Dilate:
    """What lies in a shape or within some distance of it.

    Raises:
        RegionError: a distance that is no positive number, or a region that no distance is known to: what masks show,
            or a part that is cut away (intersection, invert). Dilate the shapes that it is made of.
    """

    region: Region
    amount: float

    def __post_init__(self) -> None:
        amount = self.amount
        sound = isinstance(amount, Real) and not isinstance(amount, bool) and 0 < amount < math.inf
        if not sound:
            raise RegionError(f"Expected a positive distance to dilate by, not {reprlib.repr(amount)}.")
        object.__setattr__(self, "amount", float(amount))
        for part in self._parts:
            if not isinstance(part, Solid):
                raise RegionError(
                    f"Expected a box, a sphere, a mesh or a union of those to dilate, not {part.to_json()['type']}."
                )

    def contains(self, points: Tensor) -> Tensor:
        """Which points lie in it: [..., 3] -> bool [...]."""
        solids = [part for part in self._parts if isinstance(part, Solid)]
        return reduce(lambda one, other: one | other, (solid.distance(points) <= self.amount for solid in solids))

    @property
    def _parts(self) -> tuple[Region, ...]:
        return self.region.regions if isinstance(self.region, Union) else (self.region,)

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return {"type": "dilate", "region": self.region.to_json(), "amount": self.amount}


def _shape(region: Region) -> Shape:
    """A part that contains points: what views show has been made a shape by then."""
    assert isinstance(region, Shape)
    return region


def _some(kind: str, regions: tuple[Region, ...]) -> tuple[Region, ...]:
    if not regions:
        raise RegionError(f"Expected at least one region in the {kind}, there is none.")
    return regions
