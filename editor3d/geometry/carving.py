"""Which rays of a view cross space that other views allow to have changed: the visual hull of what changed in them.

A point X of space may have changed if hardly any view that sees as far as X shows the same as before there, and at
least one shows another thing. With C_k the pixels that changed in view k, P_k(X) its place there, and D_k the distance
that k saw before,

    V(X) = {k : |X - o_k| <= D_k(P_k(X)) (1 + tolerance)},    hull = {X : some k in V(X) has P_k(X) in C_k, and
                                                                  at most a share `OPPOSED` of V(X) has not}.

New things lie in the hull, for all that see them see a change; so do the things that were taken away, and surfaces that
have other colours. What a pixel shows has not changed if no point of its ray, up to the surface that it showed before,
is in the hull.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import cv2
import numpy as np
import torch
from scipy.spatial import KDTree
from torch import Tensor

from editor3d.geometry.matching import TOLERANCE, stack
from editor3d.geometry.surface import SeenSurface
from editor3d.host.compiled import require

OPPOSED = 0.15
"""The share of views that may show the same as before where something has changed: masks have gaps."""
CARVING_SIDE = 128
"""Pixels of a picture's longer side by which space is carved."""
POINTS = 6000
"""Points of a hull, at most."""
_FEWEST, _SUPPORT, _ALIKE = 3, 0.5, 0.12  # views that have to show one colour, share of them, and how alike it is
_SAME = 0.1  # difference of colours up to which a surface is the same in another light
_WITHIN = 0.5  # share of the views, of those that look there, in which what is gone lies within what changed
_BESIDE, _STRAY = 3, 3.0  # neighbours of a point, and how many times the usual distance to them makes it a stray one
_SPARSE = 7  # one in so many changed pixels has places along its ray
_NEAR, _STEPS = 0.15, 72  # share of a ray's length at which it is looked at first, and how many places of it
_LEAST = 0.03  # difference in one channel of slightly blurred pictures: above the noise of renders and JPEG
_GAP = 5  # pixels of a picture of 256: gaps that are closed


class Change(IntEnum):
    """What other views say of a pixel."""

    UNKNOWN = 0
    """None of them sees what it showed."""
    NONE = 1
    POSSIBLE = 2


def changed_pixels(before: Tensor, after: Tensor, surface: SeenSurface) -> Tensor:
    """Where two pictures [H, W, 3] of one view differ, gaps closed and a pixel wider: [H', W'] bool, in the pixels of
    its surface."""
    side = max(before.shape[:2]) / 256
    apart = cv2.GaussianBlur((after - before).abs().numpy(), (0, 0), max(1.0, side)).max(-1)
    apart = (apart > _LEAST).astype(np.uint8)
    gap = np.ones((round(_GAP * side) | 1,) * 2, np.uint8)
    apart = cv2.morphologyEx(apart, cv2.MORPH_CLOSE, gap)
    height, width = surface.distance.shape
    small = (cv2.resize(255 * apart, (width, height), interpolation=cv2.INTER_AREA) > 0).astype(np.uint8)
    # what ends here may end a pixel further on for a point that lies between two
    return torch.from_numpy(cv2.dilate(small, np.ones((3, 3), np.uint8)) > 0)


def possible_changes(target: SeenSurface, sources: Sequence[SeenSurface], changed: Sequence[Tensor]) -> Tensor:
    """What the sources say of each pixel of the target: [H, W] uint8, values of `Change`.

    Args:
        target: what it saw before the change. A pixel that saw no surface is looked at as far as its surfaces reach.
        sources: what they saw before the change, at least one.
        changed: where each source changed, [H', W'] bool of its surface's size.
    """
    require("editor3d.geometry.warmup")
    from editor3d.geometry import kernels

    camera, distance = target.camera, target.distance.double()
    rays = camera.lens.directions().double() @ camera.c2w[:, :3].T
    far = distance.max() if bool(target.valid.any()) else torch.tensor(1.0)
    ends = torch.where(distance > 0, distance, far).reshape(-1)
    views = stack(sources)
    out = np.empty(len(ends), np.uint8)
    kernels.carve(
        camera.origin.numpy(), rays.numpy(), ends.numpy(), views.poses, views.lenses, views.sizes, views.starts,
        views.distance, torch.cat([mask.reshape(-1) for mask in changed]).numpy(), _NEAR, _STEPS, TOLERANCE, OPPOSED,
        out,
    )  # fmt: skip
    return torch.from_numpy(out).view(distance.shape)


