"""Parse regions from text that a user types, and from JSON."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from editor3d.errors import RegionError, shown
from editor3d.regions.combinations import Dilate, Intersection, Invert, Union
from editor3d.regions.kinds import kind_names, region_from_fields, region_from_text
from editor3d.regions.mesh import MeshRegion
from editor3d.regions.seen import HullRegion, MasksRegion, ObjectRegion
from editor3d.regions.shapes import Box, Sphere
from editor3d.regions.strokes import StrokesRegion
from editor3d.regions.text import TextRegion

if TYPE_CHECKING:
    from editor3d.types import Region, SeenRegion

_USAGE = (
    "'box:cx,cy,cz,hx,hy,hz' (center, half extents), 'sphere:cx,cy,cz,r', 'mesh:FILE', 'object:NAME', 'text:PHRASE', "
    "'masks:FOLDER', 'hull:FOLDER', 'strokes:FILE', or the name of a .json file"
)


def _vector(numbers: list[float]) -> tuple[float, float, float]:
    x, y, z = numbers
    return x, y, z


_SHAPES: dict[str, tuple[int, Callable[[list[float]], Region]]] = {
    "box": (6, lambda numbers: Box(_vector(numbers[:3]), _vector(numbers[3:]))),
    "sphere": (4, lambda numbers: Sphere(_vector(numbers[:3]), numbers[3])),
}
_NAMED: dict[str, Callable[[Any], SeenRegion | MeshRegion]] = {
    "object": ObjectRegion,
    "text": TextRegion,
    "masks": MasksRegion,
    "hull": HullRegion,
    "mesh": MeshRegion,
    "strokes": StrokesRegion.of_file,
}
_KEYS = {
    "box": ({"center", "half_extents"}, {"rotation"}),
    "sphere": ({"center", "radius"}, set()),
    "union": ({"regions"}, set()),
    "intersection": ({"regions"}, set()),
    "invert": ({"region"}, set()),
    "object": ({"name"}, set()),
    "text": ({"text"}, set()),
    "masks": ({"folder"}, set()),
    "hull": ({"folder"}, set()),
    "mesh": ({"file"}, set()),
    "strokes": ({"strokes"}, {"grow"}),
    "dilate": ({"region", "amount"}, set()),
}
"""What a region of a type must and may say."""
_FILE = ".json"
_MAX_DEPTH = 20
_MAX_BYTES = 1 << 20


def parse_region(text: str) -> Region:
    """The region that a user named.

    Args:
        text: `box:cx,cy,cz,hx,hy,hz`, `sphere:cx,cy,cz,r` (scene units), `mesh:FILE`, `object:NAME`,
            `text:PHRASE`, `masks:FOLDER`, `hull:FOLDER`, `strokes:FILE`, `KIND:…` of a kind that another package adds,
            or what `from_json` reads: a .json file, or the JSON itself.

    Raises:
        RegionError: none of these, or numbers that make no region.
        ConfigError: the package of a kind cannot be loaded.
    """
    if not text.strip():
        raise RegionError("Expected a region, got an empty one: name one, or leave it out to edit everywhere.")
    if text.strip().startswith("{"):
        return _loaded(text, "The region")
    kind, colon, numbers = text.strip().partition(":")
    if colon and kind.lower() in _NAMED:
        return _NAMED[kind.lower()](numbers)
    if colon and kind.lower() in _SHAPES:
        count, make = _SHAPES[kind.lower()]
        try:
            values = [float(number) for number in numbers.split(",")]
        except ValueError as error:
            raise RegionError(
                f"The region {shown(text)} has something that is no number; expected {_USAGE}."
            ) from error
        if len(values) != count:
            raise RegionError(
                f"The region {shown(text)} has {len(values)} numbers instead of {count}; expected {_USAGE}."
            )
        return make(values)
    if colon and kind in kind_names():
        return region_from_text(kind, numbers)
    if text.strip().lower().endswith(_FILE):
        return _read(Path(text.strip()))
    others = "".join(f", '{name}:…'" for name in kind_names())
    raise RegionError(f"The region {shown(text)} is not understood; expected {_USAGE}{others}.")


def settled(text: str) -> str:
    """The same region in words that hold without a .json file, and wherever they are read again.

    Raises:
        RegionError: as `parse_region`.
    """
    region = parse_region(text)
    if isinstance(region, (MasksRegion, MeshRegion, StrokesRegion)):  # its path is absolute now, or it needs none
        return json.dumps(region.to_json())
    return json.dumps(region.to_json()) if text.strip().lower().endswith(_FILE) else text


def from_json(value: Any) -> Region:
    """The region that `to_json` of a region describes.

    Args:
        value: a mapping with "type": "box" ("center", "half_extents", optionally "rotation" as quaternion wxyz),
            "sphere" ("center", "radius"), "mesh" ("file"), "object" ("name"), "text" ("text"), "masks" or "hull"
            ("folder"), "strokes" ("strokes", optionally "grow"), "union" or "intersection" ("regions"), "invert"
            ("region"), or "dilate" ("region", "amount" in scene units); or the name of a kind that another package
            adds, with its own values.

    Raises:
        RegionError: unknown or missing keys, or numbers that make no region.
        ConfigError: the package of a kind cannot be loaded.
    """
    return _from_json(value, _MAX_DEPTH)


def _from_json(value: Any, depth: int) -> Region:
    if depth == 0:
        raise RegionError(f"A region may be nested {_MAX_DEPTH} deep, this one is deeper.")
    kind = value.get("type") if isinstance(value, Mapping) else None
    if isinstance(kind, str) and kind not in _KEYS and kind in kind_names():
        return region_from_fields(kind, {key: value[key] for key in value if key != "type"})
    if not isinstance(kind, str) or kind not in _KEYS:
        kinds = ", ".join((*_KEYS, *kind_names()))
        raise RegionError(f"Expected a region with 'type' one of {kinds}, not {reprlib.repr(value)}.")
    required, optional = _KEYS[kind]
    given = set(value) - {"type"}
    if not required <= given <= required | optional:
        raise RegionError(
            f"A region of type '{kind}' has {', '.join(sorted(required))}"
            f"{' and optionally ' + ', '.join(sorted(optional)) if optional else ''}, not {', '.join(sorted(given))}."
        )
    fields = {key: value[key] for key in given}
    match kind:
        case "box":
            return Box(**fields)
        case "sphere":
            return Sphere(**fields)
        case "object":
            return ObjectRegion(**fields)
        case "text":
            return TextRegion(**fields)
        case "masks":
            return MasksRegion(**fields)
        case "hull":
            return HullRegion(**fields)
        case "mesh":
            return MeshRegion(**fields)
        case "strokes":
            return StrokesRegion.of_json(**fields)
        case "invert":
            return Invert(_from_json(fields["region"], depth - 1))
        case "dilate":
            return Dilate(_from_json(fields["region"], depth - 1), fields["amount"])
    if not isinstance(fields["regions"], list):
        raise RegionError(f"Expected 'regions' as a list, not {reprlib.repr(fields['regions'])}.")
    parts = [_from_json(part, depth - 1) for part in fields["regions"]]
    return Union(*parts) if kind == "union" else Intersection(*parts)


def _read(path: Path) -> Region:
    if not path.is_file():
        raise RegionError(f"There is no file {path}; expected a region as {_USAGE}.")
    if path.stat().st_size > _MAX_BYTES:
        raise RegionError(f"{path} is larger than a region's description can be ({_MAX_BYTES} bytes).")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise RegionError(f"{path} cannot be read as JSON ({error}).") from error
    return _loaded(text, str(path))


def _loaded(text: str, source: str) -> Region:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RegionError(f"{source} cannot be read as JSON ({error}).") from error
    try:
        return from_json(value)
    except RegionError as error:
        raise RegionError(f"{source}: {error}") from error
