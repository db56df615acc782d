"""What a new scene of Gaussians starts from: the capture's sparse points, or else what its pictures tell.

Gaussians at random among the cameras become fog, as training moves each of them by little. Matching features gives true
points where surfaces have texture. Where they have not, a coarse voxel field is fitted first.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import cv2
import torch
from nerfstudio.cameras.cameras import Cameras
from scipy.spatial import cKDTree
from torch import Tensor

from editor3d.plugin.train.pictures import TrainingPictures
from editor3d.plugin.views.project import pixels_of
from editor3d.registry import COARSE_POINTS, load_target
from gaussian.fit.matching import matched_points

FEWEST_POINTS = 100
"""Fewer say too little of a scene."""
_ENOUGH, _ENOUGH_A_VIEW = 500, 20
"""Matched points that suffice to start from, and for each view."""
_COARSE_POINTS = 6000
_COARSE_SIDE = 96
"""Pixels of the longer side that a coarse field is fitted to."""
_COARSE_STEPS, _COARSE_SHARE, _FEWEST_STEPS = 100, 0.25, 10
"""Steps of that fit: so many, or this share of the steps that are to follow; fewer make nothing."""
_LARGEST = 0.3
"""A point's distance to its neighbours over that to the nearest camera, above which it is a stray one."""
_NEIGHBOURS = 3
_TRIED_POINTS, _TRIED_VIEWS = 1000, 24
_LEAST_SEEN = 0.2
"""Share of a capture's own points that at least two views see."""
_FARTHEST = 200.0
"""Distance of points over the extent of the cameras, beyond which no parallax tells it."""
_LEAST_AGREEMENT = 0.6
_AGREEMENT_SIDE = 256
_ANGLES = 0.995, 0.7
"""Cosines of the angles between two rays to a point, by which their colours are compared: small enough for both to see
it, great enough for it to move where it is moved."""
_MOVED = (0.7, 0.85, 1.2, 1.4)
_SAME = 0.02
"""Difference of colours, summed over the channels, that says nothing."""


@dataclass(frozen=True, eq=False)
class StartPoints:
    """Points to start from."""

    points: Tensor
    """[N, 3] scene units."""
    colors: Tensor
    """[N, 3] in 0..1."""
    told: str
    """What they are, for people."""


def points_from_pictures(
    pictures: TrainingPictures, cameras: Cameras, *, background: Sequence[float], steps: int
) -> StartPoints | None:
    """Points on what the pictures show; the same ones every time.

    Args:
        pictures: the training pictures.
        cameras: theirs.
        background: colour [3] in 0..1 behind the scene.
        steps: of the training that is to follow; of few, a small share is spent on looking for points.

    Returns:
        None where there are none to be found.
    """
    coarse_steps = min(_COARSE_STEPS, round(_COARSE_SHARE * steps))
    if coarse_steps < _FEWEST_STEPS or len(pictures) < 2:
        return None
    points, colors = matched_points(pictures, cameras)
    matched, parts = len(points), [f"{len(points)} points where features of the pictures meet"]
    if matched < max(_ENOUGH, _ENOUGH_A_VIEW * len(pictures)):
        small, small_cameras = _reduced(pictures, cameras, _COARSE_SIDE)
        found = load_target(COARSE_POINTS)(
            small,
            small_cameras,
            background=background,
            steps=coarse_steps,
            count=_COARSE_POINTS,
            generator=torch.Generator().manual_seed(0),
        )
        points, colors = torch.cat([points, found[0]]), torch.cat([colors, found[1]])
        parts.append(f"{len(found[0])} on a coarse field of voxels")
    kept = _not_stray(points, cameras)
    if int(kept.sum()) < FEWEST_POINTS:
        return None
    return StartPoints(points[kept], colors[kept], " and ".join(parts[matched == 0 :]))


def _reduced(pictures: TrainingPictures, cameras: Cameras, side: int) -> tuple[TrainingPictures, Cameras]:
    """The pictures with sides of so many pixels at most, with their cameras."""
    scale = min(1.0, side / int(max(pictures.widths.max(), pictures.heights.max())))
    if scale == 1.0:
        return pictures, cameras
    cameras = deepcopy(cameras)
    cameras.rescale_output_resolution(scale)
    sizes = list(zip(cameras.width.flatten().tolist(), cameras.height.flatten().tolist(), strict=True))
    views = [replace(view, width=w, height=h) for view, (w, h) in zip(pictures.views, sizes, strict=True)]
    small = TrainingPictures(views, cameras)
    for index, size in enumerate(sizes):
        resized = cv2.resize(pictures[index].numpy(), size, interpolation=cv2.INTER_AREA)
        small.write(index, torch.from_numpy(resized))
    return small, cameras


def _not_stray(points: Tensor, cameras: Cameras) -> Tensor:
    """Which points [N, 3] have neighbours near enough for a Gaussian between them to be no cloud: [N] bool."""
    if len(points) <= _NEIGHBOURS:
        return torch.zeros(len(points), dtype=torch.bool)
    where = points.numpy()
    spacing = cKDTree(where).query(where, _NEIGHBOURS + 1)[0][:, 1:].mean(1)
    distance = cKDTree(cameras.camera_to_worlds[:, :3, 3].cpu().numpy()).query(where)[0]
    return torch.from_numpy(spacing < _LARGEST * distance) & points.isfinite().all(1)