def hull_points(
    sources: Sequence[SeenSurface], changed: Sequence[Tensor], pictures: Sequence[Tensor], most: int = POINTS
) -> tuple[Tensor, Tensor]:
    """Points of the hull where something new may be, off the surfaces that there were: those that have one colour in
    most of the changed views that see as far, as the points of a surface do (voxel colouring, Seitz and Dyer 1999).

    Args:
        sources, changed: as of `possible_changes`.
        pictures: of the sources after the change, [H', W', 3] in 0..1 of any size.
        most: how many points there may be; they are thinned evenly.

    Returns:
        [M, 3] float32 in the units of the cameras, and colours [M, 3] in 0..1; M may be 0.
    """
    points = torch.cat([_along_rays(surface, mask) for surface, mask in zip(sources, changed, strict=True)])
    votes, shown, old = [], [], torch.zeros(len(points), dtype=torch.bool)
    for surface, mask, picture in zip(sources, changed, pictures, strict=True):
        at, held, beyond = _seen_by(surface, points)
        old |= held & (beyond.abs() <= TOLERANCE)
        sees = held & (beyond <= TOLERANCE)
        votes.append(torch.where(sees, torch.where(mask[at], 1, -1), 0))
        shown.append(_reduced(picture, mask)[at])
    votes, shown = torch.stack(votes), torch.stack(shown)
    yes, no = (votes > 0).sum(0), (votes < 0).sum(0)
    inside = ~old & (yes >= _FEWEST) & (no <= OPPOSED * (yes + no))
    points, votes, shown, yes = points[inside], votes[:, inside] > 0, shown[:, inside], yes[inside]
    alike = torch.stack([(votes & ((shown - own).abs().amax(-1) < _ALIKE)).sum(0) for own in shown]) * votes
    best = alike.max(0)
    right = (best.values >= _FEWEST) & (best.values >= _SUPPORT * yes)
    points = points[right].float()
    colors = shown[best.indices[right], right.nonzero()[:, 0]]
    kept = _thinned(points.numpy(), most)
    kept = kept[_beside_others(points[kept].numpy())]
    return points[kept], colors[kept]


def gone_places(
    points: Tensor,
    sources: Sequence[SeenSurface],
    changed: Sequence[Tensor],
    before: Sequence[Tensor],
    after: Sequence[Tensor],
) -> Tensor:
    """Which of some points [N, 3] of the scene before the change are gone: those of the hull, or behind what
    changed in most views, that most of the changed views show in another colour than they had.

    A surface that something stood before, or whose light changed, has much the same colour as before.

    Args:
        sources, changed: as of `possible_changes`.
        before, after: pictures of the sources, [H, W, 3] in 0..1 of any size.

    Returns:
        [N] bool.
    """
    count = len(points)
    yes, no, sees, all_held = (torch.zeros(count) for _ in range(4))
    own, shown = torch.zeros(count, 3), []
    for surface, mask, old, new in zip(sources, changed, before, after, strict=True):
        at, held, beyond = _seen_by(surface, points.double())
        near = held & (beyond <= TOLERANCE)
        all_held += held
        yes += held & mask[at]
        no += near & ~mask[at]
        own += near[:, None] * _reduced(old, mask)[at]
        sees += near
        shown.append((held & mask[at], _reduced(new, mask)[at]))
    own /= sees.clamp_min(1.0)[:, None]
    same = torch.stack([counts & ((color - own).abs().amax(-1) < _SAME) for counts, color in shown]).sum(0)
    inside = (yes > 0) & (no <= OPPOSED * (yes + no)) & (yes >= _WITHIN * all_held)
    return inside & ~((sees > 0) & (same >= _SUPPORT * yes))


def alike_pixels(one: Tensor, other: Tensor, surface: SeenSurface) -> Tensor:
    """Where two pictures [H, W, 3] of one view look much the same: [H', W'] bool, in the pixels of its surface."""
    apart = _reduced(one - other, surface.valid).numpy()
    return torch.from_numpy(np.abs(cv2.blur(apart, (3, 3))).max(-1) < _ALIKE)


def _reduced(picture: Tensor, mask: Tensor) -> Tensor:
    """A picture in the pixels of a mask."""
    height, width = mask.shape
    small = cv2.resize(np.ascontiguousarray(picture.numpy()), (width, height), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(small)


def _seen_by(surface: SeenSurface, points: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor, Tensor]:
    """For points [N, 3] float64: their pixels (rows, columns), which of them the picture holds, and by what share they
    lie beyond the surface that is seen there; infinitely little where none is."""
    height, width = surface.distance.shape
    pixels, held = surface.camera.pixels(points)
    x, y = pixels.long().clamp(min=0).unbind(-1)
    x, y = x.clamp(max=width - 1), y.clamp(max=height - 1)
    reached = surface.distance[y, x].double()
    beyond = (points - surface.camera.origin).norm(dim=-1) / reached.clamp_min(1e-9) - 1.0
    return (y, x), held, torch.where(reached > 0, beyond, torch.full_like(beyond, -torch.inf))


def _along_rays(surface: SeenSurface, mask: Tensor) -> Tensor:
    """Places [N, 3] float64 along some of the rays of the pixels of a mask, up to the surface."""
    rays = surface.camera.lens.directions().double() @ surface.camera.c2w[:, :3].T
    which = (mask & surface.valid).reshape(-1).nonzero()[::_SPARSE, 0]
    shares = torch.linspace(_NEAR, 1.0, _STEPS + 1, dtype=torch.float64)
    along = shares[None] * surface.distance.reshape(-1)[which, None]
    return (surface.camera.origin + along[..., None] * rays[which, None]).reshape(-1, 3)


def _beside_others(points: np.ndarray) -> Tensor:
    """Which points [N, 3] are no stray ones, of which a wide Gaussian would be made: [N] bool."""
    if len(points) <= _BESIDE:
        return torch.zeros(len(points), dtype=torch.bool)
    spacing = KDTree(points).query(points, _BESIDE + 1)[0][:, 1:].mean(1)
    return torch.from_numpy(spacing < _STRAY * np.median(spacing))


def _thinned(points: np.ndarray, most: int) -> Tensor:
    """Indices of at most so many points [N, 3], one in each cell of a grid."""
    kept = np.arange(len(points))
    cell = float(np.ptp(points, axis=0).max()) / 512 if len(points) else 0.0
    while len(kept) > most:
        kept = np.sort(np.unique(np.floor(points / cell), axis=0, return_index=True)[1])
        cell *= 1.25
    return torch.from_numpy(kept)
