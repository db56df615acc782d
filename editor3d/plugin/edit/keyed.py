"""What an edit by key views needs of a pipeline's scene: what each view sees, and where the edit is meant to act."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from editor3d.datasets.views.images import read_image, read_object_masks, united
from editor3d.geometry.camera import Camera
from editor3d.geometry.carving import CARVING_SIDE, alike_pixels, gone_places, hull_points
from editor3d.geometry.coverage import CHOOSING_SIDE, Keys, choose_keys
from editor3d.geometry.surface import SURFACE_SIDE, SeenSurface
from editor3d.plugin.confine.regions import REGION_FOLDER
from editor3d.plugin.views.surfaces import reduced
from editor3d.update.instruction import editable_views, edited_objects
from editor3d.update.keys.updater import KeyParts, KeyUpdater
from editor3d.update.keys.warped import WarpPropagator

if TYPE_CHECKING:
    from editor3d.plugin.edit.pipeline import EditPipeline


def surface_of(pipeline: EditPipeline, index: int) -> SeenSurface:
    """What a training view sees of the scene as it is now."""
    camera = pipeline.model.training_camera(pipeline.datamanager.train_dataset.cameras, index)
    camera = reduced(camera, SURFACE_SIDE)
    with pipeline.stopwatch.measure("render"):
        outputs = pipeline.render_view(camera, 0, ("accumulation", "depth"))
    return SeenSurface.of_distance(Camera.of(camera, 0), outputs["depth"], outputs["accumulation"])


def key_parts(pipeline: EditPipeline, run: Path) -> KeyParts:
    """The parts of an update by keys."""
    propagator = WarpPropagator(lambda index: surface_of(pipeline, index))

    def choose(share: float, most: int) -> Keys:
        views = range(len(pipeline.train_views))
        surfaces = [propagator.surface(index).reduced(CHOOSING_SIDE) for index in views]
        editor, scene = pipeline.begun().editor, pipeline.begun().scene
        masks = [_fitting(scene.inside(index), surfaces[index]) for index in views]
        among = editable_views(editor, pipeline.train_views) if editor.info.tells_views else None
        where = None if all(mask is None for mask in masks) else masks
        return choose_keys(surfaces, share, most, where, among=among)

    assert pipeline.plan.keys is not None  # the plan is of an edit by keys
    return KeyParts(pipeline.plan.keys, run, propagator, choose)


def reshape(pipeline: EditPipeline, updater: KeyUpdater) -> None:
    """Prepare the shape of a scene made of parts for its keys: fade what they show to be gone, and put new parts where
    what is left does not look like them, and they agree on a colour. What is confined to a region keeps its parts."""
    model = pipeline.model
    if not (model.capabilities.parts and model.capabilities.inserts) or pipeline.plan.region:
        return
    keys = updater.agreeing.counting(updater.key_state.accepted)
    found = updater.parts.propagator.changes(keys)
    if found is None:
        return
    edited = [key.edited for key in keys]
    gone = gone_places(model.positions.cpu(), *found, [key.original for key in keys], edited)
    left, lacking = [], []
    with model.hidden(gone), torch.no_grad():
        for key, mask in zip(keys, found[1], strict=True):
            surface = surface_of(pipeline, key.view).reduced(CARVING_SIDE)
            left.append(surface)
            lacking.append(mask & ~alike_pixels(updater.scene.render(key.view).cpu(), key.edited, surface))
    model.fade(gone)
    points, colors = hull_points(left, lacking, edited)
    if len(points):
        model.insert(points, colors)


def changing_of(pipeline: EditPipeline, run: Path, index: int) -> Tensor | None:
    """Where an edit of a training view is meant to change it: [H, W] bool; None is everywhere."""
    view = pipeline.train_views[index]
    if pipeline.plan.region:
        share = read_image(run / REGION_FOLDER / f"{view.name}.png", (view.width, view.height))
        return share[..., 0] > 0
    updater = pipeline.begun()
    named = edited_objects(updater.editor, updater.guidance.instruction, pipeline.objects)
    return united(read_object_masks(view, pipeline.objects), named) if named else None


def _fitting(mask: Tensor | None, surface: SeenSurface) -> Tensor | None:
    """A mask in the pixels of a surface."""
    if mask is None:
        return None
    size = surface.distance.shape
    return torch.nn.functional.interpolate(mask[None, None].float(), size=size, mode="area")[0, 0] > 0.0
