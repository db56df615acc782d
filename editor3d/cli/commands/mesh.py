"""`editor3d mesh`: restyle a mesh as one sentence says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro


@dataclass(frozen=True)
class Mesh:
    """Restyle a mesh as one sentence says, and give back a file in its own frame and scale.

    Views of the mesh are edited by a 2D editor (--instruction), or compared with a description by CLIP (--prompt), and
    a neural field of colour, and where asked for of displacement, is fitted to that. Leaves the mesh as GLB with a
    texture and a normal map, a before/after picture, a turntable video, the edited views and edit.json. Ctrl-C stops
    cleanly; `editor3d resume RUN` goes on.
    """

    what: Annotated[tyro.conf.Positional[Literal["style"]], tyro.conf.arg(metavar="style")]
    """What to do with the mesh."""
    data: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="MESH")]
    """The mesh: OBJ, PLY, STL, GLB, glTF, OFF, 3MF or DAE."""
    instruction: str = ""
    """What to change, in one sentence, for a 2D editor. May be left out with --editor folder:DIR."""
    prompt: str = ""
    """What the result looks like, for CLIP, in place of an instruction."""
    editor: str = "auto"
    """The 2D editor, as `editor3d list editors` names it; auto takes the best that is installed."""
    output: Path | None = None
    """The styled mesh: a name that ends in .glb or .obj; the run's folder has it as mesh.glb in any case."""
    runs: Path = Path("outputs")
    """The folder that runs are kept in."""
    region: str | None = None
    """Where the mesh may change, in the file's own frame: box:cx,cy,cz,hx,hy,hz (centre, half extents),
    sphere:cx,cy,cz,r, or a JSON file. Vertices outside keep their bits."""
    displacement: float | None = None
    """How far a vertex may move along its normal, in radii of the mesh; by default 0.1 with a prompt and a real CLIP,
    else 0."""
    symmetry: Literal["none", "x", "y", "z"] = "none"
    """The axis across whose middle plane both halves get the same style."""
    sigma: float | None = None
    """How fine the style may be: standard deviation of the field's frequencies, cycles per radius; 5 by default, 0.2
    with the small CLIP."""
    detail: Literal["auto", "vertices", "points"] = "auto"
    """Where the field is asked for colours: at the vertices, or at each point that is seen, which textures and coarse
    meshes need; auto looks at the mesh."""
    steps: int | None = None
    """Optimisation steps; 300 by default, 1500 for a prompt on CUDA."""
    views: int | None = None
    """Views that are edited and fitted."""
    held_out: int | None = None
    """Views that are shown and judged, and neither edited nor fitted."""
    side: int | None = None
    """Pixels of a view's sides."""
    elevations: tuple[float, float] | None = None
    """The lowest and the highest camera, degrees above the horizon."""
    up: tuple[float, float, float] | None = None
    """The mesh's vertical, in its own frame; 0 1 0 by default."""
    front: tuple[float, float, float] | None = None
    """Where the mesh faces; the turntable starts there."""
    lights: Literal["studio", "headlight", "flat"] = "studio"
    """Four lights that stay on the mesh, one at the camera, or none but ambient light."""
    background: tuple[float, float, float] | None = None
    """sRGB in 0..1 behind the mesh; white by default."""
    guidance_scale: float | None = None
    """How closely a diffusion editor follows the instruction; what suits its model by default."""
    image_guidance_scale: float | None = None
    """How closely a diffusion editor keeps to the picture."""
    clip: str = "auto"
    """The CLIP that a prompt is compared by: a folder of transformers' files; auto looks for one on this machine."""
    texture_size: int | None = None
    """Pixels of the texture's sides; 0 writes colours of the vertices in its place."""
    turntable_frames: int | None = None
    """Frames of the turntable video; 0 for none."""
    seed: int = 42
    """Seed of everything random."""

    def run(self) -> int:
        from editor3d.registry import MESH_COMMANDS, load_target

        load_target(MESH_COMMANDS[self.what])(self)
        return 0
