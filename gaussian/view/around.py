"""The cameras of a scene of splats that has none of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from editor3d.types import Around
from gaussian.splats import Splats, select
from gaussian.view import standpoints
from gaussian.view.content import Content
from gaussian.view.upright import shown_up
from gaussian.view.viewpoints import choose, look, matter_at

DEFAULT_UP = (0.0, -1.0, 0.0)
"""Most files of splats come from COLMAP, whose y axis points down."""
FIELD_OF_VIEW, INSIDE_FIELD_OF_VIEW = math.radians(50), math.radians(70)
_STEPS = (0.65, 0.85, 1.05, 1.3)
"""Distances that are tried, of that from which the detail just fills a picture."""
_TRIED = 240
_TRIED_PER_CAMERA = 3
_APART = 0.3
"""Of the distance, how far from each other cameras count as different places."""
_USUAL, _UNUSUAL = 22.0, 32.0
"""Degrees above the horizon that people hold cameras at, and within how many that is so."""
_FURNISHED = 0.04
"""A room is what holds at least this share of its detail inside."""
_MISSED, _GLIMPSE, _BARELY, _INSIDE_LOOKS = 0.15, 0.25, 0.02, 80
"""From inside a room no more of the detail is missed: Gaussians of which no quarter is seen of what others show, but
for those that can barely be seen at all."""
_SOLID = 0.5
"""Matter in which no camera can stand."""


@dataclass(frozen=True, eq=False)
class Standing:
    """Where cameras stand."""

    poses: np.ndarray
    """[C, 3, 4], OpenGL axes; neighbours follow one another."""
    field_of_view: float
    """Radians, over the shorter side of a picture."""
    up: np.ndarray
    """[3], unit."""
    where: Literal["round it", "inside it", "before it"]


def cameras_around(splats: Splats, around: Around) -> Standing:
    """Choose as many cameras for a scene as `around` says.

    They stand outside of matter, and together show as much of the detail as they can, each Gaussian from about the
    distance that suits its size: inside what encloses its own detail, such as a room; before what lies before the
    file's origin like a stage; round everything else.
    """
    splats = splats.detach().to("cpu")
    content = Content.of(splats)
    apex = standpoints.apex_of(content) if around.center is None and around.distance is None else None
    level = None if apex is None else standpoints.cone_axis(content, apex)
    up = np.array(around.up or shown_up(content, level) or DEFAULT_UP, dtype=np.float64)
    up /= np.linalg.norm(up)
    centre = content.centre if around.center is None else np.array(around.center)
    distance = around.distance or content.radius / math.sin(FIELD_OF_VIEW / 2)
    count = around.cameras
    assert isinstance(count, int)  # cameras of a file need no places
    tried = max(_TRIED, _TRIED_PER_CAMERA * count)
    poses, where = None, "round it"
    if around.center is None and around.distance is None:
        poses, where = _unusual(content, centre, apex, up, tried)
    if poses is None:
        steps = distance * np.array([1.0] if around.distance else _STEPS)
        poses = standpoints.round_about(content, centre, steps, up, tried, aside=around.distance is None)
    field_of_view = INSIDE_FIELD_OF_VIEW if where == "inside it" else FIELD_OF_VIEW
    free = matter_at(splats, poses[:, :, 3]) < _SOLID
    if int(free.sum()) >= count:
        poses = poses[free]
    usual, apt = np.ones(len(poses)), content.radius if where == "inside it" else distance
    if where == "round it":
        high = standpoints.elevations(poses, centre, up)
        usual = np.exp(-0.5 * ((high - _USUAL) / _UNUSUAL) ** 2)
    sights = look(content.sketch, poses, field_of_view, apt, content.detail_size)
    chosen = choose(sights, poses, count, _APART * distance, usual)
    return Standing(_in_order(poses[chosen], centre, up), field_of_view, up, where)


def _unusual(
    content: Content, centre: np.ndarray, apex: np.ndarray | None, up: np.ndarray, count: int
) -> tuple[np.ndarray | None, Literal["round it", "inside it", "before it"]]:
    """Cameras to try where a scene is not to be seen from all round; None where it is."""
    if apex is not None:
        return standpoints.before(content, apex, up, count), "before it"
    # a hollow thing has nothing inside; the inside of a dense one shows nothing of its outside
    if content.inner_share(standpoints.ENCLOSED) >= _FURNISHED:
        poses = standpoints.within(content, centre, up, count)
        if len(poses) and _shows_all(content, centre, poses, up):
            return poses, "inside it"
    return None, "round it"


def _shows_all(content: Content, centre: np.ndarray, poses: np.ndarray, up: np.ndarray) -> bool:
    """Whether cameras inside show what cameras all round show."""
    detail = select(content.sketch, torch.from_numpy(content.detailed))
    far, size = content.reach_about(centre) / math.sin(FIELD_OF_VIEW / 2), content.detail_size
    outside = look(detail, standpoints.ring(centre, far, up), FIELD_OF_VIEW, far, size).shown.max(0)
    some = poses[:: max(1, len(poses) // _INSIDE_LOOKS)]
    inside = look(detail, some, INSIDE_FIELD_OF_VIEW, content.radius, size).shown.max(0)
    best = np.maximum(outside, inside)
    return float((inside < _GLIMPSE * best)[best > _BARELY].mean()) < _MISSED


def _in_order(poses: np.ndarray, centre: np.ndarray, up: np.ndarray) -> np.ndarray:
    """The poses by the direction that they look in, once round: every eighth of them shows the scene from all sides."""
    east, north = standpoints.level_axes(up)
    return poses[np.argsort(np.arctan2(poses[:, :, 2] @ north, poses[:, :, 2] @ east), kind="stable")]


def intrinsics(width: int, height: int, field_of_view: float = FIELD_OF_VIEW) -> Tensor:
    """[3, 3] of a pinhole whose shorter side spans a field of view in radians."""
    focal = 0.5 * min(width, height) / math.tan(field_of_view / 2)
    return torch.tensor([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])
