"""`editor3d mesh`: restyle a mesh as one sentence says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from editor3d.options import Edits


@dataclass(frozen=True)
class Mesh:
    """Restyle a mesh as one sentence says, and give back a file in its own frame and scale.

    A neural field of colour, and on request of displacement, is fitted to views that a 2D editor edits (--instruction)
    or to a description that CLIP compares views with (--prompt). Writes the mesh as GLB with a texture and a normal
    map, a before/after picture, a turntable video, the edited views and edit.json. Ctrl-C stops cleanly; `editor3d
    resume RUN` continues.
    """

    what: Annotated[tyro.conf.Positional[Literal["style"]], tyro.conf.arg(metavar="style")]
    """Choose what to do with the mesh."""
    data: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="MESH")]
    """Name the mesh: OBJ, PLY, STL, GLB, glTF, OFF, 3MF or DAE."""
    instruction: str = ""
    """Say in one sentence what to change, for a 2D editor; optional with --editor folder:DIR."""
    prompt: str = ""
    """Describe the result, for CLIP, in place of an instruction."""
    editor: str = "auto"
    """Choose the 2D editor by its name in `editor3d list editors`; auto takes the best that is installed."""
    edits: Edits = "auto"
    """Edit this many pictures and carry the edit over to the other views by the mesh's surface, or edit every view
    (all); auto takes all where an edit is free, quick and the same at every call, else 12 at most."""
    output: Path | None = None
    """Write the styled mesh here as well, as .glb or .obj; the run's folder always has mesh.glb."""
    runs: Path = Path("outputs")
    """Name the folder of runs."""
    region: str | None = None
    """Change the mesh only here, in the file's own frame: box:cx,cy,cz,hx,hy,hz (centre, half extents),
    sphere:cx,cy,cz,r, or a JSON file. Vertices outside keep their bits."""
    displacement: float | None = None
    """Let vertices move this far along their normals, in radii of the mesh; by default 0.1 with a prompt and a real
    CLIP, else 0."""
    symmetry: Literal["none", "x", "y", "z"] = "none"
    """Give both halves the same style across the middle plane of this axis."""
    sigma: float | None = None
    """Set how fine the style may be: the standard deviation of the field's frequencies, in cycles per radius; 5 by
    default, 0.2 with the small CLIP."""
    detail: Literal["auto", "vertices", "points"] = "auto"
    """Evaluate the field's colours at the vertices, or at each visible point, which textures and coarse meshes need;
    auto decides by the mesh."""
    steps: int | None = None
    """Set the optimisation steps; 300 by default, 1500 for a prompt on CUDA."""
    views: int | None = None
    """Set how many views are edited and fitted."""
    held_out: int | None = None
    """Set how many views are shown and judged only, neither edited nor fitted."""
    side: int | None = None
    """Set the pixels of a view's side."""
    elevations: tuple[float, float] | None = None
    """Set the elevation of the lowest and the highest camera, in degrees above the horizon."""
    up: tuple[float, float, float] | None = None
    """Set the mesh's vertical, in its own frame; 0 1 0 by default."""
    front: tuple[float, float, float] | None = None
    """Set the direction that the mesh faces; the turntable starts there."""
    lights: Literal["studio", "headlight", "flat"] = "studio"
    """Light the mesh by four fixed lights (studio), one at the camera (headlight), or ambient light alone (flat)."""
    background: tuple[float, float, float] | None = None
    """Set the colour behind the mesh, sRGB in 0..1; white by default."""
    guidance_scale: float | None = None
    """Set how closely a diffusion editor follows the instruction; by default what suits its model."""
    image_guidance_scale: float | None = None
    """Set how closely a diffusion editor keeps to the picture."""
    clip: str = "auto"
    """Name the CLIP for a prompt, a folder of transformers' files; auto looks for one on this machine."""
    texture_size: int | None = None
    """Set the pixels of the texture's side; 0 writes vertex colours instead."""
    turntable_frames: int | None = None
    """Set the frames of the turntable video; 0 writes none."""
    seed: int = 42
    """Seed everything random."""

    def run(self) -> int:
        from editor3d.registry import MESH_COMMANDS, load_target

        load_target(MESH_COMMANDS[self.what])(self)
        return 0
