"""`editor3d splats`: change Gaussian splats directly, without an instruction."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from editor3d.cli.cameras import CameraOptions
from editor3d.cli.vectors import parse_vector


@dataclass(frozen=True)
class SplatsCommand:
    """Delete, copy or recolour a part of a scene of splats, in seconds: without a 2D editor, without training.

    Pass one of --delete, --duplicate and --recolor. All other Gaussians are written unchanged; from .ply to .ply all
    further properties and comments are kept. A deletion also writes masks of the pixels that it leaves open, by view
    name, white where something is missing; for a file of splats in views from cameras round it.
    """

    scene: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="SCENE")]
    """Name a file of splats (.ply, .spz, .splat, .sog), or the folder of a finished run of splats."""
    select: Annotated[str, tyro.conf.arg(metavar="REGION")]
    """Select what changes, in the capture's own frame: box:cx,cy,cz,hx,hy,hz (centre, half extents), sphere:cx,cy,cz,r,
    mesh:FILE, strokes:FILE.json (what a few strokes mark) or a .json file. For a run also object:NAME (what the
    capture's label pictures name so), text:PHRASE (what GroundingDINO and SAM find, or objects of that name),
    hull:FOLDER and masks:FOLDER (a PNG for some of the training views, VIEW.png, white inside): a Gaussian belongs to
    masks where at least half of what the training views see of it lies inside."""
    output: Annotated[Path, tyro.conf.arg(metavar="FILE")]
    """Name the changed scene: .ply, .spz, .splat or .glb; another file than the scene."""
    delete: bool = False
    """Delete the selected Gaussians, and write masks of the holes into OUTPUT_holes."""
    fill: bool = False
    """With --delete: Also take away what was hidden in them, and continue beneath them the surface that they stood on,
    with the texture around it."""
    duplicate: Annotated[str | None, tyro.conf.arg(metavar="X,Y,Z")] = None
    """Copy the selected Gaussians, moved by X,Y,Z in the capture's frame (--duplicate=-1,0,0 with a minus first)."""
    recolor: Annotated[str | None, tyro.conf.arg(metavar="COLOR")] = None
    """Change the mean colour of the selected Gaussians to this, '#rrggbb' or a name; light and shade stay."""
    strength: float | None = None
    """With --recolor: Set how far towards the colour, 0 to 1; by default all the way."""
    around: Annotated[CameraOptions, tyro.conf.arg(name="")] = CameraOptions()

    def run(self) -> int:
        from editor3d.api import change_splats
        from editor3d.run.events import Result, absolute, emit

        change = change_splats(
            self.scene,
            self.select,
            self.output,
            delete=self.delete,
            fill=self.fill,
            duplicate=None if self.duplicate is None else parse_vector(self.duplicate, "--duplicate"),
            recolor=self.recolor,
            strength=self.strength,
            around=self.around.around(),
        )
        done = "deleted" if self.delete else "copied" if self.duplicate is not None else "recoloured"
        print(f"{change.output}: {change.selected} of {change.total} Gaussians {done}, {change.written} written")
        if self.fill:
            print(f"{change.output}: {change.filled} new Gaussians fill what was hidden beneath them")
        emit(Result(kind="splats", path=absolute(change.output)))
        holes = change.holes
        if holes is not None:
            emit(Result(kind="holes", path=absolute(holes.folder)))
            share = f"{holes.pixels} pixels of {holes.open_views} of {holes.views} views are open"
            print(f"{holes.folder}: {share}" + (f"; what is left is in {holes.capture}" if holes.capture else ""))
        return 0
