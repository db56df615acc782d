"""Points to start a scene from where the capture has none: surfaces that its pictures show.

Gaussians at random among the cameras become fog, as training moves each of them by little. Depth is swept twice: in
tiny pictures between all depths, which tells between which to look and which views to compare, and in larger ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras
from scipy.spatial import KDTree
from torch import Tensor

from editor3d.plugin.train.pictures import TrainingPictures
from editor3d.run.progress import TrainingProgress
from gaussian.start.fusion import fused
from gaussian.start.neighbours import apart, depth_ranges, extent, nearest, spread, triangulating
from gaussian.start.sweep import swept_depth
from gaussian.start.views import SmallView, small_views

FEWEST_POINTS = 100
"""Fewer say too little of a scene."""
_FEWEST_STEPS = 40
"""A shorter training is not worth the search."""
_SWEPT_VIEWS = 40
"""Views, at most, whose depth is swept: those that differ most."""
_TINY_SIDE, _SIDE = 40, 80
"""Pixels of the longer side that depth is swept at, first and then."""
_TINY_CELL = 2
_NEIGHBOURS, _COMPARED = 4, 8
"""Views by which a depth is swept, and with whose depths it is compared."""
_NEAREST, _FARTHEST = 1e-3, 50.0
"""Over the extent of the cameras: depths that are looked at first."""
_POINTS, _PIXELS_A_POINT = 2200, 50
"""So many points are wanted, and one more for so many pixels of a picture."""
_LARGEST = 0.3
"""A point's distance to its neighbours over that to the nearest camera, above which it is a stray one."""
_BESIDE = 3


@dataclass(frozen=True, eq=False)
class StartPoints:
    """Points to start from."""

    points: Tensor
    """[N, 3] scene units."""
    colors: Tensor
    """[N, 3] in 0..1."""


def points_from_pictures(
    pictures: TrainingPictures, cameras: Cameras, *, background: Sequence[float], steps: int
) -> StartPoints | None:
    """Points on what the pictures show; the same ones every time.

    Args:
        pictures: the training pictures, of any sizes.
        cameras: theirs; lens distortion is taken off.
        background: colour [3] in 0..1 behind the scene.
        steps: of the training that is to follow; a very short one is not worth looking for points.

    Returns:
        None where there are none to be found.
    """
    if steps < _FEWEST_STEPS or len(pictures) < 2:
        return None
    behind = np.asarray(background)
    tiny = small_views(pictures, cameras, _TINY_SIDE)
    chosen = spread(apart(tiny), _SWEPT_VIEWS)
    with TrainingProgress("Depth of the pictures", 0, 2 * len(chosen)) as progress:
        found, _ = _first_points([tiny[index] for index in chosen], behind, progress)
        if len(found) < FEWEST_POINTS:
            return None
        views = small_views(pictures, cameras, _SIDE)
        swept = [views[index] for index in chosen]
        depths = []
        neighbours, ranges = triangulating(views, found, _NEIGHBOURS, chosen), depth_ranges(swept, found)
        for view, others, between in zip(swept, neighbours, ranges, strict=True):
            depths.append(swept_depth(view, [views[other] for other in others], *between))
            progress.update(len(chosen) + len(depths))
    wanted = _POINTS + float((pictures.widths * pictures.heights).float().median()) / _PIXELS_A_POINT
    cell = max(1.0, _TINY_CELL * _SIDE / _TINY_SIDE * (len(found) / wanted) ** 0.5)
    compared = triangulating(swept, found, _COMPARED, range(len(swept)))
    points, colors = fused(swept, depths, compared, background=behind, cell=cell)
    kept = _not_stray(points, cameras)
    if int(kept.sum()) < FEWEST_POINTS:
        return None
    return StartPoints(torch.from_numpy(points[kept]).float(), torch.from_numpy(colors[kept]).float())


def _first_points(
    views: Sequence[SmallView], background: np.ndarray, progress: TrainingProgress
) -> tuple[np.ndarray, np.ndarray]:
    """Points and colours from depths that are looked for between where a neighbour would no longer show a point and
    where its distance is not known."""
    distances, size = apart(views), extent(views)
    depths = []
    for view, others in zip(views, nearest(distances, _NEIGHBOURS), strict=True):
        neighbours = [views[other] for other in others]
        baseline = float(np.median([np.linalg.norm(other.origin - view.origin) for other in neighbours]))
        leaves = max(baseline * view.K[0, 0] / view.seen.shape[1], _NEAREST * size)
        depths.append(swept_depth(view, neighbours, leaves, _FARTHEST * size))
        progress.update(len(depths))
    return fused(views, depths, nearest(distances, _COMPARED), background=background, cell=_TINY_CELL)


def _not_stray(points: np.ndarray, cameras: Cameras) -> np.ndarray:
    """Which points [N, 3] have neighbours near enough for a Gaussian between them to be no cloud: [N] bool."""
    if len(points) <= _BESIDE:
        return np.zeros(len(points), bool)
    spacing = KDTree(points).query(points, _BESIDE + 1)[0][:, 1:].mean(1)
    distance = KDTree(cameras.camera_to_worlds[:, :3, 3].cpu().numpy()).query(points)[0]
    return spacing < _LARGEST * distance
