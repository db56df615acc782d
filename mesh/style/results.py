"""What a styling leaves behind: before and after, a turntable, the edited pictures, the mesh and the record."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from editor3d.datasets.views.images import read_image
from editor3d.files.writing import replacing
from editor3d.metrics.image import psnr
from editor3d.outputs.pictures import Row, save_png, save_side_by_side, to_uint8
from editor3d.outputs.video import write_mp4
from editor3d.run.events import Picture, absolute, emit, emit_results
from editor3d.run.record import EditRecord, package_versions, write_record
from mesh.bake.bake import baked
from mesh.bake.write import write_baked
from mesh.render.cameras import cameras_at
from mesh.style.objectives import views_of

if TYPE_CHECKING:
    from mesh.style.run import StyleRun

SHOWN_VIEWS = 4
TURNTABLE_ELEVATION = np.radians(15.0)
TURNTABLE_SIDE = 384
PROGRESS_FILE = "progress.png"
"""The mesh as it was at the last checkpoint; gone when the run is done."""
RECORD_FILE = "edit.json"
MESH_FILE = "mesh.glb"
"""The styled mesh, in the input's own frame."""


class StyleResults:
    """Writes a styling's results into its run folder."""

    def __init__(self, run: StyleRun) -> None:
        self._run = run
        cameras = run.held_out_cameras if len(run.held_out_cameras) else run.train_cameras
        split = "test" if len(run.held_out_cameras) else "train"
        shown = np.unique(np.linspace(0, len(cameras) - 1, min(SHOWN_VIEWS, len(cameras))).round().astype(int)).tolist()
        self._cameras = cameras[shown]
        views = views_of(cameras, run.folder / "before", split)
        self._views = [views[index] for index in shown]

    def _render_shown(self, styled: bool) -> list[np.ndarray]:
        run = self._run
        with run.stopwatch.measure("render"):
            pictures = run.styled.pictures(self._cameras, run.config.views.supersampling, styled=styled)
            return [to_uint8(picture) for picture, _ in pictures]

    def save_before(self) -> None:
        """The mesh as it came, from the views that will be shown."""
        for view, picture in zip(self._views, self._render_shown(styled=False), strict=True):
            save_png(self._run.folder / "before" / f"{view.name}.png", picture)

    def save_progress(self) -> None:
        """The mesh as it is now, from the views that will be shown."""
        run = self._run
        title = f"{run.config.instruction or run.config.prompt} ({run.done_steps} of {run.config.steps} steps)"
        rows = [Row("before", self._before()), Row("now", self._render_shown(styled=True))]
        save_side_by_side(run.folder / PROGRESS_FILE, rows, title=title)
        emit(Picture(path=absolute(run.folder / PROGRESS_FILE)))

    @property
    def complete(self) -> bool:
        """Whether all was written."""
        return (self._run.folder / RECORD_FILE).is_file()

    def save_after(self) -> None:
        """The styled mesh: beside the one that came, on a turntable, and as a file."""
        run = self._run
        folder, config = run.folder, run.config
        after = self._render_shown(styled=True)
        for view, picture in zip(self._views, after, strict=True):
            save_png(folder / "after" / f"{view.name}.png", picture)
        rows = [Row("before", self._before()), Row("after", after)]
        title = config.instruction or config.prompt
        save_side_by_side(folder / "before_after.png", rows, title=title, columns=[view.name for view in self._views])
        run.objective.publish(folder / "edited")
        if config.turntable_frames:
            with run.stopwatch.measure("render"):
                write_turntable(folder / "turntable.mp4", run)
        with run.stopwatch.measure("export"):
            mesh = baked(run.styled, config.texture_size)
            write_baked(folder / MESH_FILE, mesh)
            if config.output:
                write_or_copy(folder / MESH_FILE, Path(config.output), mesh)

    def _before(self) -> list[np.ndarray]:
        folder = self._run.folder / "before"
        return [read_image(folder / f"{view.name}.png", (view.width, view.height)).numpy() for view in self._views]

    def save_record(self) -> None:
        """Write edit.json."""
        run, config = self._run, self._run.config
        record = EditRecord(
            instruction=config.instruction or config.prompt,
            method="mesh-style",
            editor=run.objective.name,
            editor_reason=config.editor_reason,
            seed=config.seed,
            data=config.mesh,
            base=config.mesh,
            steps=run.done_steps,
            condition_on="base",
            condition_reason="a mesh has no photographs",
            times=run.clock.times(run.stopwatch),
            metrics=self._metrics(),
            versions=package_versions(),
            **run.objective.record(),
        )
        write_record(run.folder / RECORD_FILE, record)
        (run.folder / PROGRESS_FILE).unlink(missing_ok=True)

    def _metrics(self) -> dict[str, object]:
        """How far the edit went, over the shown views, and what was found of the mesh."""
        import torch

        folder = self._run.folder
        pairs = [
            [
                read_image(folder / kind / f"{view.name}.png", (view.width, view.height)).float() / 255.0
                for kind in ("before", "after")
            ]
            for view in self._views
        ]
        changed = float(np.mean([psnr(*pair) for pair in pairs]))
        surface = self._run.styled.surface
        with torch.no_grad():
            moved = float(self._run.styled.all_style()[1].abs().max())
        return {
            "edited_to_base_psnr": changed,
            "views": [view.name for view in self._views],
            "vertices": len(surface.vertices),
            "faces": len(surface.faces),
            "repaired": list(surface.notes),
            "largest_displacement": moved * self._run.styled.frame.radius,
            **self._run.objective.metrics(),
        }

    def announce(self) -> None:
        """Say where the results are."""
        run = self._run
        print(f"Before and after: {run.folder / 'before_after.png'}")
        if (run.folder / "turntable.mp4").is_file():
            print(f"Turntable:        {run.folder / 'turntable.mp4'}")
        print(f"Mesh:             {run.config.output or run.folder / MESH_FILE}")
        if (run.folder / "edited").is_dir():
            print(f"Edited pictures:  {run.folder / 'edited'}")
        print(f"Record:           {run.folder / RECORD_FILE}")
        emit_results(run.folder, mesh=[Path(run.config.output or run.folder / MESH_FILE)])


def write_or_copy(found: Path, path: Path, mesh: object) -> None:
    """Write a mesh to `path`; a file of the same kind is copied."""
    if path.suffix.lower() != found.suffix:
        write_baked(path, mesh)
        return
    with replacing(path) as temporary:
        shutil.copyfile(found, temporary)


def write_turntable(path: Path, run: StyleRun) -> None:
    """The video of the styled mesh on a turntable."""
    count = run.config.turntable_frames
    azimuths = 2.0 * np.pi * np.arange(count) / count
    cameras = cameras_at(azimuths, np.full(count, TURNTABLE_ELEVATION), run.config.views, run.train_cameras.focal)
    cameras = cameras.scaled(min(1.0, TURNTABLE_SIDE / cameras.side))
    write_mp4(path, (picture for picture, _ in run.styled.pictures(cameras, run.config.views.supersampling)))
