"""Read the flags that place cameras round a file of splats."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from editor3d.cli.vectors import parse_up, parse_vector
from editor3d.errors import ConfigError
from editor3d.types import Around


@dataclass(frozen=True)
class CameraOptions:
    """The cameras that a file of splats is seen from: flags of every command that takes one."""

    cameras: Annotated[str | None, tyro.conf.arg(metavar="COUNT|PATH")] = None
    """Set how many cameras are placed where the scene is seen well (48 by default), or name what holds cameras in the
    file's own frame: a transforms.json, the cameras.json of 3D Gaussian Splatting, or the folder of a COLMAP model, a
    capture or a run (files of splats only)."""
    side: int | None = None
    """Set the pixels of a picture's side, or of the longer side with cameras of a PATH (files of splats only; 512 by
    default)."""
    up: Annotated[str | None, tyro.conf.arg(metavar="AXIS")] = None
    """Name the vertical (files of splats only): an axis (z, or --up=-y) or X,Y,Z. By default it is read from the file,
    else found in the scene, else -y as in COLMAP."""
    center: Annotated[str | None, tyro.conf.arg(metavar="X,Y,Z")] = None
    """Point the cameras here (files of splats only; --center=-1,0,0 with a minus first); by default where most detail
    is."""
    distance: float | None = None
    """Set the cameras' distance from there, in the file's own units (files of splats only); by default where the scene
    is seen well."""

    def around(self) -> Around | None:
        """The requested cameras; None where no flag was given.

        Raises:
            ConfigError: a value is out of range, or there is no such file.
        """
        requested = {
            "cameras": None if self.cameras is None else parse_cameras(self.cameras),
            "side": self.side,
            "up": None if self.up is None else parse_up(self.up),
            "center": None if self.center is None else parse_vector(self.center, "--center"),
            "distance": self.distance,
        }
        given = {name: value for name, value in requested.items() if value is not None}
        return Around(**given) if given else None


def parse_cameras(text: str) -> int | Path:
    """A number of cameras, or the path of what has some.

    Raises:
        ConfigError: it is neither.
    """
    if re.fullmatch(r"\s*[+-]?[0-9]{1,9}\s*", text):
        return int(text)
    path = Path(text).expanduser()
    try:
        there = path.exists()
    except (OSError, ValueError):  # longer than a name can be, or with a character that none has
        there = False
    if text.strip() and there:
        return path
    raise ConfigError(
        f"Expected a number of cameras, or a transforms.json, a cameras.json, a COLMAP model or a run for --cameras, "
        f"got {text!r}, which is no number and no path: check it."
    )
