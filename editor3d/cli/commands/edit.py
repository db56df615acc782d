"""`editor3d edit`: change a scene as one sentence says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from editor3d.types import Condition


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
    instruction: str = ""
    """How the scene should change, in one sentence. May be left out with --editor folder:DIR."""
    method: str = "auto"
    """The method, as `editor3d list methods` names it; auto takes the preset's, or the one that suits the scene
    and the machine."""
    region: str | None = None
    """Where the scene may change, in the capture's own frame: box:cx,cy,cz,hx,hy,hz (centre, half extents),
    sphere:cx,cy,cz,r, mesh:FILE (its inside), hull:FOLDER (where the masks of at least two training views meet), or a
    .json file; object:NAME (what the capture's label pictures name so); "text:the teapot" (what GroundingDINO and SAM
    find, or objects of that name without their weights); masks:FOLDER (a PNG for some of the training views, VIEW.png,
    white inside): Gaussians or voxels of which at least half of what the views see lies inside.
    Everything else is frozen. A nerfacto takes a box, a sphere, a mesh, a hull or a .json file of those alone."""
    garment: Path | None = None
    """For gaussian-vton, which auto takes then: the picture of a garment alone, from the front, as a PNG with
    transparency or before a plain background. The instruction may be left out."""
    editor: str = "auto"
    """The 2D editor, as `editor3d list editors` names it; auto takes the best that is installed."""
    condition_on: Condition | None = None
    """The pictures that are edited: the original photographs, renders of the base, or these with the photographs'
    detail; auto takes the base after an earlier edit and for an instruction about a named object, and else detailed for
    an editor of small copies. The method's own choice by default."""
    guidance_scale: float | None = None
    """How closely a diffusion editor follows the instruction; what suits its model by default."""
    image_guidance_scale: float | None = None
    """How closely a diffusion editor keeps to the picture; the method's own scale by default."""
    output: Path = Path("outputs")
    """The folder that runs are kept in."""
    base: Path | None = None
    """A run to start from, instead of reconstructing the scene."""
    data: str | None = None
    """With the folder of a run: where its capture is now, if it was moved. It has to be the same."""
    preset: str | None = None
    """A preset, as `editor3d list presets` names it."""
    steps: int | None = None
    """Training steps of the edit; the method's own number by default."""
    base_steps: int | None = None
    """Training steps of the reconstruction; its method's own number by default."""
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
    seed: int = 42
    """Seed of everything random."""
    force: bool = False
    """Edit a reconstruction that shows its views no better than their mean does, too."""
    viewer: bool = False
    """Serve nerfstudio's viewer on this machine meanwhile."""

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
        scene.edit(
            self.instruction,
            method=self.method,
            editor=self.editor,
            output=self.output,
            preset=self.preset,
            steps=self.steps,
            base_steps=self.base_steps,
            seed=self.seed,
            region=self.region,
            garment=self.garment,
            condition_on=self.condition_on,
            guidance_scale=self.guidance_scale,
            image_guidance_scale=self.image_guidance_scale,
            force=self.force,
            viewer=self.viewer,
        )
        return 0
