"""`editor3d render`: render the scene of a run."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from editor3d.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from nerfstudio.cameras.cameras import Cameras

    from editor3d.plugin.train.pipeline import PluginPipeline

MAX_FPS = 1000


@dataclass(frozen=True)
class Render:
    """Render the scene of a run: a turntable video, or pictures of the captured views.

    Works on edits and on bases, and needs no 2D editor.
    """

    run_folder: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Name the run's folder, its nerfstudio_models, or one checkpoint."""
    output: Path | None = None
    """Name an .mp4 file (turntable) or a folder for PNG pictures; by default in the run's folder."""
    path: Literal["turntable", "train", "test"] = "turntable"
    """Render a turn around the scene, the training views, or the held-out views."""
    frames: int = 120
    """Set the number of frames of the turntable."""
    fps: int = 24
    """Set the frames per second of a video."""
    views: Annotated[str | None, tyro.conf.arg(metavar="A,B,C")] = None
    """Render only these train or test views, by name."""
    data: str | None = None
    """Name the capture's new folder if it was moved; it must be the same capture."""
    depth: bool = False
    """Render depth, from red (near) to blue (far), instead of colour."""
    provenance: bool = True
    """Sign renders of an edit as such (C2PA); --no-provenance leaves that out."""

    def run(self) -> int:
        video = self.path == "turntable" and (self.output is None or self.output.suffix == ".mp4")
        if not video and self.output is not None and self.output.suffix == ".mp4":
            raise ConfigError(f"Expected a folder for the {self.path} views, got {self.output}: each is one PNG.")
        if self.views is not None and self.path == "turntable":
            raise ConfigError("Expected --path train or --path test with --views: a turntable has no named views.")
        if self.frames < 1 or not 1 <= self.fps <= MAX_FPS:
            raise ConfigError(
                f"Expected at least 1 frame and 1 to {MAX_FPS} frames a second, got {self.frames} and {self.fps}."
            )

        from editor3d.datasets.other_files import require_run
        from editor3d.outputs.pictures import save_png
        from editor3d.outputs.video import write_mp4
        from editor3d.plugin.bases.base import open_base
        from editor3d.plugin.results.runs import open_run
        from editor3d.plugin.train.shown import turntable_cameras
        from editor3d.run.events import Result, absolute, emit
        from editor3d.run.results import mark_of_run

        require_run(self.run_folder)
        home = open_base(self.run_folder).run / "renders"
        _, pipeline = open_run(self.run_folder, data=self.data)
        kind = "depth" if self.depth else "rgb"
        manager = pipeline.datamanager
        if self.path == "turntable":
            cameras = turntable_cameras(manager.train_dataset.cameras, self.frames)
            which, names = list(range(self.frames)), [f"{index:05d}" for index in range(self.frames)]
        else:
            dataset = manager.train_dataset if self.path == "train" else manager.eval_dataset
            cameras, known = dataset.cameras, [view.name for view in dataset.metadata["views"]]
            which = choose_views(known, self.views, self.path)
            names = [known[index] for index in which]
        pictures = render_pictures(pipeline, cameras, which, depth=self.depth)
        if video:
            target = self.output or home / ("turntable.mp4" if kind == "rgb" else "turntable_depth.mp4")
            write_mp4(target, pictures, fps=self.fps)
        else:
            target = self.output or home / f"{self.path}_{kind}"
            for name, picture in zip(names, pictures, strict=True):
                save_png(target / f"{name}.png", picture)
        if self.provenance and not self.depth:
            mark_of_run(home.parent, [target])
        print(target)
        emit(Result(kind="video" if video else "pictures", path=absolute(target)))
        return 0


def choose_views(known: Sequence[str], wanted: str | None, path: str) -> list[int]:
    """Indices of the views that a comma-separated list names, in its order; of all without a list.

    Raises:
        ConfigError: an unknown name, none, or there are no views.
    """
    if wanted is None:
        if not known:
            raise ConfigError(f"There are no {path} views in this run's capture: render the other ones.")
        return list(range(len(known)))
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    if not names:
        raise ConfigError(f"Expected names of {path} views, got {wanted!r}: name some, or leave --views out.")
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3) or list(known)[:3]
            raise ConfigError(f"There is no {path} view {name} in this run: names are like {', '.join(near)}.")
    return [known.index(name) for name in names]


def render_pictures(
    pipeline: PluginPipeline, cameras: Cameras, which: Sequence[int], *, depth: bool
) -> Iterator[np.ndarray]:
    """Renders of some of `cameras` one by one, [H, W, 3] uint8, behind a progress bar on stderr.

    Depth is coloured on one scale for all of them.
    """
    from editor3d.outputs.pictures import to_uint8
    from editor3d.plugin.results.depth import color_depth, disparity_range
    from editor3d.run.progress import tracked

    limits = disparity_range(pipeline, cameras, which) if depth else None
    for index in tracked(which, "rendering", "views"):
        outputs = pipeline.render_view(cameras, index, ("accumulation", "depth") if depth else ())
        yield to_uint8(outputs["rgb"] if limits is None else color_depth(outputs, limits))
