"""Regions of space, parts of a scene, and the confinement of an edit to either."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor

    from editor3d.types.captures import PosedImages, View
    from editor3d.types.scenes import EditableScene

Corner = tuple[float, ...]


@runtime_checkable
class Shape(Protocol):
    """A part of space: it knows of any point whether it lies inside."""

    def contains(self, points: Tensor) -> Tensor:
        """Which points lie inside.

        Args:
            points: [..., 3] of any float type, scene units.

        Returns:
            bool [...], on the points' device.
        """
        ...

    def to_json(self) -> dict[str, Any]:
        """The region as strict JSON values; `editor3d.regions.from_json` makes the same region of it."""
        ...


class Solid(ABC):
    """A shape with a surface of its own, to which distances are known."""

    @abstractmethod
    def contains(self, points: Tensor) -> Tensor:
        """As `Shape.contains`."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """As `Shape.to_json`."""

    @abstractmethod
    def distance(self, points: Tensor) -> Tensor:
        """From points [..., 3] to the solid, 0 within: [...] float64."""

    @abstractmethod
    def entry(self, origins: Tensor, directions: Tensor) -> Tensor:
        """How far along rays [N, 3] the solid begins: [N] float64, 0 from within, infinite where they miss it."""

    @abstractmethod
    def bounds(self) -> tuple[Corner, Corner]:
        """The lower and upper corner of the box along the scene's axes that holds it."""


class SeenRegion(ABC):
    """A part of a scene that views show: it is found in the scene by them, and knows of no point by itself."""

    is_hull: ClassVar[bool] = False
    """Its masks' viewing cones bound a part of space, be it empty or not; otherwise it chooses among what is there."""

    @abstractmethod
    def check(self, posed: PosedImages) -> None:
        """Refuse a region that the capture cannot show.

        Raises:
            RegionError: objects, masks, views or weights are missing.
        """

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """As `Shape.to_json`."""


class MaskedRegion(SeenRegion):
    """What lies behind masks of views."""

    @abstractmethod
    def masks(
        self, views: Sequence[View], objects: Mapping[str, int], folder: Path | None = None, device: str = "cpu"
    ) -> dict[int, Tensor]:
        """Where those of `views` that tell show it: [H, W] bool by index.

        Args:
            objects: names of the objects that label pictures show, and their ids.
            folder: where masks that a model finds are kept, and found again.
            device: of such a model.
        """


Region = Shape | SeenRegion
"""What `editor3d.regions.parse_region` reads; shapes may be made of seen regions too (`seen_parts`)."""


@dataclass(frozen=True, eq=False)
class Freeze:
    """Everything but these parts of the scene stays unchanged, to the bit."""

    where: Shape | Tensor
    """A shape in scene units, or which parts may change: [N] bool."""


@dataclass(frozen=True, eq=False)
class Compose:
    """Outside of the region the scene is its frozen original, sample by sample: f_edited inside, f_original outside.

    Chosen before the scene's state is loaded, of which the original becomes a part.
    """

    region: Shape
    """In scene units."""


@dataclass(frozen=True, eq=False)
class Regularise:
    """A loss pulls the scene outside of the region towards its original; nothing is frozen."""

    region: Shape
    """In scene units."""
    original: EditableScene
    """The unedited scene."""


Confinement = Freeze | Compose | Regularise
"""How an edit is confined to a region."""
