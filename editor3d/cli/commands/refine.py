"""`editor3d refine`: search for a better Blender program; `editor3d blender`: install the Blender that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from editor3d.programs.core.options import RefineLimits, RefineRequest


@dataclass(frozen=True)
class Refine(RefineLimits, RefineRequest):
    """Search for changes of a Blender program that bring the scene's render closer to a target or an instruction.

    The program is Python that changes the scene through bpy: materials, lights, geometry nodes, placement, shape keys.
    Candidates run in sandboxed Blender processes; the .blend file stays unchanged. Writes result.blend, the scene with
    the changes, best.py, best.png, before_after.png, edit.json and ledger.jsonl with every candidate, render, verdict
    and cost. Ctrl-C stops cleanly; `editor3d resume` continues, also after a crash.
    """

    scene: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="SCENE.blend")]
    """Name the scene."""
    output: Path | None = None
    """Name the run's folder; by default outputs/refine/ and the names of scene and program."""
    no_save_scene: bool = False
    """Skip result.blend, the scene with the best program's changes as plain values."""
    resume: bool = False
    """Continue the run in the folder with a larger budget or depth; nothing is done or paid for again."""

    def run(self) -> int:
        from dataclasses import fields

        from editor3d.programs.core.budget import Budget
        from editor3d.programs.refinement import refine

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


@dataclass(frozen=True)
class BlenderCommand:
    """Install, list or remove versions of Blender for `editor3d refine`.

    A scene is opened by the version that saved it, where it is installed. Each version is a Python environment of its
    own in this user's data folder, about 1 GB, made from the package registry; the project's own stays as it is.
    Versions to 5.0 run under Python 3.11, later ones under Python 3.13, which must be on the machine.
    """

    what: Annotated[
        tyro.conf.Positional[Literal["install", "list", "remove"]],
        tyro.conf.arg(metavar="install|list|remove"),
    ]
    """Choose what to do."""
    version: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="VERSION")] = ""
    """Name the version, such as 5.2."""

    def run(self) -> int:
        from editor3d.errors import ConfigError
        from editor3d.programs.blenders import environments
        from editor3d.programs.blenders.interpreter import own_interpreter

        if (self.what == "list") == bool(self.version):
            raise ConfigError(
                "Expected a version for install and remove, and none for list: give `editor3d blender install 5.2`, "
                "or `editor3d blender list`."
            )
        if self.what == "install":
            found = environments.install(self.version)
            print(f"Blender {found.name}: {found.python}")
        elif self.what == "remove":
            environments.remove(self.version)
        else:
            try:
                print(f"Blender {own_interpreter().name}: this environment's own")
            except ConfigError as error:
                print(error)
            for one in environments.installed():
                print(f"Blender {one.name}: {one.python}")
        return 0
