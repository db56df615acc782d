"""The request of a refinement, declared once: its fields are flags of `editor3d refine`, and what Python callers give.

Jobs of the service take some of them. Imports no torch, so that the command's help is quick.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from editor3d.options import Seed

ClipChoice = Literal["auto", "on", "off"]
EditSizes = Literal["alternate", "tweak", "leap"]
PresetName = Literal["material-text", "material-picture", "lighting", "geometry-nodes", "shape-keys", "placement"]
Size = Annotated[int, Meta(ge=1, le=64)]


@dataclass(frozen=True)
class RefineRequest:
    """What to refine and how; two runs of equal requests take the same steps."""

    scene: Path
    """Name the .blend file; it stays unchanged."""
    program: Path
    """Name the program to start from."""
    instruction: str = ""
    """Say in one sentence what to change."""
    target: Path | None = None
    """Name a picture to match, seen through the scene's camera."""
    objects: str = ""
    """Name the objects that the edit is about, with commas between them: target and loss then count where these are
    seen, and the rest is to stay as it is; by default those that the instruction names."""
    preset: PresetName | None = None
    """Load the sizes of one of BlenderAlchemy's tasks; flags win over its values."""
    proposer: Literal["auto", "embedded", "vision"] = "auto"
    """Choose what writes candidates: a vision model (EDITOR3D_VISION_URL, _MODEL, _KEY) or the embedded proposer, which
    needs none; auto takes the model if one is set."""
    evaluator: Literal["auto", "target", "imagination", "vision", "names"] = "auto"
    """Choose how renders are compared: by their distance to the target, by their distance to the 2D edit of the first
    render (imagination), or by a vision model; names does what the instruction says of things that the scene has by
    name; auto takes the model if it writes the candidates, else the target if given, else names if it can."""
    editor: str = "auto"
    """Choose the 2D editor of imagination by its name in `editor3d list editors`."""
    clip: ClipChoice = "auto"
    """Include CLIP in the distance to a picture: auto if the weights of a full CLIP are on this machine, on also with
    the package's small model."""
    breadth: Size = 8
    """Set the candidates of a round."""
    depth: Size | None = None
    """Set the rounds; by default 4 for a vision model, and as many as the budget allows for the embedded proposer."""
    edits: EditSizes = "alternate"
    """Alternate rounds that change values (tweak) and structure (leap), or keep to one of them."""
    width: int | None = None
    """Set the width of renders in pixels; by default of the target's shape, else the scene's, with 256 at the longer
    side. Renders of 192 pixels or more are searched at half their size, and the best few are rendered whole."""
    height: int | None = None
    """Set the height of renders in pixels, as --width."""
    samples: int = 16
    """Set the most samples per pixel of renders; smooth pixels take fewer."""
    denoise: bool = True
    """Denoise renders by OpenImageDenoise; --no-denoise leaves the noise in."""
    camera: str | None = None
    """Name the camera; by default the scene's own."""
    blender: str = "auto"
    """Choose the Blender that opens the scene: auto takes the version that saved it if `editor3d blender list` has it,
    else this environment's; or a version such as 5.2, or the path of a Blender or of a Python that has its module."""
    allow_older_blender: bool = False
    """Open a scene saved by a newer Blender without what only that one knows; the losses are listed."""
    deadline: float = 60.0
    """Limit one candidate to this many seconds."""
    seed: Seed = 0
    """Seed everything random."""


@dataclass(frozen=True, kw_only=True)
class RefineLimits:
    """What a refinement may cost and how it runs; a resumed run may have other limits."""

    budget_calls: int = 200
    """Limit the requests to a model."""
    budget_tokens: int = 1_000_000
    """Limit the tokens into and out of a model."""
    budget_renders: int = 2000
    """Limit the programs that are run."""
    budget_seconds: Annotated[float, Meta(ge=1.0, le=86_400.0)] = 600.0
    """Limit the time, in seconds."""
    allow_weaker_sandbox: bool = False
    """Run programs even if this system lacks a layer of the sandbox."""
