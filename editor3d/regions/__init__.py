"""3D regions: shapes, masks of pictures, combinations, and their notation. Imports no torch."""

from editor3d.regions.combinations import Dilate, Intersection, Invert, Union, bounds_of
from editor3d.regions.kept_files import REGION_FILES, files_in, keep_files
from editor3d.regions.kinds import RegionKind
from editor3d.regions.mesh import MeshRegion
from editor3d.regions.notation import from_json, parse_region, settled
from editor3d.regions.seen import HullRegion, MasksRegion, ObjectRegion, chosen, seen_parts
from editor3d.regions.shapes import Box, Sphere
from editor3d.regions.strokes import Stroke, StrokesRegion
from editor3d.regions.text import TextRegion

__all__ = [
    "REGION_FILES",
    "Box",
    "Dilate",
    "HullRegion",
    "Intersection",
    "Invert",
    "MasksRegion",
    "MeshRegion",
    "ObjectRegion",
    "RegionKind",
    "Sphere",
    "Stroke",
    "StrokesRegion",
    "TextRegion",
    "Union",
    "bounds_of",
    "chosen",
    "files_in",
    "from_json",
    "keep_files",
    "parse_region",
    "seen_parts",
    "settled",
]
