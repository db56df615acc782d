"""Regions given by masks: the parts of a scene that lie behind the masks of a capture's views."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from editor3d.datasets.views.headers import inspect_picture
from editor3d.datasets.views.images import read_mask, read_object_masks
from editor3d.errors import RegionError
from editor3d.files.writing import visible_below
from editor3d.regions.combinations import Intersection, Invert, Union
from editor3d.types import MaskedRegion, SeenRegion

if TYPE_CHECKING:
    from torch import Tensor

    from editor3d.types import PosedImages, Region, View

MASK_SUFFIX = ".png"
_SHOWN_NAMES = 3


@dataclass(frozen=True)
class ObjectRegion(MaskedRegion):
    """What the capture's label pictures name so.

    Raises:
        RegionError: a name that is no text, or empty.
    """

    name: str

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise RegionError(f"Expected the name of an object, not {reprlib.repr(self.name)}.")
        object.__setattr__(self, "name", self.name.strip())

    def check(self, posed: PosedImages) -> None:
        """Refuse an object that the capture does not show.

        Raises:
            RegionError: the capture has no object of the name, or no training view has a label picture.
        """
        if self.name not in posed.objects:
            near = difflib.get_close_matches(self.name, posed.objects, n=1)
            known = f"its objects are {', '.join(posed.objects)}" if posed.objects else "it has no object masks"
            raise RegionError(
                f"Expected an object of {posed.root}, got {self.name}: "
                f"{f'did you mean {near[0]}? {known[0].upper()}{known[1:]}' if near else known}."
            )
        if all(view.labels_path is None for view in posed.train_views):
            raise RegionError(
                f"Expected label pictures of the training views for the object {self.name}, found none in "
                f"{posed.root}: add them, or give a folder of masks (masks:FOLDER)."
            )

    def masks(
        self, views: Sequence[View], objects: Mapping[str, int], folder: Path | None = None, device: str = "cpu"
    ) -> dict[int, Tensor]:
        """Where the object is in those of `views` that have a label picture: [H, W] bool by index."""
        wanted = {self.name: objects[self.name]}
        return {
            index: read_object_masks(view, wanted)[self.name]
            for index, view in enumerate(views)
            if view.labels_path is not None
        }

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return {"type": "object", "name": self.name}


@dataclass(frozen=True)
class MasksRegion(MaskedRegion):
    """What lies behind the masks in a folder: `VIEW.png` for some of the training views, not black where inside.

    Raises:
        RegionError: no name of a folder.
    """

    folder: Path

    def __post_init__(self) -> None:
        if not isinstance(self.folder, (str, Path)) or not str(self.folder).strip():
            raise RegionError(f"Expected the folder of the masks, not {reprlib.repr(self.folder)}.")
        object.__setattr__(self, "folder", Path(self.folder).expanduser().absolute())

    def check(self, posed: PosedImages) -> None:
        """Refuse masks that are not those of the capture's views.

        Raises:
            RegionError: no such folder, no masks in it, one that is named like no view, or of another shape than its
                view.
            DataError: a mask cannot be read.
        """
        if not self.folder.is_dir():
            raise RegionError(f"Expected a folder of masks at {self.folder}, found none: check the path.")
        found = {
            path.relative_to(self.folder).with_suffix("").as_posix(): path
            for path in visible_below(self.folder, f"*{MASK_SUFFIX}")
        }
        if not found:
            raise RegionError(f"Expected masks in {self.folder}, named like the views (VIEW{MASK_SUFFIX}), found none.")
        views = {view.name: view for view in posed.views}
        strange = [name for name in found if name not in views]
        if strange:
            near = difflib.get_close_matches(strange[0], views, n=1)
            like = f"did you mean {near[0]}?" if near else f"views are named like {_some(views)}."
            raise RegionError(
                f"Expected masks named like the views of {posed.root}, found {_some(strange)} in {self.folder}, which "
                f"{'is' if len(strange) == 1 else 'are'} no view: {like}"
            )
        for name, path in found.items():
            view, info = views[name], inspect_picture(path)
            width, height = info.size_for(view.width, view.height)
            # as large as the view, or as its photograph before downscaling, whose shape is the same up to a pixel
            unlike = abs(width * view.height - height * view.width) > max(width, height)
            if unlike or width < view.width or height < view.height:
                raise RegionError(
                    f"Expected a mask of {view.width}x{view.height} pixels for the view {name}, or of as many as its "
                    f"photograph has, got {path} of {width}x{height}: make it of the picture's size."
                )
        if not any(view.name in found for view in posed.train_views):
            raise RegionError(
                f"Expected masks of training views in {self.folder}, found those of held-out ones alone: views to be "
                f"trained on are named like {_some(view.name for view in posed.train_views)}."
            )

    def masks(
        self, views: Sequence[View], objects: Mapping[str, int], folder: Path | None = None, device: str = "cpu"
    ) -> dict[int, Tensor]:
        """The masks of those of `views` that have one: [H, W] bool by index.

        Raises:
            RegionError: none of them has a pixel inside.
            DataError: a mask cannot be read.
        """
        found = {}
        for index, view in enumerate(views):
            path = self.folder / f"{view.name}{MASK_SUFFIX}"
            if path.is_file():
                found[index] = read_mask(replace(view, mask_path=path))
        if not any(bool(mask.any()) for mask in found.values()):
            raise RegionError(f"Expected masks that are not all black in {self.folder}: what is inside is white.")
        return found

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return {"type": "masks", "folder": str(self.folder)}


@dataclass(frozen=True)
class HullRegion(MasksRegion):
    """The visual hull of a few masks: what all of them show inside, wherever their views look, be it empty now or not.

    `MasksRegion` is about what is seen in a scene; a hull is a shape, the intersection of the masks' viewing cones.

    Raises:
        RegionError: no name of a folder.
    """

    is_hull: ClassVar[bool] = True

    def check(self, posed: PosedImages) -> None:
        """As `MasksRegion.check`; and one mask alone bounds nothing.

        Raises:
            RegionError: as there, or fewer than 2 masks of training views.
        """
        super().check(posed)
        given = sum((self.folder / f"{view.name}{MASK_SUFFIX}").is_file() for view in posed.train_views)
        if given < 2:
            raise RegionError(
                f"Expected masks of at least 2 training views for a hull in {self.folder}, found {given}: one alone "
                f"does not show how far away it ends."
            )

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return {"type": "hull", "folder": str(self.folder)}


def seen_parts(region: Region) -> list[SeenRegion]:
    """The parts of a region that only pictures define; without any it is a shape, whose `contains` knows any point."""
    match region:
        case SeenRegion():
            return [region]
        case Union() | Intersection():
            return [leaf for part in region.regions for leaf in seen_parts(part)]
        case Invert():
            return seen_parts(region.region)
    return []


def chosen(region: Region, points: Tensor, vote: Callable[[SeenRegion], Tensor]) -> Tensor:
    """Which of the things at `points` a region holds.

    Args:
        points: [N, 3], in the region's frame.
        vote: which of the N things lie behind the masks of a part: [N] bool.

    Returns:
        [N] bool.
    """
    match region:
        case SeenRegion():
            return vote(region)
        case Union():
            return reduce(lambda one, other: one | other, (chosen(part, points, vote) for part in region.regions))
        case Intersection():
            return reduce(lambda one, other: one & other, (chosen(part, points, vote) for part in region.regions))
        case Invert():
            return ~chosen(region.region, points, vote)
    return region.contains(points)


def _some(names: Iterable[str]) -> str:
    shown = list(names)
    more = ", ..." if len(shown) > _SHOWN_NAMES else ""
    return ", ".join(shown[:_SHOWN_NAMES]) + more
