"""The options of a mesh's restyling that a command line and a job of the service share, declared once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from editor3d.options import Edits, Scale, Seed, Side, Vector


@dataclass(frozen=True, kw_only=True)
class MeshOptions:
    """Flags of `editor3d mesh style`, and settings of a job: their types, ranges and help, for both."""

    instruction: str = ""
    """Say in one sentence what to change, for a 2D editor; optional with --editor folder:DIR."""
    editor: str = "auto"
    """Choose the 2D editor by its name in `editor3d list editors`; auto takes the best that is installed."""
    edits: Edits = "auto"
    """Edit this many pictures and carry the edit over to the other views by the mesh's surface, or edit every view
    (all); auto takes all where an edit is free, quick and the same at every call, else 12 at most."""
    approve: bool = False
    """Stop after the first 2D edit to look at it; `editor3d resume RUN --accept` continues, --again SEED edits anew."""
    provenance: bool = True
    """Sign each result as edited, with the instruction, the editor and the mesh's digest (C2PA); --no-provenance leaves
    that out."""
    region: str | None = None
    """Change the mesh only here, in the file's own frame: box:cx,cy,cz,hx,hy,hz (centre, half extents),
    sphere:cx,cy,cz,r, or a JSON file. Vertices outside keep their bits."""
    displacement: Annotated[float, Meta(ge=0.0, le=1.0)] | None = None
    """Let vertices move this far along their normals, in radii of the mesh; by default 0.1 with a prompt and a real
    CLIP, else 0."""
    steps: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    """Set the optimisation steps; 300 by default, 1500 for a prompt on CUDA."""
    views: Annotated[int, Meta(ge=4, le=400)] | None = None
    """Set how many views are edited and fitted."""
    side: Side | None = None
    """Set the pixels of a view's side."""
    up: Vector | None = None
    """Set the mesh's vertical, in its own frame; 0 1 0 by default."""
    front: Vector | None = None
    """Set the direction that the mesh faces; the turntable starts there."""
    guidance_scale: Scale | None = None
    """Set how closely a diffusion editor follows the instruction; by default what suits its model."""
    image_guidance_scale: Scale | None = None
    """Set how closely a diffusion editor keeps to the picture."""
    texture_size: Annotated[int, Meta(ge=0, le=16_384)] | None = None
    """Set the pixels of the texture's side; 0 writes vertex colours instead."""
    seed: Seed = 42
    """Seed everything random."""
