"""Regions given by a few strokes: what a user marks as inside and as outside, in views or in space."""

from __future__ import annotations

import difflib
import json
import math
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from editor3d.errors import RegionError
from editor3d.types import SeenRegion

if TYPE_CHECKING:
    from editor3d.types import PosedImages

MAX_STROKES, MAX_POINTS = 1000, 10_000
_MAX_BYTES = 1 << 20
_FORMAT = '{"strokes": [{"view": NAME, "pixels": [[x, y], ...], "inside": true}, {"points": [[x, y, z], ...]}]}'


@dataclass(frozen=True)
class Stroke:
    """One line of points that lie on the same thing.

    Raises:
        RegionError: no points, some that are no finite numbers, or pixels without a view.
    """

    points: tuple[tuple[float, ...], ...]
    """(x, y) in pixels of `view`, the first pixel's centre being (0.5, 0.5), or (x, y, z) in the capture's own frame. A
    line is drawn through pixels; points in space stand for themselves."""
    view: str | None = None
    """The name of a view."""
    inside: bool = True
    """Whether the region holds what is marked, or excludes it."""
    size: tuple[int, int] | None = None
    """(width, height) of the picture whose pixels are meant; None is the photograph as it is stored."""

    def __post_init__(self) -> None:
        count, name = (3, "points") if self.view is None else (2, "pixels")
        what = f"Expected {name} of {count} numbers in a stroke"
        given = self.points
        if not isinstance(given, (list, tuple)) or not 0 < len(given) <= MAX_POINTS:
            raise RegionError(f"{what}, 1 to {MAX_POINTS} of them, got {reprlib.repr(given)}.")
        for point in given:
            if not isinstance(point, (list, tuple)) or len(point) != count or not all(map(_finite, point)):
                raise RegionError(f"{what}, got {reprlib.repr(point)}.")
        object.__setattr__(self, "points", tuple(tuple(float(x) for x in point) for point in given))
        if self.view is not None and (not isinstance(self.view, str) or not self.view.strip()):
            raise RegionError(f"Expected the name of a view in a stroke, got {reprlib.repr(self.view)}.")
        if not isinstance(self.inside, bool):
            raise RegionError(f"Expected true or false for inside in a stroke, got {reprlib.repr(self.inside)}.")
        if self.size is not None:
            size = self.size
            if not isinstance(size, (list, tuple)) or len(size) != 2 or not all(_whole(side) for side in size):
                raise RegionError(f"Expected the size of a stroke's picture as [width, height], got {size!r:.80}.")
            object.__setattr__(self, "size", (int(size[0]), int(size[1])))

    @staticmethod
    def of(value: Any) -> Stroke:
        """A stroke of its JSON values.

        Raises:
            RegionError: other keys than a stroke's, or as the class.
        """
        if not isinstance(value, Mapping):
            raise RegionError(f"Expected strokes such as {_FORMAT}, got {reprlib.repr(value)}.")
        named = "pixels" if "view" in value else "points"
        optional = {"inside", "size"} if "view" in value else {"inside"}
        required = {"view", "pixels"} if "view" in value else {"points"}
        if not required <= set(value) <= required | optional:
            raise RegionError(
                f"Expected {', '.join(sorted(required))} and optionally {', '.join(sorted(optional))} in a stroke, got "
                f"{', '.join(map(str, sorted(value)))}: write it as in {_FORMAT}."
            )
        return Stroke(value[named], value.get("view"), value.get("inside", True), value.get("size"))

    def to_json(self) -> dict[str, Any]:
        """What `of` reads."""
        points = [list(point) for point in self.points]
        if self.view is None:
            return {"points": points, "inside": self.inside}
        size = {} if self.size is None else {"size": list(self.size)}
        return {"view": self.view, "pixels": points, "inside": self.inside, **size}


