"""Build the command lines that carry out a job."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from editor3d.errors import DataError
from editor3d.options import EditOptions
from editor3d.service.jobs.requests import JobRequest

PREVIEW_VIEWS = 4
POINTS = 300_000
"""Points of an exported cloud: what a program for modelling handles with ease."""
RESULT = "result"
"""Stem of a job's result."""
_OTHER_NAMES = {"scene_up": "up"}
"""Flags of settings that are called otherwise."""

AGREED = "--yes"
"""Nobody sits at the terminal of a job: whoever sends one agrees to pay, within the services' own budget."""


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
        if request.settings.given().get("format") == "none":
            return (edit,)
        return (edit, Step("export", lambda made: export_words(request, places, run_of(made))))
    if kind == "reconstruct":
        return (Step("reconstruct", lambda made: reconstruct_words(request, places)),)
    if kind == "export":
        return (Step("export", lambda made: file_words(request, places)),)
    if kind == "scene-preview":
        return (Step("preview", lambda made: preview_words(request, places, inputs["scene"])),)
    if kind == "picture-preview":
        return (Step("preview", lambda made: preview_words(request, places, inputs["picture"])),)
    return (Step("refine", lambda made: refine_words(request, places)),)


def style_words(request: JobRequest, places: Places, preview: bool = False, agreed: str = AGREED) -> list[str]:
    """`editor3d mesh style`.

    Args:
        preview: a run of one step, for the sake of the pictures that it edits.
        agreed: the flag that says what may be paid.
    """
    given = request.settings.given()
    words = ["mesh", "style", str(request.inputs["mesh"]), "--runs", str(places.work), "--turntable-frames", "0"]
    words.append(agreed)
    if preview:
        given |= {"steps": 1, "views": PREVIEW_VIEWS, "texture_size": 0}
        words += ["--held-out", "1"]
    else:
        words += ["--output", str(places.result / f"{RESULT}.glb")]
    return [*words, *_instruction(request), *_flags(given)]


def edit_words(request: JobRequest, places: Places, agreed: str = AGREED) -> list[str]:
    """`editor3d edit`.

    Args:
        agreed: the flag that says what may be paid.
    """
    assert request.options is not None  # a job of the kind scene has them
    usual = vars(EditOptions())
    options = {name: value for name, value in vars(request.options).items() if value != usual[name]}
    instruction = f"--instruction={options.pop('instruction')}"
    words = ["edit", str(request.inputs["scene"]), "--output", str(places.runs), instruction, agreed, *_flags(options)]
    others = request.settings.given()
    return [*words, *_flags({name: value for name, value in others.items() if name not in (*usual, "format")})]


def export_words(request: JobRequest, places: Places, run: Path) -> list[str]:
    """`editor3d export` of a run."""
    format = request.settings.given().get("format", "auto")
    words = ["export", str(run), "--format", format, "--output", str(places.result / f"{RESULT}.ply")]
    return [*words, "--num-points", str(POINTS)] if format in ("auto", "pointcloud") else words


def reconstruct_words(request: JobRequest, places: Places) -> list[str]:
    """`editor3d reconstruct`."""
    words = ["reconstruct", str(request.inputs["scene"]), "--output", str(places.runs)]
    return [*words, *_flags(request.settings.given())]


def file_words(request: JobRequest, places: Places) -> list[str]:
    """`editor3d export`, `render` or `strength` of the scene of a run to one file."""
    given, run = request.settings.given(), str(request.inputs["run"])
    format, suffix = given.get("format", "splats"), given.get("suffix", ".ply")
    target = ["--output", str(places.result / f"{format}{suffix}")]
    if format == "video":
        return ["render", run, *target]
    if "strength" in given:
        return ["strength", run, str(given["strength"]), *target]
    return ["export", run, "--format", format, *target]


def preview_words(request: JobRequest, places: Places, data: Path) -> list[str]:
    """`editor3d preview` of a scene or a picture."""
    words = ["preview", str(data), *_instruction(request), "--output", str(places.result), AGREED]
    return [*words, *_flags(request.settings.given())]


def refine_words(request: JobRequest, places: Places) -> list[str]:
    """`editor3d refine`."""
    inputs = request.inputs
    words = ["refine", str(inputs["blend"]), "--program", str(inputs["program"]), "--output", str(places.work)]
    if "target" in inputs:
        words += ["--target", str(inputs["target"])]
    # values alone change, so that the client can take them over without running the program
    words += ["--edits", "tweak", "--no-save-scene"]
    return [*words, *_instruction(request), *_flags(request.settings.given())]


def run_of(made: Mapping[str, Path]) -> Path:
    """The run that a command's events name.

    Raises:
        DataError: they name none.
    """
    if "run" not in made:
        raise DataError("Expected an event of the command that names the run that it made, got none: see the log.")
    return made["run"]


def _instruction(request: JobRequest) -> list[str]:
    return [f"--instruction={request.instruction}"]  # one word, so that it may start with a minus


def _flags(settings: Mapping[str, Any]) -> list[str]:
    """Settings as flags of the same names, each one word, so that no value is taken for a flag."""
    words = []
    for name, value in settings.items():
        flag = f"--{_OTHER_NAMES.get(name, name).replace('_', '-')}"
        if name in ("up", "front"):  # three words of a mesh's command
            words += [flag, *map(repr, value)]
        elif isinstance(value, tuple):
            words.append(f"{flag}={','.join(map(repr, value))}")
        elif isinstance(value, bool):
            words += [flag] * value
        else:
            words.append(f"{flag}={value['path'] if isinstance(value, dict) else value}")
    return words
