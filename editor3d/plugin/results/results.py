"""What every edit leaves behind: before and after, a turntable, the edited pictures and the record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.utils.rich_utils import CONSOLE
from torch import Tensor

from editor3d.datasets.views.images import read_image
from editor3d.metrics.image import SSIM_MIN_SIDE, psnr, ssim
from editor3d.outputs.orbit import orbit_cameras
from editor3d.outputs.pictures import Row, save_png, save_side_by_side, to_uint8
from editor3d.outputs.video import write_mp4
from editor3d.plugin.bases.base import Base
from editor3d.plugin.bases.quality import kept_quality, shown_views
from editor3d.plugin.edit.pipeline import EditPipeline
from editor3d.plugin.train.pipeline import PluginPipeline
from editor3d.run.events import emit_results
from editor3d.run.record import EditRecord, Times, package_versions, write_record

if TYPE_CHECKING:
    from editor3d.plugin.edit.trainer import EditTrainerConfig

SCENE_FILE = "scene"
"""Stem of the edited scene itself, where it is of a kind that other programs read."""
TURNTABLE_SIDE = 512
"""Pixels of a turntable's longer side, at most."""


class EditResults:
    """Writes an edit's results into its run folder."""

    def __init__(self, run: Path, pipeline: EditPipeline, config: EditTrainerConfig) -> None:
        self.run, self.pipeline, self.config = run, pipeline, config
        held_out = pipeline.datamanager.eval_dataset
        dataset = held_out if len(held_out) else pipeline.datamanager.train_dataset
        self._cameras, views = dataset.cameras, dataset.metadata["views"]
        self._shown = shown_views(dataset)
        self._views = [views[i] for i in self._shown]

    def _render_shown(self) -> list[np.ndarray]:
        with self.pipeline.stopwatch.measure("render"):
            return [to_uint8(self.pipeline.render_view(self._cameras, index)["rgb"]) for index in self._shown]

    def save_before(self) -> None:
        """Render the base from the views that will be shown."""
        for view, render in zip(self._views, self._render_shown(), strict=True):
            save_png(self.run / "before" / f"{view.name}.png", render)

    def save_after(self, turntable_frames: int) -> None:
        """Render the edited scene, and put it beside the base and the edited pictures."""
        after = self._render_shown()
        for view, render in zip(self._views, after, strict=True):
            save_png(self.run / "after" / f"{view.name}.png", render)
        rows = [Row("before", self._read("before")), Row("after", after)]
        names = [view.name for view in self._views]
        save_side_by_side(self.run / "before_after.png", rows, title=self.config.instruction or "", columns=names)
        updater = self.pipeline.updater
        updater.pictures.publish(updater.state.revisions, self.run / "edited")
        for path in self._scene_files():
            self.pipeline.model.write_scene(path, self.pipeline.datamanager.train_dataparser_outputs)
        if turntable_frames:
            with self.pipeline.stopwatch.measure("render"):
                write_turntable(self.run / "turntable.mp4", self.pipeline, turntable_frames)

    def _scene_files(self) -> list[Path]:
        return [self.run / f"{SCENE_FILE}{suffix}" for suffix in self.pipeline.model.capabilities.scene_suffixes]

    def _read(self, folder: str) -> list[np.ndarray]:
        return [
            read_image(self.run / folder / f"{view.name}.png", (view.width, view.height)).numpy()
            for view in self._views
        ]

    def save_record(self, base: Base, steps: int, seconds: float) -> None:
        """Write edit.json."""
        spent = self.pipeline.stopwatch.seconds
        known = {kind: spent.get(kind, 0.0) for kind in ("render", "fit", "edit")}
        manager = self.pipeline.datamanager
        updater, config = self.pipeline.updater, self.config.pipeline
        asked = updater.guidance
        record = EditRecord(
            instruction=asked.instruction,
            method=str(self.config.method_name),
            editor=config.editor,
            editor_reason=config.editor_reason,
            seed=self.config.machine.seed,
            data=str(manager.config.data),
            base=str(base.checkpoint),
            steps=steps,
            condition_on=config.condition_on,
            condition_reason=config.condition_reason,
            guidance_scale=asked.guidance_scale,
            image_guidance_scale=asked.image_guidance_scale,
            diffusion_steps=asked.diffusion_steps,
            schedule=asdict(updater.schedule),
            lpips=self.pipeline.lpips,
            region=self.pipeline.region,
            notes=self.pipeline.notes(),
            edits=tuple(
                replace(edit, instruction=None) if edit.instruction == asked.instruction else edit
                for edit in updater.state.edits
            ),
            times=Times(**known, other=max(0.0, seconds - sum(known.values()))),
            metrics=self._metrics(),
            versions=package_versions(),
        )
        write_record(self.run / "edit.json", record)

    def _metrics(self) -> dict[str, Any]:
        """Means over the shown views: how good the base is, and how far the edit went. Empty until the edit is done."""
        if not all((self.run / "after" / f"{view.name}.png").is_file() for view in self._views):
            return {}
        scores: dict[str, list[float]] = {"base_psnr": [], "base_ssim": [], "edited_to_base_psnr": []}
        for view, before, after in zip(self._views, self._read("before"), self._read("after"), strict=True):
            photo, base, edited = (
                torch.from_numpy(np.asarray(picture)).float() / 255.0 for picture in (read_image(view), before, after)
            )
            scores["base_psnr"].append(psnr(base, photo))
            if min(photo.shape[:2]) >= SSIM_MIN_SIDE:
                scores["base_ssim"].append(ssim(base, photo))
            scores["edited_to_base_psnr"].append(psnr(edited, base))
        quality = kept_quality(self.run)
        bound = {} if quality is None else {"base_bound": quality.bound}
        return (
            {name: float(np.mean(values)) for name, values in scores.items() if values}
            | bound
            | {"views": [view.name for view in self._views]}
        )

    def announce(self) -> None:
        """Say where the results are."""
        CONSOLE.print(f"Before and after: {self.run / 'before_after.png'}", soft_wrap=True)
        if (self.run / "turntable.mp4").is_file():
            CONSOLE.print(f"Turntable:        {self.run / 'turntable.mp4'}", soft_wrap=True)
        for path in self._scene_files():
            CONSOLE.print(f"Scene:            {path}", soft_wrap=True)
        CONSOLE.print(f"Edited pictures:  {self.run / 'edited'}", soft_wrap=True)
        CONSOLE.print(f"Record:           {self.run / 'edit.json'}", soft_wrap=True)
        emit_results(self.run, scene=self._scene_files())