def why_not_to_be_used(points: Tensor, colors: Tensor, pictures: TrainingPictures, cameras: Cameras) -> str | None:
    """What is wrong with a capture's own points; None where they lie on what its pictures show.

    A point on a surface has the same colour in two pictures that see it, and its own. One that was moved towards or
    away from the first has not, in the second, if there is any texture.

    Args:
        points: [N, 3] scene units.
        colors: [N, 3] in 0..1.
        pictures: the training pictures.
        cameras: theirs.
    """
    if len(points) < FEWEST_POINTS:
        return f"only {len(points)} sparse points"
    generator = torch.Generator().manual_seed(0)
    tried = torch.randperm(len(points), generator=generator)[:_TRIED_POINTS]
    some = points[tried]
    views = torch.linspace(0, len(pictures) - 1, min(_TRIED_VIEWS, len(pictures))).long().unique().tolist()
    held = torch.stack([pixels_of(cameras, index, some)[1] for index in views])
    places = cameras.camera_to_worlds[:, :3, 3].cpu()
    extent = (places - places.mean(0)).norm(dim=-1).max()
    if float((some - places.mean(0)).norm(dim=-1).median()) > _FARTHEST * float(extent):
        return "sparse points that are too far away for its cameras to tell"
    if float((held.sum(0) >= 2).float().mean()) < _LEAST_SEEN:
        return "sparse points that its cameras do not see"
    small, small_cameras = _reduced(pictures, cameras, _AGREEMENT_SIDE)
    agreement = min(
        _agreement_of_views(some, small, small_cameras, views, held),
        _agreement_of_colors(some, colors[tried], small, small_cameras, views, generator),
    )
    if agreement < _LEAST_AGREEMENT:
        return "sparse points that its pictures do not bear out"
    return None


def _agreement_of_views(
    points: Tensor, pictures: TrainingPictures, cameras: Cameras, views: list[int], held: Tensor
) -> float:
    """How often points [N, 3] have colours in two views that are more alike than those of the same points moved along
    the first view's ray: 0.5 where they lie anywhere, 1 at best, and 1 where pictures are too plain to tell.

    Args:
        views: indices of the views that are compared.
        held: [V, N] bool, which of these hold each point.
    """
    origins = cameras.camera_to_worlds[views, :3, 3].cpu()
    towards = torch.nn.functional.normalize(points[None] - origins[:, None], dim=-1)
    better = told = 0
    for place, view in enumerate(views):
        cosine = (towards[place] * towards).sum(-1)  # of the angle between this view's ray and each other one's
        fitting = held & held[place] & (cosine < _ANGLES[0]) & (cosine > _ANGLES[1])
        other = int(fitting.sum(1).argmax())
        own = points[fitting[other]]
        color, _ = _color_at(pictures, cameras, view, own)
        there, _ = _color_at(pictures, cameras, views[other], own)
        for factor in _MOVED:
            moved = origins[place] + factor * (own - origins[place])
            elsewhere, inside = _color_at(pictures, cameras, views[other], moved)
            nearer = ((color - elsewhere).abs().sum(-1) - (color - there).abs().sum(-1))[inside]
            better += int((nearer > _SAME).sum())
            told += int((nearer.abs() > _SAME).sum())
    return 1.0 if told < FEWEST_POINTS else better / told


def _agreement_of_colors(
    points: Tensor,
    colors: Tensor,
    pictures: TrainingPictures,
    cameras: Cameras,
    views: list[int],
    generator: torch.Generator,
) -> float:
    """How often a view shows a point [N, 3] in a colour more like its own [N, 3] than like that of another point in
    sight: 0.5 where they have nothing to do with each other, 1 where points have no colours to tell by."""
    better = told = 0
    for view in views:
        shown, inside = _color_at(pictures, cameras, view, points)
        shown, own = shown[inside], colors[inside]
        other = own[torch.randperm(len(own), generator=generator)]
        nearer = (shown - other).abs().sum(-1) - (shown - own).abs().sum(-1)
        better += int((nearer > _SAME).sum())
        told += int((nearer.abs() > _SAME).sum())
    return 1.0 if told < FEWEST_POINTS else better / told


def _color_at(pictures: TrainingPictures, cameras: Cameras, index: int, points: Tensor) -> tuple[Tensor, Tensor]:
    """Colours [N, 3] in 0..1 that a picture shows at points [N, 3], and which of these it holds, [N] bool."""
    pixels, inside = pixels_of(cameras, index, points)
    picture = pictures[index]
    column = pixels[:, 0].nan_to_num().clamp(0, picture.shape[1] - 1).long()
    row = pixels[:, 1].nan_to_num().clamp(0, picture.shape[0] - 1).long()
    return picture[row, column].float() / 255.0, inside
