"""3D regions: shapes, what pictures show, how they combine, and how they are written down. Imports no torch."""

from editor3d.regions.combinations import Intersection, Invert, Union
from editor3d.regions.notation import from_json, parse_region, settled
from editor3d.regions.seen import MasksRegion, ObjectRegion, SeenRegion, chosen, seen_parts
from editor3d.regions.shapes import Box, Sphere

__all__ = [
    "Box",
    "Intersection",
    "Invert",
    "MasksRegion",
    "ObjectRegion",
    "SeenRegion",
    "Sphere",
    "Union",
    "chosen",
    "from_json",
    "parse_region",
    "seen_parts",
    "settled",
]
