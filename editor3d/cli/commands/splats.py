"""`editor3d splats`: change Gaussian splats directly, without an instruction."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from editor3d.cli.vectors import around_of, parse_vector


@dataclass(frozen=True)
class SplatsCommand:
    """Delete, copy or recolour a part of a scene of splats. No 2D editor, no training: seconds.

    Say one of --delete, --duplicate and --recolor. All other Gaussians are written as they are, and from .ply to .ply
    with all further properties and comments that the file has. After a deletion the pixels that it leaves open are
    beside the output, as masks by view name: white where something is missing.
    """

    scene: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="SCENE")]
    """A file of splats (.ply, .spz, .splat, .sog), or the folder of a finished run of splats."""
    select: Annotated[str, tyro.conf.arg(metavar="REGION")]
    """What is changed, in the capture's own frame: box:cx,cy,cz,hx,hy,hz (centre, half extents), sphere:cx,cy,cz,r,
    mesh:FILE or a .json file. For a run also object:NAME (what the capture's label pictures name so), text:PHRASE (what
    GroundingDINO and SAM find, or objects of that name), hull:FOLDER and
    masks:FOLDER (a PNG for some of the training views, VIEW.png, white inside): a Gaussian belongs to masks where at
    least half of what the training views see of it lies inside."""
    output: Annotated[Path, tyro.conf.arg(metavar="FILE")]
    """The changed scene: .ply, .spz, .splat or .glb. Never the scene itself."""
    delete: bool = False
    """Take them away. The holes that are left are in OUTPUT_holes."""
    duplicate: Annotated[str | None, tyro.conf.arg(metavar="X,Y,Z")] = None
    """Copy them, the copies moved by so much in the capture's frame (--duplicate=-1,0,0 with a minus first)."""
    recolor: Annotated[str | None, tyro.conf.arg(metavar="COLOR")] = None
    """Bring their mean colour to this one, '#rrggbb' or a name; light and shade across them stay."""
    strength: float | None = None
    """With --recolor: how far towards the colour, 0 to 1; all the way by default."""
    cameras: Annotated[str | None, tyro.conf.arg(metavar="COUNT|PATH")] = None
    """With --delete of a file: how many cameras are put where it is seen well, every eighth of them held out; 48 by
    default. Or what has cameras, in the file's own frame: a transforms.json, the cameras.json of 3D Gaussian Splatting,
    the folder of a COLMAP model, a capture or a run."""
    side: int | None = None
    """With --delete of a file: pixels of their pictures' sides, 512 by default; with cameras of a PATH, of the longer
    side at most."""
    up: Annotated[str | None, tyro.conf.arg(metavar="AXIS")] = None
    """With --delete of a file: what is up in it, an axis (z, or --up=-y) or X,Y,Z. By default what the file says, else
    what the scene shows, else -y, as COLMAP has it."""
    center: Annotated[str | None, tyro.conf.arg(metavar="X,Y,Z")] = None
    """With --delete of a file: where the cameras look (--center=-1,0,0 with a minus first); where most detail is by
    default."""
    distance: float | None = None
    """With --delete of a file: how far from there they stand, in its own units; where it is seen well by default."""

    def run(self) -> int:
        from editor3d.api import change_splats
        from editor3d.run.events import Result, absolute, emit

        change = change_splats(
            self.scene,
            self.select,
            self.output,
            delete=self.delete,
            duplicate=None if self.duplicate is None else parse_vector(self.duplicate, "--duplicate"),
            recolor=self.recolor,
            strength=self.strength,
            around=around_of(self.cameras, self.side, self.up, self.center, self.distance),
        )
        done = "deleted" if self.delete else "copied" if self.duplicate is not None else "recoloured"
        print(f"{change.output}: {change.selected} of {change.total} Gaussians {done}, {change.written} written")
        emit(Result(kind="splats", path=absolute(change.output)))
        holes = change.holes
        if holes is not None:
            emit(Result(kind="holes", path=absolute(holes.folder)))
            share = f"{holes.pixels} pixels of {holes.open_views} of {holes.views} views are open"
            print(f"{holes.folder}: {share}" + (f"; what is left is in {holes.capture}" if holes.capture else ""))
        return 0
