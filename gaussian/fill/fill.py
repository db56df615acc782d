"""Take a thing out of a scene of splats, and fill what it leaves open.

1. What is taken: the thing's Gaussians, and whatever else lies inside its silhouettes in all views and is seen nowhere
   beside them: what was hidden in it. So nothing beside the silhouettes changes.
2. What other views saw behind the thing is there already, and is left as it is.
3. What no view saw is where the thing touched what it stood on. That surface is continued beneath it from around
   (`gaussian.fill.surface`); its texture is what views saw of it, and patches of that where none did
   (`editor3d.inpaint`). Flat Gaussians on it are the same from every side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras
from torch import Tensor

from editor3d.geometry.camera import Camera
from editor3d.inpaint.patches import fill_texture
from gaussian.fill.surface import Continued, continued, size_of
from gaussian.fit.initialize import flat_on
from gaussian.model.model import SplatModel
from gaussian.splats import Splats, concatenate, select

SHADOW = 0.05
"""A pixel is in a silhouette if at least this share of it is made up of the thing."""
_WIDER = 2  # pixels that silhouettes are widened by
_HIDDEN_IN = 0.98
"""A Gaussian is nothing beside the silhouettes if at least this share of what is seen of it lies in them."""
_LOOSE = 0.02
"""How far what a view shows may lie off a surface that it sees, as a share of the distance."""
_MARGIN, _MOST_CELLS = 0.6, 160
_SAMPLES = 4000
_SHADE = 0.05
"""Of the thing's size: how far round it colours are not to be copied."""


@dataclass(frozen=True, eq=False)
class Filled:
    """A scene without a thing."""

    taken: Tensor
    """[N] bool: what goes, of the scene before."""
    new: Splats
    """What comes, maybe nothing; in the scene's frame, on the CPU."""
    silhouettes: Sequence[np.ndarray]
    """[H, W] bool of each camera: outside of these nothing has changed."""


