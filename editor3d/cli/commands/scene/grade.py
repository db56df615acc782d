"""`editor3d grade`: the colours of a part of a scene of splats."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from editor3d.cli.commands.scene.said import say_changed
from editor3d.types import Grading


@dataclass(frozen=True)
class GradeCommand:
    """Grade the colours of a scene of splats or of a part of it, in linear light and from all sides.

    White balance comes first, then exposure, contrast, saturation, hue and curves. All other Gaussians are written
    unchanged.
    """

    scene: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="SCENE")]
    """Name a file of splats, or the folder of a finished run of splats."""
    output: Annotated[Path, tyro.conf.arg(metavar="FILE")]
    """Name the changed scene: .ply, .compressed.ply, .spz, .splat, .sog, .glb or USD; another file than the scene."""
    select: Annotated[str | None, tyro.conf.arg(metavar="REGION")] = None
    """Select what changes, as `editor3d splats --select` takes it; by default everything."""
    grading: Annotated[Grading, tyro.conf.arg(name="")] = Grading()

    def run(self) -> int:
        from editor3d.changes.splats import grade_splats

        return say_changed(grade_splats(self.scene, self.output, self.grading, select=self.select), "graded")
