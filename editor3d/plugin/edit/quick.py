"""A first 3D picture of an edit of colours: the scene's colours alone, fitted to edited pictures of a few views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from editor3d.datasets.views.images import read_mask
from editor3d.errors import ConfigError
from editor3d.types import EditableScene, EditorInfo

if TYPE_CHECKING:
    from editor3d.plugin.edit.pipeline import EditPipeline

FIRST_VIEWS, PAID_VIEWS, FREE_VIEWS = 8, 12, 24
"""Edited pictures that the first 3D picture is made of, and that the result is made of: with an editor that takes time
or money, or is not the same at every call; and with any other."""


def check_quick(info: EditorInfo, scene: type[EditableScene] | None) -> None:
    """Refuse to fit colours alone where shapes change, or where colours cannot be.

    Args:
        info: of the 2D editor.
        scene: the kind of scene that is edited; None where that is not known yet.

    Raises:
        ConfigError: one of these.
    """
    if not info.keeps_shape:
        raise ConfigError(
            f"Expected an editor that keeps the scene's shape with --quick, which fits colours alone, got {info.name}: "
            "leave --quick out."
        )
    if scene is not None and not scene.capabilities.fits_colors:
        raise ConfigError(
            f"Expected a scene of Gaussian splats or voxels with --quick, which fits colours alone, got "
            f"{scene.__name__}: leave --quick out, or edit by igs2gs."
        )


def views_of_quick(pipeline: EditPipeline, info: EditorInfo) -> list[int]:
    """The training views that a quick edit by such an editor changes, evenly spread."""
    return _spread(range(len(pipeline.train_views)), FREE_VIEWS if info.effortless else PAID_VIEWS)


def fit_quickly(pipeline: EditPipeline, most: int = FREE_VIEWS) -> None:
    """Give the pipeline's scene the colours of its edited training pictures, of so many of them at most.

    Where an edit of a few views was carried over to the others, all of them are edited pictures.
    """
    manager, edited = pipeline.datamanager, pipeline.begun().state.revisions
    pictures, views = manager.train_pictures, pipeline.train_views
    chosen = [index for index, view in enumerate(views) if view.name in edited]
    if pipeline.plan.keys is not None or not chosen:
        chosen = list(range(len(views)))
    chosen = _spread(_spread(chosen, FREE_VIEWS), most)  # what is known of the first ones serves the others' fit
    with pipeline.stopwatch.measure("fit"):
        pipeline.model.fit_colors(
            manager.train_dataset.cameras,
            {index: pictures[index].float() / 255.0 for index in chosen},
            {index: _counted(pipeline, index) for index in chosen},
        )


def _spread(indices: Sequence[int], most: int) -> list[int]:
    """At most so many of some indices, evenly spread."""
    places = np.linspace(0, len(indices) - 1, min(most, len(indices)))
    return [indices[round(place)] for place in places]


def _counted(pipeline: EditPipeline, index: int) -> Tensor:
    """How much each pixel of a training picture counts: [H, W] in 0..1."""
    view, weight = pipeline.train_views[index], pipeline.datamanager.train_pictures.weight(index)
    counted, mask = torch.ones(view.height, view.width) if weight is None else weight.float() / 255.0, read_mask(view)
    return counted if mask is None else counted * mask
