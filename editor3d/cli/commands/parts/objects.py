"""`editor3d objects`: name things in a capture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from editor3d.errors import ConfigError


@dataclass(frozen=True)
class Objects:
    """Name things in a capture, so that instructions and regions can speak of them: list, add NAME, or remove NAME.

    To add one selects its Gaussians or voxels in the reconstruction, which is made first if there is none, and renders
    from those where every view shows it. The capture stays as it is: names are kept in outputs/objects, or in the
    folder that EDITOR3D_OBJECTS names, and every command finds them there.
    """

    scene: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DATA")]
    """The folder of a capture (nerfstudio, COLMAP or NeRF-synthetic) or of a finished run, or the word demo."""
    action: Annotated[
        tyro.conf.Positional[Literal["list", "add", "remove"]], tyro.conf.arg(metavar="list|add|remove")
    ] = "list"
    """What to do; by default the names are listed."""
    name: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NAME")] = ""
    """The object, a noun as instructions say it: bear."""
    strokes: Path | None = None
    """Select what the strokes in this file mark (see docs/regions.md)."""
    region: str | None = None
    """Select by another region instead: masks:FOLDER, box:cx,cy,cz,hx,hy,hz, or any that --region of an edit takes."""
    downscale_factor: int | None = None
    """Read a capture's pictures at 1/N of their size (1 reads them whole), as the edits will."""
    output: Path = Path("outputs")
    """Keep reconstructions in this folder, and find them again there."""

    def run(self) -> int:
        from editor3d.api import add_object, load
        from editor3d.datasets.added_objects import added_names, folder_of, remove_object

        if (self.action == "list") == bool(self.name):
            raise ConfigError(
                f"Expected a name after add and remove, and none after list, got {self.name or 'none'}: say editor3d "
                f"objects DATA add NAME --strokes FILE."
            )
        if (self.action == "add") != (self.strokes is not None or self.region is not None):
            raise ConfigError("Expected --strokes FILE or --region REGION with add, and neither otherwise: give one.")
        if self.strokes is not None and self.region is not None:
            raise ConfigError("Expected --strokes or --region, got both: leave one out.")
        scene = load(self.scene, downscale_factor=self.downscale_factor)
        if self.action == "add":
            region = f"strokes:{self.strokes}" if self.region is None else self.region
            made = add_object(scene, self.name, region, output=self.output)
            print(
                f"{made.name}: {made.parts} of {made.total} parts, shown in {made.views} views, kept in {made.folder}"
            )
            return 0
        posed = scene.posed_images
        if self.action == "remove":
            remove_object(posed, self.name)
            return 0
        added = added_names(posed)
        for name in posed.objects:
            print(f"{name}  {'added, kept in ' + str(folder_of(posed)) if name in added else 'of the capture'}")
        return 0
