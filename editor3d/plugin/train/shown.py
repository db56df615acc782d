"""Render the scene of a pipeline from the views that results show, from all around, and while it is trained."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from torch import Tensor

from editor3d.datasets.views.images import read_image
from editor3d.metrics.image import SSIM_MIN_SIDE, psnr, ssim
from editor3d.outputs.orbit import orbit_cameras
from editor3d.outputs.pictures import save_png, to_uint8
from editor3d.plugin.bases.quality import kept_quality, shown_views
from editor3d.plugin.train.pipeline import PluginPipeline
from editor3d.run import events

TURNTABLE_SIDE = 512
"""Pixels of a turntable's longer side, at most."""
LIVE = "live.png"
"""The scene as it is, in the run's folder; only while it is trained."""
LIVE_FIRST_SECONDS, LIVE_SECONDS = 2.0, 5.0
"""Until the first picture, and between two of them."""
LIVE_SIDE = 384
"""Pixels of its longer side, at most."""


class PipelineViews:
    """The part of `editor3d.run.results.Shown` that all edits of a pipeline's scene have in common.

    Args:
        pipeline: held-out views are shown, or training views where there are none.
        run: the run's folder.
    """

    def __init__(self, pipeline: PluginPipeline, run: Path) -> None:
        self.pipeline, self.run = pipeline, run
        held_out = pipeline.datamanager.eval_dataset
        dataset = held_out if len(held_out) else pipeline.datamanager.train_dataset
        self._cameras, views = dataset.cameras, dataset.metadata["views"]
        self._shown = shown_views(dataset)
        self.views = [views[i] for i in self._shown]

    def render(self, *, edited: bool) -> Iterator[Tensor]:
        """The scene as the pipeline has it now, `edited` or not yet, from the shown views: [H, W, 3] float each."""
        return render_frames(self.pipeline, self._cameras, self._shown)

    def turntable(self, frames: int) -> Iterator[Tensor]:
        """The scene now, from all around: [H, W, 3] float each."""
        cameras = turntable_cameras(self.pipeline.datamanager.train_dataset.cameras, frames)
        return render_frames(self.pipeline, cameras)

    def metrics(self, before: Sequence[Tensor], after: Sequence[Tensor]) -> dict[str, Any]:
        """How good the base is, and how far the edit went: means over the shown views.

        Args:
            before, after: renders of the base and of the edited scene, [H, W, 3] float 0..1 each.
        """
        scores: dict[str, list[float]] = {"base_psnr": [], "base_ssim": [], "edited_to_base_psnr": []}
        for view, base, edited in zip(self.views, before, after, strict=True):
            photo = torch.from_numpy(np.asarray(read_image(view))).float() / 255.0
            scores["base_psnr"].append(psnr(base, photo))
            if min(photo.shape[:2]) >= SSIM_MIN_SIDE:
                scores["base_ssim"].append(ssim(base, photo))
            scores["edited_to_base_psnr"].append(psnr(edited, base))
        quality = kept_quality(self.run)
        bound = {} if quality is None else {"base_bound": quality.bound}
        return {name: float(np.mean(values)) for name, values in scores.items() if values} | bound


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


def render_frames(pipeline: PluginPipeline, cameras: Cameras, which: Sequence[int] | None = None) -> Iterator[Tensor]:
    """Renders of `cameras`, one by one: [H, W, 3] float."""
    for index in range(len(cameras)) if which is None else which:
        yield pipeline.render_view(cameras, index)["rgb"]


class LivePicture:
    """Renders one view of a scene every few seconds of its training, and emits that as an event `picture`.

    Does nothing where nobody reads events. Training goes on as it would without.

    Args:
        run: the run's folder.
        pipeline: holds the scene; the first held-out view is shown, or the first training view where there is none.
    """

    def __init__(self, run: Path, pipeline: PluginPipeline) -> None:
        self._path, self._pipeline = run / LIVE, pipeline
        self._next = time.monotonic() + LIVE_FIRST_SECONDS

    def after_step(self) -> None:
        """Show the scene if it is time to."""
        if not events.followed() or time.monotonic() < self._next:
            return
        manager = self._pipeline.datamanager
        held_out = manager.eval_dataset.cameras if len(manager.eval_dataset) else manager.train_dataset.cameras
        cameras = deepcopy(held_out[:1])
        scale = LIVE_SIDE / max(int(cameras.width[0]), int(cameras.height[0]))
        if scale < 1.0:
            cameras.rescale_output_resolution(scale)
        with torch.random.fork_rng(devices=[]), self._pipeline.stopwatch.measure("render"):
            save_png(self._path, to_uint8(self._pipeline.render_view(cameras, 0)["rgb"]))
        events.emit(events.Picture(path=events.absolute(self._path)))
        self._next = time.monotonic() + LIVE_SECONDS

    def end(self) -> None:
        """Take the picture away: what a finished run shows is made anew."""
        self._path.unlink(missing_ok=True)
