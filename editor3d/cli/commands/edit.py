"""`editor3d edit`: change a scene as one sentence says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from editor3d.options import EditOptions


@dataclass(frozen=True)
class Edit:
    """Edit a captured scene, or go on from the result of an earlier edit.

    Without an earlier reconstruction of the same data the scene is reconstructed first, and that is kept for the next
    edit. Leaves a before/after picture, a turntable video, the edited 2D views and edit.json. Ctrl-C stops cleanly;
    `editor3d resume RUN` goes on.
    """

    scene: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DATA")]
    """The folder of a capture (nerfstudio, COLMAP or NeRF-synthetic), of a finished run, a file of splats (.ply, .spz,
    .splat, .sog), or the word demo."""
    options: Annotated[EditOptions, tyro.conf.arg(name="")] = EditOptions()
    base: Path | None = None
    """A run to start from, instead of reconstructing the scene."""
    data: str | None = None
    """With the folder of a run: where its capture is now, if it was moved. It has to be the same."""
    downscale_factor: int | None = None
    """Read a capture's pictures at 1/N of their size; a run keeps its own. By default those of more than 1600 pixels a
    side are halved until they are no longer; 1 reads them whole."""
    draft: bool = False
    """Read pictures at half the size that they are read at otherwise, for a first look; those of a file of splats are
    half as large. A run keeps its own."""
    cameras: Annotated[str | None, tyro.conf.arg(metavar="COUNT|PATH")] = None
    """For a file of splats: how many cameras are put where it is seen well, every eighth of them held out; 48 by
    default. Or what has cameras, in the file's own frame: a transforms.json, the cameras.json of 3D Gaussian Splatting,
    the folder of a COLMAP model, a capture or a run."""
    side: int | None = None
    """For a file of splats: pixels of their pictures' sides, 512 by default; with cameras of a PATH, of the longer side
    at most."""
    up: Annotated[str | None, tyro.conf.arg(metavar="AXIS")] = None
    """For a file of splats: what is up in it, an axis (z, or --up=-y) or X,Y,Z. By default what the file says, else
    what the scene shows, else -y, as COLMAP has it."""
    center: Annotated[str | None, tyro.conf.arg(metavar="X,Y,Z")] = None
    """For a file of splats: where the cameras look (--center=-1,0,0 with a minus first); where most detail is by
    default."""
    distance: float | None = None
    """For a file of splats: how far from there they stand, in its own units; where it is seen well by default."""

    def run(self) -> int:
        from dataclasses import replace

        from editor3d.api import load
        from editor3d.cli.vectors import around_of

        around = around_of(self.cameras, self.side, self.up, self.center, self.distance)
        factor = self.downscale_factor
        if self.base is not None and factor is None:
            from editor3d.plugin.bases.base import downscale_factor_of

            factor = downscale_factor_of(self.base)
        draft = self.draft and self.base is None
        scene = load(self.scene, downscale_factor=factor, around=around, data=self.data, draft=draft)
        if self.base is not None:
            scene = replace(scene, base=self.base)
        scene.edit(**vars(self.options))
        return 0
