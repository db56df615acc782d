"""Which parts of the sky the points of a scene see: shadow maps from many sides of the upper half, made once a scene.

For each of K directions d the surface is projected along d onto cells of a plane, and the highest point p . d of a cell
is kept. A point sees the sky along d where nothing in its cell stands higher by more than a tolerance (shadow maps,
Williams 1978). Points are moved off the surface first, and the comparison is soft.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from editor3d.types import ObjectFrame

CELL = 0.05
"""Side of a cell, in units of the scene's radius."""
_REACH = 2.75
"""Cells cover so many units each way; what is farther out, as the walls of a room, neither shades nor is shaded."""
_LIFT = 1.0
"""Cells by which points are moved along their normals."""
_TOLERANCE, _SOFT = 2.0, 3.0
"""Cells by which something must stand higher to begin to be in the way, and further ones until it wholly is."""
_DENSE = 0.3
_EMPTY = -1e3
_RINGS = ((0.0, 1), (32.0, 5), (66.0, 6))  # degrees off up, and how many directions there
_TURN = 0.6  # radians by which each ring is turned against the one inside it
_TAPS = (-0.8, 0.0, 0.8)  # cells by which a cast shadow's border is widened


def sky_directions() -> np.ndarray:
    """The directions that are looked along: [K, 3] float32, unit vectors, z up; the first is up itself."""
    rows = []
    for ring, (tilt, count) in enumerate(_RINGS):
        turn, slope = np.arange(count) * 2.0 * np.pi / count + _TURN * ring, np.radians(tilt)
        rows += [(np.sin(slope) * np.cos(a), np.sin(slope) * np.sin(a), np.cos(slope)) for a in turn]
    return np.array(rows, np.float32)


@dataclass(frozen=True, eq=False)
class SkyMaps:
    """The highest points of a scene along K directions; an `editor3d.types.Sky`."""

    frame: ObjectFrame
    """In whose coordinates the maps are."""
    heights: np.ndarray
    """[K, S, S] float32, the highest p . d of each cell; far below where no point is."""

    @staticmethod
    def of(points: np.ndarray, frame: ObjectFrame) -> SkyMaps:
        """The maps of surface points.

        Args:
            points: [N, 3] in the coordinates of `frame`, no farther apart than `CELL` where they are to shade.
            frame: of the scene.
        """
        near = points[(np.abs(points) < _REACH).all(1)] if len(points) else points.reshape(0, 3)
        return SkyMaps(frame, np.stack([_heights(near, direction) for direction in sky_directions()]))

    def share(self, points: Tensor, normals: Tensor) -> Tensor:
        """See `Sky.share`."""
        lifted = self._lifted(points, normals)
        weights = sky_directions()[:, 2] / sky_directions()[:, 2].sum()
        total = sum(weight * self._free(lifted, along) for along, weight in enumerate(weights))
        return torch.from_numpy(np.asarray(total, np.float32))

    def reached(self, points: Tensor, normals: Tensor, toward: Tensor) -> Tensor:
        """See `Sky.reached`."""
        along = int((sky_directions() @ self.frame.turned(toward).numpy()).argmax())
        lifted = self._lifted(points, normals)
        taps = [self._free(lifted, along, (down, right)) for down in _TAPS for right in _TAPS]
        return torch.from_numpy(np.mean(taps, 0))

    def _lifted(self, points: Tensor, normals: Tensor) -> np.ndarray:
        return (self.frame.local(points) + _LIFT * CELL * self.frame.turned(normals)).numpy()

    def _free(self, points: np.ndarray, along: int, shift: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
        """How freely points [H, W, 3] of the frame, moved by so many cells, see along a direction: [H, W] in 0..1."""
        direction, heights = sky_directions()[along], self.heights[along]
        at = (points @ _plane(direction).T + _REACH) / CELL - 0.5 + np.asarray(shift, np.float32)
        row, column = np.moveaxis(at.astype(np.float32), -1, 0)
        above = cv2.remap(heights, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(_EMPTY,))
        return (1.0 - ((above - points @ direction) / CELL - _TOLERANCE) / _SOFT).clip(0.0, 1.0)


def _heights(points: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """The highest p . d of each cell [S, S] float32, stray points left out.

    A reconstruction's points scatter round its surfaces. Along d a cell is divided into layers: above the highest one
    that holds at least a share `_DENSE` of what the fullest holds, points are stray.
    """
    side, layers = int(2 * _REACH / CELL), int(4 * _REACH / CELL)
    row, column = np.floor((points @ _plane(direction).T + _REACH) / CELL).astype(int).clip(0, side - 1).T
    along = (points @ direction).astype(np.float32)
    cell, layer = row * side + column, np.floor((along + 2 * _REACH) / CELL).astype(int).clip(0, layers - 1)
    counts = np.bincount(cell * layers + layer, minlength=side * side * layers).reshape(side * side, layers)
    dense = counts >= np.maximum(_DENSE * counts.max(1, keepdims=True), 1)
    highest = layers - 1 - dense[:, ::-1].argmax(1)
    kept = layer <= highest[cell]
    heights = np.full(side * side, _EMPTY, np.float32)
    np.maximum.at(heights, cell[kept], along[kept])
    # Cells between points that lie far apart are as high as those round them.
    return cv2.morphologyEx(heights.reshape(side, side), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))


def _plane(direction: np.ndarray) -> np.ndarray:
    """Two unit vectors [2, 3] across a direction [3]."""
    first = np.cross(direction, (0.0, 1.0, 0.0) if abs(direction[1]) < 0.9 else (1.0, 0.0, 0.0))
    first /= np.linalg.norm(first)
    return np.stack([first, np.cross(direction, first)]).astype(np.float32)