@dataclass(frozen=True)
class StrokesRegion(SeenRegion):
    """The thing that strokes mark: a graph cut tells it from the rest of the scene (`editor3d.segmentation`).

    Raises:
        RegionError: none of the strokes is inside, they are too many, or a distance that is no number.
    """

    strokes: tuple[Stroke, ...]
    grow: float = 0.0
    """Also what lies within so much of it, scene units; below 0, only what lies so far from all else."""
    source: str = field(default="the strokes", compare=False)
    """What messages call them."""

    def __post_init__(self) -> None:
        if not 0 < len(self.strokes) <= MAX_STROKES:
            raise RegionError(f"Expected 1 to {MAX_STROKES} strokes in {self.source}, got {len(self.strokes)}.")
        if not any(stroke.inside for stroke in self.strokes):
            raise RegionError(f"Expected a stroke inside the region in {self.source}, all of them are outside.")
        if not _finite(self.grow):
            raise RegionError(f"Expected a distance to grow by, or below 0 to shrink, got {self.grow!r:.80}.")

    @staticmethod
    def of_file(name: str) -> StrokesRegion:
        """The region of a .json file of strokes.

        Raises:
            RegionError: no such file, or one that holds something else.
        """
        path = Path(name).expanduser()
        if not name.strip() or not path.is_file():
            raise RegionError(f"Expected a .json file of strokes, found none at {name or 'an empty name'}: check it.")
        if path.stat().st_size > _MAX_BYTES:
            raise RegionError(f"Expected strokes of at most {_MAX_BYTES} bytes, got more in {path}.")
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise RegionError(f"{path} cannot be read as JSON ({error}).") from error
        if not isinstance(value, Mapping) or not set(value) <= {"type", "strokes", "grow"}:
            raise RegionError(f"Expected strokes in {path} such as {_FORMAT}, got {reprlib.repr(value)}.")
        return StrokesRegion.of_json(value.get("strokes"), value.get("grow", 0.0), str(path))

    @staticmethod
    def of_json(strokes: Any, grow: Any = 0.0, source: str = "the strokes") -> StrokesRegion:
        """The region of JSON values.

        Raises:
            RegionError: as the class, or as `Stroke.of`.
        """
        if not isinstance(strokes, (list, tuple)):
            raise RegionError(f"Expected strokes in {source} such as {_FORMAT}, got {reprlib.repr(strokes)}.")
        try:
            made = tuple(Stroke.of(stroke) for stroke in strokes)
        except RegionError as error:
            raise RegionError(f"{source}: {error}") from error
        return StrokesRegion(made, grow, source)

    def check(self, posed: PosedImages) -> None:
        """Refuse strokes in views that the capture does not have, or beside their pictures.

        Raises:
            RegionError: there is one.
        """
        views = {view.name: view for view in posed.train_views}
        for stroke in self.strokes:
            if stroke.view is None:
                continue
            if stroke.view not in views:
                near = difflib.get_close_matches(stroke.view, views, n=1)
                like = f"did you mean {near[0]}?" if near else f"they are named like {next(iter(views), '')}."
                raise RegionError(
                    f"Expected strokes in training views of {posed.root}, got one in {stroke.view} ({self.source}): "
                    f"{like}"
                )
            view = views[stroke.view]
            width, height = stroke.size or stored_size(view)
            if not all(0 <= x < width and 0 <= y < height for x, y in stroke.points):
                raise RegionError(
                    f"Expected pixels within the {width}x{height} of the view {stroke.view}, got others in "
                    f"{self.source}: x counts from the left, y from the top."
                )

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        grown = {"grow": self.grow} if self.grow else {}
        return {"type": "strokes", "strokes": [stroke.to_json() for stroke in self.strokes], **grown}


def stored_size(view: Any) -> tuple[int, int]:
    """(width, height) of a view's photograph as it is stored, upright; the view's own where there is none yet."""
    from editor3d.datasets.views.headers import inspect_picture

    if not view.image_path.is_file():
        return view.width, view.height
    return inspect_picture(view.image_path).size_for(view.width, view.height)


def _finite(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
