"""`editor3d edit`, `editor3d plan` and `editor3d reconstruct`: change a scene as one sentence says, say what that will
take, or make the scene ready for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from editor3d.cli.cameras import CameraOptions
from editor3d.cli.paid import PaidOptions
from editor3d.options import EditOptions

if TYPE_CHECKING:
    from editor3d.api import Scene


@dataclass(frozen=True)
class Edit:
    """Edit a captured scene, or the result of an earlier edit.

    Without an earlier reconstruction of the same data the scene is reconstructed first, and that is kept for the next
    edit. Leaves a before/after picture, a turntable video, the edited 2D views and edit.json. Ctrl-C stops the edit,
    and `editor3d resume RUN` continues it.
    """

    scene: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DATA")]
    """Name the folder of a capture (nerfstudio, COLMAP or NeRF-synthetic) or of a finished run, a file of splats (.ply,
    .spz, .splat, .sog), or the word demo."""
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
    around: Annotated[CameraOptions, tyro.conf.arg(name="")] = CameraOptions()
    paid: Annotated[PaidOptions, tyro.conf.arg(name="")] = PaidOptions()

    def run(self) -> int:
        with self.paid.consenting():
            self.opened().edit(**vars(self.options))
        return 0

    def opened(self) -> Scene:
        """The scene, with the base that was named."""
        from dataclasses import replace

        from editor3d.api import load

        around = self.around.around()
        factor = self.downscale_factor
        if self.base is not None and factor is None:
            from editor3d.plugin.bases.base import downscale_factor_of

            factor = downscale_factor_of(self.base)
        draft = self.draft and self.base is None
        scene = load(self.scene, downscale_factor=factor, around=around, data=self.data, draft=draft)
        if self.base is not None:
            scene = replace(scene, base=self.base)
        return scene


@dataclass(frozen=True)
class Plan(Edit):
    """Say which views an edit would edit, and what that takes, and edit none of them.

    Takes the flags of editor3d edit. Without an earlier reconstruction the scene is reconstructed, since its depth says
    which views to edit. The run that this leaves is carried out by editor3d resume RUN.
    """

    def run(self) -> int:
        import shlex

        from editor3d.run.events import Result, absolute, emit

        folder = self.opened().plan(**vars(self.options)).folder  # nothing is paid
        emit(Result(kind="run", path=absolute(folder)))
        print(f"Carry it out with: editor3d resume {shlex.quote(str(folder))}")
        return 0


@dataclass(frozen=True)
class Instruct(Edit):
    """Turn free words into edits by a chat model, show them, and carry them out one after the other.

    The model speaks OpenAI's protocol: EDITOR3D_PLANNER_URL, _MODEL and _KEY name it, by default llama.cpp's server on
    this machine. It is sent the words and the names of objects, no pictures. Nothing is edited before the steps are
    accepted. Takes the flags of editor3d edit.
    """

    accept: bool = False
    """Carry the steps out without being asked."""

    def run(self) -> int:
        import sys

        from editor3d.editors import create_editor, resolve_auto
        from editor3d.editors.planning.planner import PlannerSettings, plan_words
        from editor3d.errors import ConfigError

        scene, chosen = self.opened(), self.options
        objects = () if scene.is_file else tuple(scene.posed_images.objects)
        editor = create_editor(resolve_auto()[0] if chosen.editor == "auto" else chosen.editor)
        steps = plan_words(chosen.instruction, editor, objects, PlannerSettings.from_environment())
        for number, step in enumerate(steps, start=1):
            print(f"{number}. {step.sentence()}", flush=True)
        if not self.accept and not (sys.stdin.isatty() and input("Carry them out? [y/N] ").lower() in ("y", "yes")):
            raise ConfigError("Expected a yes to these steps, got none: say other words, or give --accept.")
        with self.paid.consenting():
            for step in steps:
                inside = step.object and not editor.info.edits_objects
                region = f"object:{step.object}" if inside else chosen.region
                done = scene.edit(**{**vars(chosen), "instruction": step.prompt, "region": region})
                scene = done.scene()
        return 0


@dataclass(frozen=True)
class Reconstruct:
    """Reconstruct a capture, and keep that for edits; one that was kept before is found again.

    A file of splats is made a run, which takes no training. Prints the folder of the run.
    """

    scene: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DATA")]
    """The folder of a capture (nerfstudio, COLMAP or NeRF-synthetic), a file of splats (.ply, .spz, .splat, .sog), or
    the word demo."""
    method: str = "auto"
    """Choose a method that reconstructs by its name in `editor3d list methods`; auto takes what the edit methods do on
    this machine."""
    steps: int | None = None
    """Set the training steps; by default the method's own number."""
    output: Path = Path("outputs")
    """Name the folder of runs."""
    downscale_factor: int | None = None
    """Read a capture's pictures at 1/N of their size (1 reads them whole); by default sides above 1600 pixels are
    halved until they are below."""
    draft: bool = False
    """Read or render pictures at half the usual size, for a first look."""
    around: Annotated[CameraOptions, tyro.conf.arg(name="")] = CameraOptions()

    def run(self) -> int:
        from editor3d.api import load
        from editor3d.run.events import Result, absolute, emit

        around = self.around.around()
        scene = load(self.scene, downscale_factor=self.downscale_factor, around=around, draft=self.draft)
        run = scene.reconstruct(method=self.method, steps=self.steps, output=self.output)
        print(run)
        emit(Result(kind="base", path=absolute(run)))
        return 0
