"""Test whether a capture's own sparse points lie on the surfaces in its pictures."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import cv2
import torch
from nerfstudio.cameras.cameras import Cameras
from torch import Tensor

from editor3d.geometry.camera import Camera
from editor3d.plugin.train.pictures import TrainingPictures
from gaussian.start.points import FEWEST_POINTS

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
    held = torch.stack([Camera.of(cameras, index).pixels(some)[1] for index in views])
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
    better = known = 0
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
            known += int((nearer.abs() > _SAME).sum())
    return 1.0 if known < FEWEST_POINTS else better / known


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
    better = known = 0
    for view in views:
        shown, inside = _color_at(pictures, cameras, view, points)
        shown, own = shown[inside], colors[inside]
        other = own[torch.randperm(len(own), generator=generator)]
        nearer = (shown - other).abs().sum(-1) - (shown - own).abs().sum(-1)
        better += int((nearer > _SAME).sum())
        known += int((nearer.abs() > _SAME).sum())
    return 1.0 if known < FEWEST_POINTS else better / known


def _color_at(pictures: TrainingPictures, cameras: Cameras, index: int, points: Tensor) -> tuple[Tensor, Tensor]:
    """Colours [N, 3] in 0..1 that a picture shows at points [N, 3], and which of these it holds, [N] bool."""
    pixels, inside = Camera.of(cameras, index).pixels(points)
    picture = pictures[index]
    column = pixels[:, 0].nan_to_num().clamp(0, picture.shape[1] - 1).long()
    row = pixels[:, 1].nan_to_num().clamp(0, picture.shape[0] - 1).long()
    return picture[row, column].float() / 255.0, inside
