"""3D regions: shapes, how they combine, and how they are written down. Importing this package imports no torch."""

from editor3d.regions.combinations import Intersection, Invert, Union
from editor3d.regions.notation import from_json, parse_region
from editor3d.regions.shapes import Box, Sphere

__all__ = ["Box", "Intersection", "Invert", "Sphere", "Union", "from_json", "parse_region"]
