"""`editor3d clean`: take away what belongs to no surface, thin out, set upright."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from editor3d.cli.cameras import CameraOptions
from editor3d.cli.commands.scene.said import say_cleaned
from editor3d.cli.vectors import Vector, parse_up, parse_vector
from editor3d.errors import ConfigError
from editor3d.types import Cleaning


@dataclass(frozen=True)
class Clean:
    """Clean a scene of splats: take away what belongs to no surface, thin it out, set it upright and to its true size.

    What stays keeps every number, until it is thinned out or turned.
    """

    scene: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="SCENE")]
    """Name a file of splats, or the folder of a finished run of splats."""
    output: Annotated[Path, tyro.conf.arg(metavar="FILE")]
    """Name the cleaned scene: .ply, .compressed.ply, .spz, .splat, .sog, .glb or USD; another file than the scene."""
    cleaning: Annotated[Cleaning, tyro.conf.arg(name="")] = Cleaning()
    upright: Annotated[str | None, tyro.conf.arg(metavar="ground|cameras|AXIS")] = None
    """Turn the scene so that up is --up-axis: up is read off the ground, off the cameras, or it is the axis given."""
    up_axis: Annotated[str, tyro.conf.arg(metavar="AXIS")] = "z"
    """Set where up is afterwards: z, y, --up-axis=-y."""
    measure: Annotated[str | None, tyro.conf.arg(metavar="X,Y,Z:X,Y,Z=LENGTH")] = None
    """Scale the scene so that two of its points are LENGTH apart."""
    around: Annotated[CameraOptions, tyro.conf.arg(name="")] = CameraOptions()

    def run(self) -> int:
        from editor3d.changes.splats import clean_splats

        upright = self.upright
        cleaned = clean_splats(
            self.scene,
            self.output,
            self.cleaning,
            upright=upright if upright in (None, "ground", "cameras") else parse_up(upright),
            up_axis=parse_up(self.up_axis),
            measured=None if self.measure is None else parse_measure(self.measure),
            around=self.around.around(),
        )
        return say_cleaned(cleaned)


def parse_measure(text: str) -> tuple[Vector, Vector, float]:
    """Two points and their distance.

    Raises:
        ConfigError: they are none.
    """
    found = re.fullmatch(r"([^:=]+):([^:=]+)=([^:=]+)", text.replace(" ", ""))
    try:
        if found is not None:
            length = float(found[3])
            return parse_vector(found[1], "--measure"), parse_vector(found[2], "--measure"), length
    except ValueError:
        pass
    raise ConfigError(f"Expected two points and a length, X,Y,Z:X,Y,Z=LENGTH, for --measure, got {text}.")
