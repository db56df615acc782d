"""Name a part of a captured scene, from then on an object of the capture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from editor3d.datasets.added_objects import add_object, check_name, folder_of
from editor3d.errors import RegionError
from editor3d.plugin.confine.regions import select
from editor3d.plugin.train.pipeline import PluginPipeline
from editor3d.regions import parse_region

SHOWN = 0.5
"""A pixel shows an object if at least this share of it is made up of the object's parts."""


@dataclass(frozen=True)
class NamedObject:
    """What was named."""

    name: str
    parts: int
    """Gaussians or voxels that it is made of."""
    total: int
    """Those of the scene."""
    views: int
    """Views that show it."""
    folder: Path
    """Where its masks are kept."""


def name_object(pipeline: PluginPipeline, name: str, region: str, home: Path | None = None) -> NamedObject:
    """Select a part of a run's scene by a region, and write label pictures that show it: rendered in every view.

    Args:
        name: for what the region holds; an object that was added by that name is replaced.
        region: as `editor3d.regions.parse_region` takes it.
        home: where objects are kept; by default as `editor3d.datasets.added_objects` says.

    Raises:
        Editor3DError: one sentence on what was expected, what came and what to do.
    """
    name, part = check_name(name), parse_region(region)
    pipeline.model.eval()
    manager = pipeline.datamanager
    which = select(pipeline, part)
    masks = {}
    for dataset in (manager.train_dataset, manager.eval_dataset):
        for index, view in enumerate(dataset.metadata["views"]):
            training = dataset is manager.train_dataset
            camera = pipeline.model.training_camera(dataset.cameras, index) if training else None
            camera = dataset.cameras[index : index + 1] if camera is None else camera
            share = pipeline.model.part_share(camera.to(pipeline.device), which)
            masks[view.name] = (share[..., 0] >= SHOWN).cpu().numpy()
    seen_in = sum(bool(mask.any()) for mask in masks.values())
    if not seen_in:
        raise RegionError(f"Expected views that show {name}, found none of {len(masks)}: mark more of it.")
    posed = manager.train_dataset.metadata["posed_images"]
    folder = add_object(posed, name, masks, folder_of(posed, home))
    return NamedObject(name, int(which.sum()), len(which), seen_in, folder)