def turntable_cameras(cameras: Cameras, n_frames: int) -> Cameras:
    """Cameras on a smooth closed path around what `cameras` look at, without lens distortion."""
    c2w = orbit_cameras(cameras.camera_to_worlds.cpu().double().numpy(), n_frames)
    width, height = int(cameras.width[0]), int(cameras.height[0])
    scale = min(1.0, TURNTABLE_SIDE / max(width, height))
    width, height = round(width * scale), round(height * scale)
    return Cameras(
        camera_to_worlds=torch.from_numpy(np.ascontiguousarray(c2w)).float(),
        fx=float(cameras.fx[0]) * scale,
        fy=float(cameras.fy[0]) * scale,
        cx=width / 2,
        cy=height / 2,
        width=width,
        height=height,
        camera_type=CameraType.PERSPECTIVE,
    )


def write_turntable(path: Path, pipeline: PluginPipeline, n_frames: int) -> None:
    """Write the video of the scene on a turntable."""
    cameras = turntable_cameras(pipeline.datamanager.train_dataset.cameras, n_frames)
    write_mp4(path, render_frames(pipeline, cameras))


def render_frames(pipeline: PluginPipeline, cameras: Cameras, which: Sequence[int] | None = None) -> Iterator[Tensor]:
    """Renders of `cameras`, one by one: [H, W, 3] float."""
    for index in range(len(cameras)) if which is None else which:
        yield pipeline.render_view(cameras, index)["rgb"]
