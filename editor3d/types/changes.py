"""What is done to scenes by numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Grading:
    """What is done to colours, in linear light; the defaults do nothing."""

    exposure: float = 0.0
    """Set the stops brighter, -10 to 10: 1 doubles the light, -1 halves it."""
    contrast: float = 1.0
    """Set the power of light about mid grey, up to 4: above 1 for more contrast."""
    saturation: float = 1.0
    """Set how colourful, up to 4: 0 is grey, 1 as it is."""
    hue: float = 0.0
    """Turn all hues by so many degrees; their luminance stays."""
    warmth: float = 0.0
    """Warm the light (up to 1) or cool it (down to -1), by up to 100 mireds from daylight."""
    tint: float = 0.0
    """Tint towards magenta (up to 1) or green (down to -1)."""
    neutral: str | None = None
    """Make this colour grey, '#rrggbb' or a name: what should have been grey or white in the scene."""
    curves: Path | None = None
    """Apply a .cube file, a table of one dimension or three, to the encoded colours."""


@dataclass(frozen=True)
class Cleaning:
    """What of a scene goes; the defaults leave all."""

    floaters: bool = False
    """Take away small parts that hang free before the rest in the views."""
    needles: bool = False
    """Take away Gaussians more than 20 times as long as wide, and longer than a fiftieth of the scene."""
    fog: bool = False
    """Take away what hangs right before a camera, nearer than 15 % of what it sees."""
    background: float | None = None
    """Take away what is farther than so many times the cameras' distance from where they look."""
    decimate: int | None = None
    """Merge near and alike Gaussians until so many are left, with the least loss."""
