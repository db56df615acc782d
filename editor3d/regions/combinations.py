"""Regions made of regions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from editor3d.errors import RegionError

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
        return reduce(lambda one, other: one | other, (region.contains(points) for region in self.regions))

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
        return reduce(lambda one, other: one & other, (region.contains(points) for region in self.regions))

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return {"type": "intersection", "regions": [region.to_json() for region in self.regions]}


@dataclass(frozen=True)
class Invert:
    """What does not lie in the region."""

    region: Region

    def contains(self, points: Tensor) -> Tensor:
        """Which points lie outside: [..., 3] -> bool [...]."""
        return ~self.region.contains(points)

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return {"type": "invert", "region": self.region.to_json()}


def _some(kind: str, regions: tuple[Region, ...]) -> tuple[Region, ...]:
    if not regions:
        raise RegionError(f"Expected at least one region in the {kind}, there is none.")
    return regions