@dataclass(frozen=True, eq=False)
class _Seen:
    """What one camera saw of the scene with the thing in it."""

    camera: Camera
    picture: np.ndarray
    """[H, W, 3] in 0..1."""
    distance: np.ndarray
    """[H, W], scene units; infinite where nothing is."""
    silhouette: np.ndarray
    """[H, W] bool."""

    def at(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Columns and rows [N] of the pixels that show points [N, 3], and which of them the picture holds [N] bool."""
        pixels, held = self.camera.pixels(torch.from_numpy(points))
        x, y = (pixels.numpy().clip(0, [self.picture.shape[1] - 1, self.picture.shape[0] - 1])).astype(int).T
        return x, y, held.numpy()


@torch.no_grad()
def take_out(model: SplatModel, cameras: Cameras, which: Tensor) -> Filled:
    """Take Gaussians out of a model's scene, and fill what that leaves open.

    Args:
        model: in evaluation mode; its scene stays as it is.
        cameras: those that the scene was seen from.
        which: [N] bool, some of its Gaussians.

    Returns:
        The scene without them.
    """
    before = model.splats.detach().to("cpu")
    which = which.cpu()
    seen = [_look(model, cameras, index, which) for index in range(len(cameras))]
    taken = which | _inside(model, cameras, before, which, seen)
    silhouettes = [view.silhouette for view in seen]
    around = _around(seen)
    surface = continued(before.means[which].numpy().astype(np.float64), around) if len(around) else None
    new = _none(before.sh_degree) if surface is None else _patch(surface, seen, before.sh_degree)
    return Filled(taken, new, silhouettes)


def without(splats: Splats, filled: Filled) -> Splats:
    """A scene without the thing: what stays, in its order and bit by bit, and then what is new."""
    rest = select(splats, ~filled.taken.to(splats.device))
    return concatenate([rest, filled.new.to(splats.device)]) if len(filled.new) else rest


def _look(model: SplatModel, cameras: Cameras, index: int, which: Tensor) -> _Seen:
    camera = cameras[index : index + 1].to(model.device)
    size = int(camera.height[0]), int(camera.width[0])
    everywhere = model.outputs_at(camera, torch.ones(size, dtype=torch.bool, device=model.device))
    # the median of depth: an expected one lies between two surfaces at the border of either
    outputs = {name: value.view(*size, -1) for name, value in everywhere.items()}
    share = model.part_share(camera, which)[..., 0].cpu().numpy()
    opaque = outputs["accumulation"][..., 0].cpu().numpy() >= 0.5
    distance = np.where(opaque, outputs["depth"][..., 0].cpu().numpy(), np.inf)
    wide = cv2.dilate((share >= SHADOW).astype(np.uint8), np.ones((2 * _WIDER + 1,) * 2, np.uint8)).astype(bool)
    return _Seen(Camera.of(cameras, index), outputs["rgb"].cpu().numpy(), distance, wide)


def _inside(model: SplatModel, cameras: Cameras, before: Splats, which: Tensor, seen: Sequence[_Seen]) -> Tensor:
    """What else was hidden in the thing: [N] bool."""
    thing = before.means[which]
    size = size_of(thing.numpy())
    low, high = thing.amin(0) - 0.1 * size, thing.amax(0) + 0.1 * size
    near = ((before.means >= low) & (before.means <= high)).all(-1) & ~which
    inside = near.clone()
    points = before.means[near].double().numpy()
    hidden = np.ones(len(points), bool)
    for view in seen:
        x, y, held = view.at(points)
        away = np.linalg.norm(points - view.camera.origin.numpy(), axis=1)
        behind = away > (1.0 + _LOOSE) * view.distance[y, x]  # of whatever stands before it
        hidden &= ~held | view.silhouette[y, x] | behind
    inside[near] = torch.from_numpy(hidden)
    masks = {index: torch.from_numpy(view.silhouette) for index, view in enumerate(seen)}
    weights = model.mask_weights(cameras, {i: torch.stack([mask, ~mask], -1) for i, mask in masks.items()}).cpu()
    return inside & (weights[:, 0] >= _HIDDEN_IN * weights.sum(1))


def _around(seen: Sequence[_Seen]) -> np.ndarray:
    """Points [M, 3] of what is seen beside the silhouettes, close to them."""
    found = []
    for view in seen:
        reach = max(3, round(0.08 * max(view.silhouette.shape)))
        mask = view.silhouette.astype(np.uint8)
        ring = cv2.dilate(mask, np.ones((2 * reach + 1,) * 2, np.uint8)).astype(bool)
        ring &= ~cv2.dilate(mask, np.ones((5, 5), np.uint8)).astype(bool) & np.isfinite(view.distance)
        if ring.any():
            points = view.camera.points_along(torch.from_numpy(np.where(ring, view.distance, 0.0))).numpy()[ring]
            found.append(points[:: max(1, len(points) * len(seen) // (4 * _SAMPLES))])
    return np.concatenate(found) if found else np.zeros((0, 3))


def _patch(surface: Continued, seen: Sequence[_Seen], sh_degree: int) -> Splats:
    """Flat Gaussians where no view saw the surface."""
    extent = surface.high - surface.low
    middle = surface.origin + (0.5 * (surface.low + surface.high)) @ surface.axes[:2]
    footprints = [
        np.linalg.norm(view.camera.origin.numpy() - middle) / view.camera.lens.fl_x
        for view in seen
        if view.silhouette.any()
    ]
    if not footprints:
        return _none(sh_degree)
    margin = _MARGIN * float(extent.max())
    cell = max(0.7 * float(np.median(footprints)), float((extent + 2 * margin).max()) / _MOST_CELLS)
    columns, rows = np.ceil((extent + 2 * margin) / cell).astype(int) + 1
    u, v = np.meshgrid(np.arange(columns) * cell, np.arange(rows) * cell)
    uv = np.stack([u.ravel(), v.ravel()], 1) + surface.low - margin
    points = surface.points(uv)
    colors, times, covered = _gathered(points, seen)
    shape = (rows, columns)
    known = (times >= 1).reshape(shape)
    unknown = ((times < 1) & covered).reshape(shape)
    if not unknown.any() or not known.any():
        return _none(sh_degree)
    # next to the thing its shadow lies, and its colour has run into what is around
    shade = 2 * round(_SHADE * float(np.hypot(*extent)) / cell) + 1
    doubtful = cv2.dilate(unknown.astype(np.uint8), np.ones((shade, shade), np.uint8)).astype(bool) & (known | unknown)
    if not (known & ~doubtful).any():
        doubtful = unknown
    texture = fill_texture(colors.reshape(*shape, 3), doubtful, known & ~doubtful)
    # a cell more at the border, so that there is no gap
    wide = cv2.dilate(unknown.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & (known | unknown)
    chosen = wide.ravel()
    normals = _normals(points.reshape(*shape, 3), surface.axes[2]).reshape(-1, 3)
    return flat_on(points[chosen], normals[chosen], texture.reshape(-1, 3)[chosen], cell, sh_degree)


def _gathered(points: np.ndarray, seen: Sequence[_Seen]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What views saw of points [N, 3] of a surface: the mean colour [N, 3], by how many it was seen [N], and whether
    it was behind the thing, or behind something else, in all of them [N] bool."""
    total, times = np.zeros((len(points), 3)), np.zeros(len(points))
    hidden, looked_through = np.zeros((2, len(points)), bool)
    for view in seen:
        x, y, held = view.at(points)
        away = np.linalg.norm(points - view.camera.origin.numpy(), axis=1)
        behind = view.silhouette[y, x]
        shown = held & ~behind & (np.abs(view.distance[y, x] - away) < _LOOSE * away)
        total[shown] += view.picture[y[shown], x[shown]]
        times += shown
        hidden |= held & behind
        looked_through |= held & ~behind & (view.distance[y, x] > (1.0 - _LOOSE) * away)
    colors = total / np.maximum(times, 1.0)[:, None]
    return colors, times, hidden & ~looked_through


def _normals(points: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """Of a lattice of points [H, W, 3]: unit vectors on the side of `towards`."""
    normals = np.cross(np.gradient(points, axis=1), np.gradient(points, axis=0))
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)
    return np.where((normals @ towards)[..., None] < 0, -normals, normals)


def _none(sh_degree: int) -> Splats:
    return flat_on(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 3)), 1.0, sh_degree)
