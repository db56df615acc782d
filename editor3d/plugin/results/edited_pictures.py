"""The pictures that a run's 2D editor made, beside what their views see of the edited scene."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from nerfstudio.cameras.cameras import Cameras
from torch import Tensor

from editor3d.datasets.views.images import read_image, read_object_masks
from editor3d.geometry.agreement import EditedView, prepared
from editor3d.geometry.camera import Camera
from editor3d.geometry.surface import SeenSurface
from editor3d.metrics.pictures import SIDE, EditedPicture
from editor3d.plugin.confine.regions import REGION_FOLDER
from editor3d.plugin.train.pipeline import PluginPipeline
from editor3d.run.results import EDITED
from editor3d.types import PosedImages, View


def edited_pictures(
    run: Path, edited: PluginPipeline, edited_part: Callable[[dict[str, Tensor]], Tensor | None]
) -> list[EditedPicture]:
    """The newest edit of every training view that has one.

    Args:
        run: the folder of a finished edit.
        edited: its scene.
        edited_part: where a view shows what the instruction is about, [H, W] bool, by its masks of objects; None is
            everywhere.
    """
    dataset = edited.datamanager.train_dataset
    views: Sequence[View] = dataset.metadata["views"]
    posed: PosedImages = dataset.metadata["posed_images"]
    found = []
    for index, view in enumerate(views):
        path = run / EDITED / f"{view.name}.png"
        if not path.is_file():
            continue
        surface, render = _seen(edited, dataset.cameras, index)
        size = (view.width, view.height)
        photo, picture = (read_image(source, size).float() / 255.0 for source in (view, path))
        inside = edited_part(read_object_masks(view, posed.objects))
        region = run / REGION_FOLDER / f"{view.name}.png"
        if region.is_file():
            share = read_image(region, size)[..., 0] > 0
            inside = share if inside is None else inside & share
        if inside is not None and not inside.any():
            continue
        edit = EditedView.of(surface, photo, picture, inside)
        found.append(EditedPicture(view.name, edit, prepared(render, surface)))
    return found


@torch.no_grad()
def _seen(pipeline: PluginPipeline, cameras: Cameras, index: int) -> tuple[SeenSurface, Tensor]:
    """What a training view sees of a scene, with `SIDE` pixels at most, and its picture [H, W, 3] in 0..1."""
    camera = pipeline.model.training_camera(cameras, index)[torch.arange(1)]  # its own tensors
    longest = max(int(camera.width[0]), int(camera.height[0]))
    if longest > SIDE:
        camera.rescale_output_resolution(SIDE / longest, scale_rounding_mode="round")
    outputs = pipeline.render_view(camera, 0, ("accumulation", "depth"))
    surface = SeenSurface.of_distance(Camera.of(camera, 0), outputs["depth"], outputs["accumulation"])
    return surface, outputs["rgb"].cpu().clamp(0.0, 1.0)
