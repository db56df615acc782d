"""The words of the project's own commands that carry out a job."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    words: Callable[[], Sequence[str]]
    """The words after `editor3d`; asked for when the steps before it are done."""


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
        return (Step("style", lambda: style_words(request, places)),)
    if kind == "mesh-preview":
        return (Step("preview", lambda: style_words(request, places, preview=True)),)
    if kind == "scene":
        edit = Step("edit", lambda: edit_words(request, places))
        return (edit, Step("export", lambda: export_words(request, places)))
    if kind == "scene-preview":
        return (Step("preview", lambda: preview_words(request, places, str(inputs["scene"]))),)
    if kind == "picture-preview":
        return (Step("preview", lambda: picture_words(request, places)),)
    return (Step("refine", lambda: refine_words(request, places)),)


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


def export_words(request: JobRequest, places: Places) -> list[str]:
    """`editor3d export` of the run that the edit before it left."""
    format = request.settings.get("format", "pointcloud")
    run = newest_run(places.runs)
    words = ["export", str(run), "--format", format, "--output", str(places.result / f"{RESULT}.ply")]
    return [*words, "--num-points", str(POINTS)] if format == "pointcloud" else words


def preview_words(request: JobRequest, places: Places, data: str) -> list[str]:
    """`editor3d preview`."""
    words = ["preview", data, *_instruction(request), "--output", str(places.result)]
    return [*words, *_flags(request.settings, ("editor", "seed", "downscale_factor", "side")), *_cameras(request)]


def picture_words(request: JobRequest, places: Places) -> list[str]:
    """`editor3d preview` of a single picture."""
    return [*preview_words(request, places, str(_capture_of(places, request.inputs["picture"]))), "--views", "picture"]


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


def newest_run(folder: Path) -> Path:
    """The run below a folder that holds the newest record of an edit.

    Raises:
        FileNotFoundError: there is none.
    """
    records = list(folder.rglob("edit.json"))
    if not records:
        raise FileNotFoundError(errno.ENOENT, "No edit was left", str(folder))
    return max(records, key=lambda path: path.stat().st_mtime).parent


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


def _capture_of(places: Places, picture: Path) -> Path:
    """A capture that shows one picture from three places, the least that is read as a capture: `editor3d preview`
    edits pictures of captures."""
    folder = places.folder / "picture"
    (folder / "images").mkdir(parents=True, exist_ok=True)
    frames = []
    for index, name in enumerate(("a", "b", "picture")):
        file = f"images/{name}{picture.suffix.lower()}"
        shutil.copyfile(picture, folder / file)
        pose = [[1.0, 0.0, 0.0, float(index)], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
        frames.append({"file_path": file, "transform_matrix": pose})
    (folder / "transforms.json").write_text(json.dumps({"camera_angle_x": 0.8, "frames": frames}))
    return folder
