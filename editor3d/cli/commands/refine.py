"""`editor3d refine`: search for a better Blender program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro


@dataclass(frozen=True)
class Refine:
    """Search for changes of a Blender program that bring the scene's render closer to a target or an instruction.

    The program is Python that changes the scene through bpy: materials, lights, geometry nodes, placement, shape keys.
    Candidates run in sandboxed Blender processes; the .blend file stays unchanged. Writes result.blend, the scene with
    the changes, best.py, best.png, before_after.png, edit.json and ledger.jsonl with every candidate, render, verdict
    and cost. Ctrl-C stops cleanly; `editor3d resume` continues, also after a crash.
    """

    scene: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="SCENE.blend")]
    """Name the scene."""
    program: Path
    """Name the program to start from."""
    instruction: str = ""
    """Say in one sentence what to change."""
    target: Path | None = None
    """Name a picture to match, seen through the scene's camera."""
    proposer: Literal["auto", "embedded", "vision"] = "auto"
    """Choose what writes candidates: a vision model (EDITOR3D_VISION_URL, _MODEL, _KEY) or the embedded proposer, which
    needs none; auto takes the model if one is set."""
    evaluator: Literal["auto", "target", "imagination", "vision"] = "auto"
    """Choose how renders are compared: by their distance to the target, by their distance to the 2D edit of the first
    render (imagination), or by a vision model; auto takes the target if there is one, else the model if one is set."""
    editor: str = "auto"
    """Choose the 2D editor of imagination by its name in `editor3d list editors`."""
    clip: Literal["auto", "on", "off"] = "auto"
    """Include CLIP in the distance to a picture: auto if the weights of a full CLIP are on this machine, on also with
    the package's small model."""
    breadth: int = 8
    """Set the candidates of a round."""
    depth: int | None = None
    """Set the rounds; by default 4 for a vision model, and as many as the budget allows for the embedded proposer."""
    edits: Literal["alternate", "tweak", "leap"] = "alternate"
    """Alternate rounds that change values (tweak) and structure (leap), or keep to one of them."""
    budget_calls: int = 200
    """Limit the requests to a model."""
    budget_tokens: int = 1_000_000
    """Limit the tokens into and out of a model."""
    budget_renders: int = 2000
    """Limit the programs that are run."""
    budget_seconds: float = 600.0
    """Limit the time, in seconds."""
    width: int | None = None
    """Set the width of renders in pixels; by default of the target's shape, with 128 at the longer side."""
    height: int | None = None
    """Set the height of renders in pixels, as --width."""
    samples: int = 4
    """Set the samples per pixel of renders."""
    camera: str | None = None
    """Name the camera; by default the scene's own."""
    deadline: float = 60.0
    """Limit one candidate to this many seconds."""
    seed: int = 0
    """Seed everything random."""
    output: Path | None = None
    """Name the run's folder; by default outputs/refine/ and the names of scene and program."""
    no_save_scene: bool = False
    """Skip result.blend, the scene with the best program's changes as plain values."""
    resume: bool = False
    """Continue the run in the folder with a larger budget or depth; nothing is done or paid for again."""
    allow_weaker_sandbox: bool = False
    """Run programs even if this system lacks a layer of the sandbox."""

    def run(self) -> int:
        from dataclasses import fields

        from editor3d.programs.core.budget import Budget
        from editor3d.programs.refinement import refine
        from editor3d.programs.request import RefineRequest

        output = self.output or Path("outputs/refine") / f"{self.scene.stem}-{self.program.stem}"
        budget = Budget(self.budget_calls, self.budget_tokens, self.budget_renders, self.budget_seconds)
        request = RefineRequest(**{field.name: getattr(self, field.name) for field in fields(RefineRequest)})
        done = refine(
            request,
            output,
            budget=budget,
            resume=self.resume,
            allow_weaker_sandbox=self.allow_weaker_sandbox,
            save_scene=not self.no_save_scene,
        )
        done.require_complete()
        return 0
