"""Find what strokes mark in a run's scene."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras
from scipy.spatial import KDTree
from torch import Tensor

from editor3d.errors import RegionError
from editor3d.plugin.train.scene import PluginModel
from editor3d.regions.strokes import Stroke, StrokesRegion, stored_size
from editor3d.segmentation.cut import grown, thing_of
from editor3d.segmentation.graph import PartGraph
from editor3d.types import View

SOLID = 0.1
"""Opacity below which a part is not looked at: haze."""
MARKED = 0.6
"""A stroke marks the fewest parts that make up this share of what its pixels show."""


def thing_at(
    model: PluginModel,
    region: StrokesRegion,
    cameras: Cameras,
    views: Sequence[View],
    to_scene: ToScene,
    scale: float,
) -> Tensor:
    """Which parts of a scene belong to what strokes mark.

    Args:
        model: made of parts.
        cameras: of `views`, in scene units.
        views: those that strokes may be in; others are refused.
        to_scene: brings points [N, 3] from the capture's frame to scene units.
        scale: scene units per unit of the capture.

    Returns:
        [N] bool, on the CPU.

    Raises:
        RegionError: a stroke shows nothing of the scene, or is in another view.
    """
    looks = model.looks()
    points, opacities = model.positions.detach().cpu().double().numpy(), looks.opacities.detach().cpu().numpy()
    solid = np.flatnonzero(opacities >= SOLID)
    marks = _marks(model, region, cameras, views, to_scene, points, solid)
    graph = PartGraph.of(points[solid], looks.colors.detach().cpu().numpy()[solid])
    chosen = thing_of(graph, marks[0], marks[1])
    chosen = grown(graph.points, chosen, region.grow * scale)
    which = torch.zeros(len(points), dtype=torch.bool)
    which[solid] = torch.from_numpy(chosen)
    return _with_haze(points, which, solid)


ToScene = Callable[[Tensor], Tensor]


def _marks(model, region, cameras, views, to_scene, points, solid) -> tuple[np.ndarray, np.ndarray]:
    """Which solid parts are marked inside, and outside: [M] bool each."""
    index_of = {view.name: index for index, view in enumerate(views)}
    drawn: dict[int, Tensor] = {}
    found = np.zeros((len(solid), 2), bool)
    for stroke in region.strokes:
        column = 0 if stroke.inside else 1
        if stroke.view is None:
            places = to_scene(torch.tensor(stroke.points, dtype=torch.float64)).cpu().numpy()
            found[KDTree(points[solid]).query(places)[1], column] = True
            continue
        if stroke.view not in index_of:
            raise RegionError(
                f"Expected strokes in training views, got one in {stroke.view} ({region.source}): draw it in another."
            )
        index = index_of[stroke.view]
        view = views[index]
        masks = drawn.setdefault(index, torch.zeros(view.height, view.width, 2, dtype=torch.bool))
        masks[..., column] |= torch.from_numpy(_line(stroke, view))
    for index, masks in drawn.items():
        weights = model.mask_weights(cameras, {index: masks}).detach().cpu().numpy()[solid]
        for column in range(2):
            if masks[..., column].any():
                own = _greatest(weights[:, column])
                if not own.any():
                    raise RegionError(
                        f"Expected strokes on something in {views[index].name}, found nothing of the scene there "
                        f"({region.source}): draw them elsewhere."
                    )
                found[:, column] |= own
    # a part that both mark belongs where most of what is seen of it is marked
    return found[:, 0], found[:, 1] & ~found[:, 0]


def _line(stroke: Stroke, view: View) -> np.ndarray:
    """The pixels of a view that a stroke runs through: [H, W] bool."""
    width, height = stroke.size or stored_size(view)
    pixels = np.array(stroke.points) * [view.width / width, view.height / height]
    canvas = np.zeros((view.height, view.width), np.uint8)
    corners = np.floor(pixels).astype(np.int32).clip(0, [view.width - 1, view.height - 1])
    cv2.polylines(canvas, [corners.reshape(-1, 1, 2)], False, (1,), 1)
    canvas[corners[:, 1], corners[:, 0]] = 1
    return canvas.astype(bool)


def _greatest(weights: np.ndarray) -> np.ndarray:
    """The fewest parts [N] bool that have together `MARKED` of all weights [N]."""
    order = np.argsort(-weights)
    before = np.cumsum(weights[order]) - weights[order]
    chosen = np.zeros(len(weights), bool)
    chosen[order[(before < MARKED * weights.sum()) & (weights[order] > 0)]] = True
    return chosen


def _with_haze(points: np.ndarray, which: Tensor, solid: np.ndarray) -> Tensor:
    """Parts that were not looked at belong where the nearest one belongs that was."""
    rest = np.ones(len(points), bool)
    rest[solid] = False
    if rest.any() and len(solid):
        nearest = solid[KDTree(points[solid]).query(points[rest], workers=-1)[1]]
        which[torch.from_numpy(np.flatnonzero(rest))] = which[torch.from_numpy(nearest)]
    return which
