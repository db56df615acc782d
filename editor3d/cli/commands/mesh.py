"""`editor3d mesh`: restyle a mesh as one sentence says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from editor3d.cli.mesh_options import MeshOptions
from editor3d.cli.paid import PaidOptions


@dataclass(frozen=True)
class Mesh(MeshOptions):
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
    prompt: str = ""
    """Describe the result, for CLIP, in place of an instruction."""
    output: Path | None = None
    """Write the styled mesh here as well, as .glb or .obj; the run's folder always has mesh.glb."""
    runs: Path = Path("outputs")
    """Name the folder of runs."""
    symmetry: Literal["none", "x", "y", "z"] = "none"
    """Give both halves the same style across the middle plane of this axis."""
    sigma: float | None = None
    """Set how fine the style may be: the standard deviation of the field's frequencies, in cycles per radius; 5 by
    default, 0.2 with the small CLIP."""
    detail: Literal["auto", "vertices", "points"] = "auto"
    """Evaluate the field's colours at the vertices, or at each visible point, which textures and coarse meshes need;
    auto decides by the mesh."""
    held_out: int | None = None
    """Set how many views are shown and judged only, neither edited nor fitted."""
    elevations: tuple[float, float] | None = None
    """Set the elevation of the lowest and the highest camera, in degrees above the horizon."""
    lights: Literal["studio", "headlight", "flat"] = "studio"
    """Light the mesh by four fixed lights (studio), one at the camera (headlight), or ambient light alone (flat)."""
    background: tuple[float, float, float] | None = None
    """Set the colour behind the mesh, sRGB in 0..1; white by default."""
    clip: str = "auto"
    """Name the CLIP for a prompt, a folder of transformers' files; auto looks for one on this machine."""
    turntable_frames: int | None = None
    """Set the frames of the turntable video; 0 writes none."""

    paid: Annotated[PaidOptions, tyro.conf.arg(name="")] = PaidOptions()

    def run(self) -> int:
        from editor3d.registry import MESH_COMMANDS, load_target

        with self.paid.consenting():
            load_target(MESH_COMMANDS[self.what])(self)
        return 0
