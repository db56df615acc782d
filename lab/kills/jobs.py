"""The commands that are killed: base training, in2n, igs2gs, a paid edit of a few views, mesh styling and a
refinement, each in seconds."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from lab.editors.fake_service import FakeService

STAMP = "run"
_SMALL = ["--pipeline.datamanager.dataparser.downscale-factor", "8"]
_VIEWER = ["--vis", "tensorboard"]


@dataclass(frozen=True)
class Job:
    """A command that is to leave the same whatever happens meanwhile."""

    begin: Callable[[Path], list[str]]
    """The words that begin it, given the folder that it may use."""
    folder: str
    """The run's folder below that one."""
    resume: Callable[[Path], list[str]]
    """The words that go on with the run in its folder."""
    judge: Callable[[Path], list[str]] | None = None
    """The words that judge the finished run."""
    environment: Callable[[Path], dict[str, str]] = lambda folder: {}
    """Variables that are set for all of these, given the folder that it may use."""
    paid: Callable[[], list[str]] = lambda: []
    """Digests of all requests that were paid for so far, in any folder."""


def _resumed(run: Path) -> list[str]:
    return ["editor3d", "resume", str(run)]


def _judged(run: Path) -> list[str]:
    return ["editor3d", "eval", str(run)]


def base(method: str, steps: int) -> Job:
    """Reconstructing the demo scene at an eighth of its size."""

    def begin(folder: Path) -> list[str]:
        sizes = ["--max-num-iterations", str(steps), "--steps-per-save", str(max(steps // 6, 1))]
        places = ["--output-dir", str(folder), "--experiment-name", "demo", "--timestamp", STAMP]
        return ["ns-train", method, "--data", "demo", *_SMALL, *sizes, *places, *_VIEWER]

    return Job(begin, f"demo/{method}/{STAMP}", _resumed)


def edit(method: str, base_run: Path, steps: int, *chosen: str) -> Job:
    """Editing a reconstruction of the demo scene, with further flags."""

    def begin(folder: Path) -> list[str]:
        sizes = ["--max-num-iterations", str(steps), "--steps-per-save", str(max(steps // 5, 1))]
        places = ["--output-dir", str(folder), "--experiment-name", "demo", "--timestamp", STAMP]
        said = ["--instruction", "make it look like winter", "--load-dir", str(base_run), *chosen]
        said += ["--force", "True"]  # so short a reconstruction shows little of the scene
        return ["ns-train", method, *said, "--data", "demo", *_SMALL, *sizes, *places, *_VIEWER]

    return Job(begin, f"demo/{method}/{STAMP}", _resumed, _judged)


def keys(base_run: Path, steps: int, service: FakeService) -> Job:
    """Editing a few views of it by a service that is paid for each."""

    def environment(folder: Path) -> dict[str, str]:
        kept = {"EDITOR3D_SERVICE_CACHE": str(folder / "answers"), "EDITOR3D_SERVICE_BUDGET": "1000"}
        return {**kept, "EDITOR3D_SERVICE_SIZES": "any"}

    job = edit("igs2gs", base_run, steps, "--editor", f"service:{service.url}", "--edits", "6")
    return replace(job, environment=environment, paid=lambda: [asked.digest for asked in service.asked])


def styling(mesh: Path) -> Job:
    """Restyling a mesh."""
    sizes = ["--steps", "120", "--views", "4", "--held-out", "2", "--side", "64", "--texture-size", "64"]
    frames = ["--turntable-frames", "4"]

    def begin(folder: Path) -> list[str]:
        said = ["--instruction", "turn it into gold", "--editor", "procedural", "--runs", str(folder)]
        return ["editor3d", "mesh", "style", str(mesh), *said, *sizes, *frames]

    return Job(begin, f"{mesh.stem}/mesh-style/*", _resumed)


def refinement(scene: Path, program: Path, target: Path) -> Job:
    """Searching for the values of a Blender program."""
    sizes = ["--budget-renders", "24", "--width", "48", "--height", "48", "--samples", "1", "--clip", "off"]
    sizes += ["--budget-seconds", "100000", "--breadth", "4"]

    def words(folder: Path) -> list[str]:
        asked = ["--program", str(program), "--target", str(target), "--proposer", "embedded"]
        weaker = ["--allow-weaker-sandbox"] if os.environ.get("EDITOR3D_WEAKER_SANDBOX") else []
        return ["editor3d", "refine", str(scene), *asked, *sizes, *weaker, "--output", str(folder)]

    return Job(lambda folder: words(folder / "refine"), "refine", lambda run: [*words(run), "--resume"])
