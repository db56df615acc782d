"""`editor3d move`: move, turn, scale or copy a part of a scene of splats."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from editor3d.cli.commands.scene.said import say_changed
from editor3d.cli.vectors import parse_up, parse_vector


@dataclass(frozen=True)
class Move:
    """Move, turn, scale or copy a part of a scene of splats: in words by the names of objects, or by numbers.

    What moves looks from everywhere as it did where it was. All other Gaussians are written unchanged.
    """

    scene: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="SCENE")]
    """Name a file of splats, or the folder of a finished run of splats."""
    output: Annotated[Path, tyro.conf.arg(metavar="FILE")]
    """Name the changed scene: .ply, .compressed.ply, .spz, .splat, .sog, .glb or USD; another file than the scene."""
    instruction: str | None = None
    """Say what goes where: "move the ball to the left of the teapot by its own width", "copy the ball to the right by
    0.3", "rotate the teapot by 45 degrees", "make the ball twice as large". Objects are those that a run's capture
    names; left and right are those of --view; beside an object, the length is the gap."""
    select: Annotated[str | None, tyro.conf.arg(metavar="REGION")] = None
    """Select what moves instead, in the capture's own frame: a region as `editor3d splats --select` takes it."""
    by: Annotated[str | None, tyro.conf.arg(metavar="X,Y,Z")] = None
    """Move it by so much, in the capture's frame (--by=-1,0,0 with a minus first)."""
    rotate: Annotated[float | None, tyro.conf.arg(metavar="DEGREES")] = None
    """Turn it about --axis through its middle."""
    axis: Annotated[str | None, tyro.conf.arg(metavar="AXIS")] = None
    """Name the axis: x, --axis=-y or X,Y,Z; by default the vertical."""
    scale: float | None = None
    """Scale it from its middle."""
    copy: bool = False
    """Leave it where it is, and move a copy."""
    view: str | None = None
    """Name the view where you stand who say left and right; by default the first one."""

    def run(self) -> int:
        from editor3d.changes.splats import move_splats

        change = move_splats(
            self.scene,
            self.output,
            self.instruction,
            select=self.select,
            by=None if self.by is None else parse_vector(self.by, "--by"),
            rotate=self.rotate,
            axis=None if self.axis is None else parse_up(self.axis),
            scale=self.scale,
            copy=self.copy,
            view=self.view,
        )
        return say_changed(change, "copied" if change.written > change.total else "moved")
