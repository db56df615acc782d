"""The surface of a run's scene, for editors that follow it: fused from renders of training views, kept as a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from nerfstudio.cameras.cameras import Cameras
from torch import Tensor

from editor3d.datasets.views.images import read_object_masks
from editor3d.geometry.camera import Camera
from editor3d.geometry.scene.measured import measured_distance
from editor3d.geometry.scene.scene_surface import FUSED_SIDE, SceneSurface, SeenView
from editor3d.geometry.surface import OPAQUE, SeenSurface

if TYPE_CHECKING:
    from editor3d.plugin.train.pipeline import PluginPipeline
    from editor3d.types import View, ViewGeometry

SURFACE_FILE = "surface.safetensors"
"""Name in a run's folder of what its geometry was fused to."""


def kept_surface(
    path: Path,
    pipeline: PluginPipeline,
    changing: Callable[[int], Tensor | None] = lambda index: None,
    *,
    as_captured: bool = False,
) -> SceneSurface:
    """The surface in a file, or that of the scene as it is now, which is then written there.

    Args:
        changing: where the edit is meant to act in a training view, [H, W] bool; None is everywhere.
        as_captured: the scene is that of its photographs: depth that the capture measured is its own.

    Raises:
        Editor3DError: the file is damaged, or the disk is full.
    """
    if path.is_file():
        return SceneSurface.read(path)
    surface = fused_surface(pipeline, changing, as_captured)
    surface.write(path)
    return surface


def fused_surface(
    pipeline: PluginPipeline,
    changing: Callable[[int], Tensor | None] = lambda index: None,
    as_captured: bool = False,
) -> SceneSurface:
    """The surface of the scene as it is now; see `kept_surface`."""
    dataset, outputs = pipeline.datamanager.train_dataset, pipeline.datamanager.train_dataparser_outputs
    views, posed = dataset.metadata["views"], dataset.metadata["posed_images"]

    def seen(index: int) -> SeenView:
        view = views[index]
        camera = reduced(pipeline.model.training_camera(dataset.cameras, index), FUSED_SIDE)
        rendered = pipeline.render_view(camera, 0, ("accumulation", "depth"))
        measured = measured_distance(view, posed.depth_scale) if as_captured else None
        if measured is None:
            place = Camera.of_view(view).resized(int(camera.width[0]), int(camera.height[0]))
            distance = rendered["depth"].cpu() / outputs.dataparser_scale
            surface = SeenSurface.of_distance(place, distance, rendered["accumulation"])
        else:
            surface = SeenSurface.of_distance(Camera.of_view(view), measured).reduced(FUSED_SIDE)
        picture = rendered["rgb"].cpu().clamp(0.0, 1.0)
        return SeenView(surface, picture, read_object_masks(view, posed.objects), changing(index))

    return SceneSurface.of(len(views), seen, outputs.dataparser_transform[2, :3])


def seen_geometry(
    pipeline: PluginPipeline, surface: SceneSurface, camera: Cameras, view: View, *, as_captured: bool
) -> ViewGeometry:
    """What a view shows of a scene's surface: at the distances that the capture measured, else at those that the scene
    shows now.

    Args:
        camera: [1], the view's in the run's own frame, with the view's pixels.
        as_captured: see `kept_surface`.
    """
    if as_captured:
        measured = measured_distance(view, pipeline.datamanager.train_dataset.metadata["posed_images"].depth_scale)
        if measured is not None:
            return surface.view(Camera.of_view(view), measured)
    rendered = pipeline.render_view(camera, 0, ("accumulation", "depth"))
    shown = rendered["accumulation"].cpu() >= OPAQUE
    scale = pipeline.datamanager.train_dataparser_outputs.dataparser_scale
    distance = torch.where(shown, rendered["depth"].cpu() / scale, torch.zeros(()))[..., 0]
    return surface.view(Camera.of_view(view), distance)


def reduced(camera: Cameras, side: int) -> Cameras:
    """A camera [1] with at most `side` pixels a side."""
    longest = max(int(camera.width[0]), int(camera.height[0]))
    if longest <= side:
        return camera
    camera = camera[torch.arange(1)]  # its own tensors
    camera.rescale_output_resolution(side / longest, scale_rounding_mode="round")
    return camera
