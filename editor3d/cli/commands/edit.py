"""`editor3d edit`: change a scene as one sentence says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from editor3d.options import EditOptions


@dataclass(frozen=True)
class Edit:
    """Edit a captured scene, or the result of an earlier edit.

    Without an earlier reconstruction of the same data the scene is reconstructed first, and that is kept for the next
    edit. Leaves a before/after picture, a turntable video, the edited 2D views and edit.json. Ctrl-C stops the edit,
    and `editor3d resume RUN` continues it.
    """

    scene: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DATA")]
    """The folder of a capture (nerfstudio, COLMAP or NeRF-synthetic), of a finished run, a file of splats (.ply, .spz,
    .splat, .sog), or the word demo."""
    options: Annotated[EditOptions, tyro.conf.arg(name="")] = EditOptions()
    base: Path | None = None
    """Start from this run instead of reconstructing the scene."""
    data: str | None = None
    """Name the capture's new folder if it was moved (folders of runs only); it must be the same capture."""
    downscale_factor: int | None = None
    """Read a capture's pictures at 1/N of their size (1 reads them whole); by default sides above 1600 pixels are
    halved until they are below, and a run keeps its own factor."""
    draft: bool = False
    """Read or render pictures at half the usual size, for a first look; a run keeps its own size."""
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
