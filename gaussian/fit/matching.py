"""Points of a capture from its pictures alone: what two posed pictures both show lies where their rays meet."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras
from torch import Tensor

from editor3d.plugin.train.pictures import TrainingPictures
from editor3d.plugin.views.rays import Lens, undistorted

_SIDE = 512
"""Pixels of the longer side that features are looked for in."""
_FEATURES = 2000
"""Of a picture, at most."""
_CONTRAST = 0.01
_NEIGHBOURS = 4
"""Views that each is compared with."""
_DISTINCT = 0.8
"""A feature's best match is nearer than this times the second best (Lowe 2004)."""
_PIXELS = 1.5
"""How far a point may lie from both features that show it, pixels."""
_PARALLAX = np.radians(1.5)
"""Angle between two rays below which the distance of what they meet in is not known."""


@dataclass(frozen=True, eq=False)
class _Features:
    """What is distinct in one picture."""

    origin: np.ndarray
    """[3], the camera's place, scene units."""
    forward: np.ndarray
    """[3], unit vector: where it looks."""
    rays: np.ndarray
    """[N, 3], unit vectors through the features."""
    words: np.ndarray
    """[N, 128] float32, unit vectors: RootSIFT (Arandjelovic and Zisserman 2012)."""
    colors: np.ndarray
    """[N, 3] in 0..1."""
    focal: float
    """Pixels."""


def matched_points(pictures: TrainingPictures, cameras: Cameras) -> tuple[Tensor, Tensor]:
    """Points where features of neighbouring pictures meet, in their colours. The same ones every time.

    Args:
        pictures: of any sizes.
        cameras: theirs; lens distortion is taken off.

    Returns:
        Points [N, 3] float32 scene units and their colours [N, 3] in 0..1. N is 0 where nothing is distinct.
    """
    found = [_features_of(pictures[index].numpy(), cameras, index) for index in range(len(pictures))]
    met = [_meet(found[one], found[other]) for one, other in _pairs(found)]
    points = np.concatenate([np.zeros((0, 3)), *(points for points, _ in met)])
    colors = np.concatenate([np.zeros((0, 3)), *(colors for _, colors in met)])
    return torch.from_numpy(points).float(), torch.from_numpy(colors).float()


def _features_of(picture: np.ndarray, cameras: Cameras, index: int) -> _Features:
    lens, c2w = Lens.of(cameras, index), cameras.camera_to_worlds[index].cpu().double().numpy()
    height, width = picture.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    grey = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
    points, words = cv2.SIFT_create(nfeatures=_FEATURES, contrastThreshold=_CONTRAST).detectAndCompute(grey, None)
    if words is None:
        points, words = (), np.zeros((0, 128), np.float32)
    where = (np.array([point.pt for point in points]).reshape(-1, 2) + 0.5) * [width / size[0], height / size[1]]
    flat = undistorted((where - [lens.cx, lens.cy]) / [lens.fl_x, lens.fl_y], lens.distortion)
    if lens.fisheye:  # the distance from the centre is the angle to the viewing axis
        angle = np.hypot(*flat.T)
        rays = np.concatenate([flat * [1, -1] * np.sinc(angle / np.pi)[:, None], -np.cos(angle)[:, None]], 1)
    else:
        rays = np.concatenate([flat * [1, -1], -np.ones((len(flat), 1))], 1)
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    column, row = np.clip(where.astype(int), 0, [width - 1, height - 1]).T
    return _Features(
        c2w[:, 3],
        -c2w[:, 2],
        rays @ c2w[:, :3].T,
        np.sqrt(words / np.maximum(words.sum(1, keepdims=True), 1e-9)),
        picture[row, column] / 255.0,
        lens.fl_x,
    )


def _pairs(views: list[_Features]) -> list[tuple[int, int]]:
    """Each view with those that are nearest to it in place and direction, in ascending order."""
    origins, forward = np.stack([view.origin for view in views]), np.stack([view.forward for view in views])
    extent = np.linalg.norm(origins - origins.mean(0), axis=1).max()
    apart = np.linalg.norm(origins[:, None] - origins, axis=-1) / max(extent, 1e-9)
    apart += np.arccos(np.clip(forward @ forward.T, -1.0, 1.0))
    np.fill_diagonal(apart, np.inf)
    nearest = np.argsort(apart, axis=1, kind="stable")[:, : min(_NEIGHBOURS, len(views) - 1)]
    return sorted({(min(one, other), max(one, other)) for one, row in enumerate(nearest.tolist()) for other in row})


def _meet(one: _Features, other: _Features) -> tuple[np.ndarray, np.ndarray]:
    """Points [N, 3] where rays of matching features pass each other, and their colours [N, 3]."""
    if min(len(one.rays), len(other.rays)) < 2:  # nothing to be more distinct than
        return np.zeros((0, 3)), np.zeros((0, 3))
    alike = one.words @ other.words.T
    best = alike.argmax(1)
    second, first = np.partition(alike, -2, axis=1)[:, -2:].T
    mutual = alike.argmax(0)[best] == np.arange(len(best))
    chosen = mutual & (1 - first < _DISTINCT**2 * (1 - second))  # unit vectors: |a - b|^2 = 2 - 2 ab
    u, v, color = one.rays[chosen], other.rays[best[chosen]], (one.colors[chosen] + other.colors[best[chosen]]) / 2
    # the points o1 + s u and o2 + t v of two rays that are nearest to each other
    cosine, base = (u * v).sum(1), other.origin - one.origin
    apart = np.maximum(1 - cosine**2, 1e-12)
    s = (u @ base - cosine * (v @ base)) / apart
    t = (cosine * (u @ base) - v @ base) / apart
    p, q = one.origin + s[:, None] * u, other.origin + t[:, None] * v
    gap = np.linalg.norm(p - q, axis=1) / 2
    kept = (apart > np.sin(_PARALLAX) ** 2) & (s > 0) & (t > 0)
    kept &= (gap * one.focal < _PIXELS * s) & (gap * other.focal < _PIXELS * t)
    return ((p + q) / 2)[kept], color[kept]
