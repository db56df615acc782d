"""Build the command lines that carry out a job."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from editor3d.errors import DataError
from editor3d.service.jobs.requests import JobRequest

PREVIEW_VIEWS = 4
POINTS = 300_000
"""Points of an exported cloud: what a program for modelling handles with ease."""
RESULT = "result"
"""Stem of a job's result."""


@dataclass(frozen=True)
class Step:
    """One command of a job."""

    name: str
    words: Callable[[Mapping[str, Path]], Sequence[str]]
    """The words after `editor3d`, from what the steps before it have made, by kind."""


@dataclass(frozen=True)
class Places:
    """Where a job keeps its files."""

    folder: Path
    """The job's own, private."""
    runs: Path
    """Shared by jobs, so that a reconstruction is kept for the next edit of the same capture."""

    @property
    def result(self) -> Path:
        return self.folder / RESULT

    @property
    def work(self) -> Path:
        return self.folder / "runs"


def steps_of(request: JobRequest, places: Places) -> tuple[Step, ...]:
    """The commands of a job, in order."""
    kind, inputs = request.kind, request.inputs
    if kind == "mesh":
        return (Step("style", lambda made: style_words(request, places)),)
    if kind == "mesh-preview":
        return (Step("preview", lambda made: style_words(request, places, preview=True)),)
    if kind == "scene":
        edit = Step("edit", lambda made: edit_words(request, places))
        return (edit, Step("export", lambda made: export_words(request, places, run_of(made))))
    if kind == "scene-preview":
        return (Step("preview", lambda made: preview_words(request, places, inputs["scene"])),)
    if kind == "picture-preview":
        return (Step("preview", lambda made: preview_words(request, places, inputs["picture"])),)
    return (Step("refine", lambda made: refine_words(request, places)),)


def style_words(request: JobRequest, places: Places, preview: bool = False) -> list[str]:
    """`editor3d mesh style`; a preview is a run of one step, for the sake of the pictures that it edits."""
    given = dict(request.settings)
    words = ["mesh", "style", str(request.inputs["mesh"]), "--runs", str(places.work), "--turntable-frames", "0"]
    if preview:
        given |= {"steps": 1, "views": PREVIEW_VIEWS, "texture_size": 0}
        words += ["--held-out", "1"]
    else:
        words += ["--output", str(places.result / f"{RESULT}.glb")]
    names = ("editor", "steps", "seed", "views", "side", "texture_size", "displacement", "region", "up", "front")
    return [*words, *_instruction(request), *_flags(given, (*names, "guidance_scale", "image_guidance_scale"))]


def edit_words(request: JobRequest, places: Places) -> list[str]:
    """`editor3d edit`."""
    names = ("editor", "method", "preset", "steps", "base_steps", "seed", "region", "guidance_scale")
    names += ("image_guidance_scale", "downscale_factor", "side")
    words = ["edit", str(request.inputs["scene"]), "--output", str(places.runs), *_instruction(request)]
    words += [f"--{name}" for name in ("draft", "force") if request.settings.get(name)]
    return [*words, *_flags(request.settings, names), *_cameras(request)]


def export_words(request: JobRequest, places: Places, run: Path) -> list[str]:
    """`editor3d export` of a run."""
    format = request.settings.get("format", "pointcloud")
    words = ["export", str(run), "--format", format, "--output", str(places.result / f"{RESULT}.ply")]
    return [*words, "--num-points", str(POINTS)] if format == "pointcloud" else words


def preview_words(request: JobRequest, places: Places, data: Path) -> list[str]:
    """`editor3d preview` of a scene or a picture."""
    words = ["preview", str(data), *_instruction(request), "--output", str(places.result)]
    return [*words, *_flags(request.settings, ("editor", "seed", "downscale_factor", "side")), *_cameras(request)]


def refine_words(request: JobRequest, places: Places) -> list[str]:
    """`editor3d refine`."""
    inputs = request.inputs
    names = ("editor", "breadth", "depth", "seed", "budget_seconds")
    words = ["refine", str(inputs["blend"]), "--program", str(inputs["program"]), "--output", str(places.work)]
    if "target" in inputs:
        words += ["--target", str(inputs["target"])]
    # values alone change, so that whoever asked can take them over without running the program
    words += ["--edits", "tweak", "--no-save-scene"]
    if request.settings.get("allow_weaker_sandbox"):
        words.append("--allow-weaker-sandbox")
    return [*words, *_instruction(request), *_flags(request.settings, names)]


def run_of(made: Mapping[str, Path]) -> Path:
    """The run that a command has told of.

    Raises:
        DataError: it has told of none.
    """
    if "run" not in made:
        raise DataError("Expected the command to tell of the run that it made, but it told of none: see the log.")
    return made["run"]


def _instruction(request: JobRequest) -> list[str]:
    return [f"--instruction={request.instruction}"]  # one word, so that it may start with a minus


def _cameras(request: JobRequest) -> list[str]:
    """From where a file of splats is looked at; each a word of its own, as numbers may start with a minus."""
    flags = {"cameras": "cameras", "center": "center", "distance": "distance", "scene_up": "up"}
    given = {flag: request.settings[name] for name, flag in flags.items() if name in request.settings}
    return [
        f"--{flag}={','.join(map(repr, value)) if isinstance(value, tuple) else value}" for flag, value in given.items()
    ]


def _flags(settings: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    words = []
    for name in names:
        if name in settings:
            value = settings[name]
            words.append(f"--{name.replace('_', '-')}")
            words += [repr(v) for v in value] if isinstance(value, tuple) else [str(value)]
    return words
