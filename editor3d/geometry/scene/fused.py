"""The surface that many views see, as one set of points: what one view sees is smoothed by what all know of it.

Lengths are shares of the radius of a frame (`ObjectFrame.local`), so that the scene's size and turn change nothing.
With points p_i, normals n_i and h the distance between neighbours, the normal at p, where one view alone sees n, is

    n' = sum_i w_i n_i / |sum_i w_i n_i|,   w_i = exp(-|p_i - p|^2 / 2 s^2) exp(-(1 - n . n_i) / t),   s = h

(a bilateral filter on the surface: beyond an edge, normals differ, and count little), and the surface lies
e = sum_i w_i (n_i + n') . (p_i - p) / 2 sum_i w_i off p along n' (moving least squares; with the mean of both normals a
ball stays as large as it is).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import KDTree

SPACING = 0.016
"""h within twice the frame's radius; it doubles with each further doubling of the distance."""
_NEAR, _LEVELS = 2.0, 8
_SMOOTH, _ALIKE = 1.0, 0.2  # s / h, and t
_ROUNDS, _NEIGHBOURS = 3, 24
_WIDE, _SAME_SIDE = 3.0, -0.2  # s / h of layers and of concavity, and the cosine beyond which a wall has another side
_SPREADS, _SAME_WALL = 16, 0.5
"""How often brightness is averaged with that of the neighbours, and the least cosine between normals of one wall."""
_QUERY_NEIGHBOURS, _REACH = 8, 6.0
_CELLS = 1 << 17


@dataclass(frozen=True, eq=False)
class FusedSurface:
    """Points of a surface, about evenly spread, with what is known at each."""

    points: np.ndarray
    """[N, 3] float32."""
    normals: np.ndarray
    """[N, 3] float32, unit vectors out of the surface."""
    concavity: np.ndarray
    """[N] float32 in -1..1: how far the surface round a point lies above its tangent plane, over its distance."""
    brightness: np.ndarray
    """[N] float32 in 0..1: how bright views see it (luma), the mean of all, smoothed along the surface: without
    highlights, which go with the eye, and without fine texture."""

    @cached_property
    def tree(self) -> KDTree:
        return KDTree(self.points)

    @staticmethod
    def of(cells: Cells) -> FusedSurface:
        """Smooth normals, draw the layers together that views see at different depths, and find crevices."""
        for _ in range(_ROUNDS):
            if not len(cells.points):
                break
            tree = KDTree(cells.points)
            apart, others = _neighbours(tree, cells.points, _NEIGHBOURS)
            spacing = spacing_at(cells.points)[:, None]
            near = np.exp(-0.5 * (apart / (_SMOOTH * spacing)) ** 2) * cells.weights[others]
            normals = _mean_normals(cells.normals, others, near)
            wide = np.exp(-0.5 * (apart / (_WIDE * spacing)) ** 2) * cells.weights[others]
            wide *= (normals[others] * normals[:, None]).sum(-1) > _SAME_SIDE
            between = 0.5 * (normals[others] + normals[:, None])
            off = (wide * ((cells.points[others] - cells.points[:, None]) * between).sum(-1)).sum(1)
            off /= np.maximum(wide.sum(1), 1e-9)
            cells = Cells.of(cells.points + off[:, None] * normals, normals, cells.weights, cells.shares, cells.lumas)
        bright = _spread(cells.points, cells.normals, cells.lumas * cells.weights, cells.weights)
        return FusedSurface(cells.points, cells.normals, _hollows(cells.points, cells.normals), bright)

    def at(self, points: np.ndarray, normals: np.ndarray) -> tuple[np.ndarray, ...]:
        """What is known at points near the surface.

        Args:
            points: [M, 3].
            normals: [M, 3], as one view sees them; 0 where it cannot tell.

        Returns:
            The normal [M, 3], how far the surface lies off the point along it [M], concavity [M] and brightness [M],
            all float32. Nothing near: the normal given, and 0, which no brightness is otherwise.
        """
        if not len(self.points) or not len(points):
            return normals.astype(np.float32), *np.zeros((3, len(points)), np.float32)
        apart, others = _neighbours(self.tree, points, _QUERY_NEIGHBOURS)
        scale = spacing_at(points)[:, None]
        found = self.normals[others]
        likeness = (found * normals[:, None]).sum(-1)
        weight = np.exp(0.5 * (apart[:, :1] ** 2 - apart**2) / scale**2 - (1.0 - likeness) / _ALIKE)
        total = weight.sum(1)
        known = (total > 1e-6) & (apart[:, 0] < _REACH * scale[:, 0])
        weight = np.where(known[:, None], weight / np.maximum(total, 1e-12)[:, None], 0.0).astype(np.float32)
        smooth = _unit((weight[..., None] * found).sum(1))
        between = 0.5 * (found + smooth[:, None])
        off = (weight * ((self.points[others] - points[:, None]) * between).sum(-1)).sum(1)
        hollow, bright = ((weight * values[others]).sum(1) for values in (self.concavity, self.brightness))
        bright = np.where(known, bright, 0.0).astype(np.float32)
        return np.where(known[:, None], smooth, normals).astype(np.float32), off.astype(np.float32), hollow, bright


@dataclass(frozen=True, eq=False)
class Cells:
    """What views saw, gathered in cells of space: the two sides of an edge or a leaf are cells of their own."""

    points: np.ndarray
    """[N, 3] float32, the mean of a cell's points."""
    normals: np.ndarray
    """[N, 3] float32, of unit length."""
    weights: np.ndarray
    """[N] float32, 0..1: how well it was seen."""
    shares: np.ndarray
    """[N, K] float32, 0..1: of each of K masks, how much of what was seen of the cell it holds."""
    lumas: np.ndarray
    """[N] float32, 0..1: how bright it was seen."""

    @staticmethod
    def of(points: np.ndarray, normals: np.ndarray, weights: np.ndarray, masks: np.ndarray, lumas: np.ndarray) -> Cells:
        """
        Args:
            points: [M, 3].
            normals: [M, 3], unit vectors.
            weights: [M], above 0: how squarely each was seen.
            masks: [M, K], shares in 0..1.
            lumas: [M], 0..1.
        """
        spacing = spacing_at(points)
        level = np.round(np.log2(spacing / SPACING)).astype(np.int64)
        axis = np.abs(normals).argmax(1)
        side = 2 * axis + (np.take_along_axis(normals, axis[:, None], 1)[:, 0] < 0)
        cell = np.floor(points / spacing[:, None]).astype(np.int64) + (_CELLS >> 1)
        key = (level * 6 + side) * _CELLS
        for k in range(3):
            key = (key if k == 0 else key * _CELLS) + cell[:, k].clip(0, _CELLS - 1)
        _, owner = np.unique(key, return_inverse=True)
        total = np.bincount(owner, weights)

        def mean(values: np.ndarray) -> np.ndarray:
            columns = [np.bincount(owner, weights * column) / total for column in values.T.astype(np.float64)]
            return np.stack(columns, 1).astype(np.float32) if columns else np.zeros((len(total), 0), np.float32)

        seen = np.minimum(total, 1.0).astype(np.float32)
        return Cells(mean(points), _unit(mean(normals)), seen, mean(masks), mean(lumas[:, None])[:, 0])


def spacing_at(points: np.ndarray) -> np.ndarray:
    """h at points [N, 3]: [N]."""
    away = np.linalg.norm(points, axis=1)
    level = np.ceil(np.log2(np.maximum(away / _NEAR, 1.0))).clip(0, _LEVELS - 1)
    return SPACING * 2.0**level


def _neighbours(tree: KDTree, points: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The distances [N, k] float32 and places [N, k] of the nearest points in the tree."""
    count = min(count, tree.n)
    apart, others = tree.query(points, k=count, workers=-1)
    return apart.reshape(len(points), count).astype(np.float32), others.reshape(len(points), count)


def _spread(points: np.ndarray, normals: np.ndarray, sums: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """sums / weights of each of N points, both averaged along the surface first: [N] float32."""
    if not len(points):
        return np.zeros(0, np.float32)
    apart, others = _neighbours(KDTree(points), points, _NEIGHBOURS)
    near = np.exp(-0.5 * (apart / (_WIDE * spacing_at(points)[:, None])) ** 2)
    near *= (normals[others] * normals[:, None]).sum(-1) > _SAME_WALL
    near = (near / near.sum(1, keepdims=True)).astype(np.float32)
    for _ in range(_SPREADS):
        sums, weights = ((near * values[others]).sum(1) for values in (sums, weights))
    return (sums / np.maximum(weights, 1e-6)).clip(1e-3, 1.0).astype(np.float32)


def _hollows(points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """How far the surface round each of N points lies above its tangent plane, over the distance: [N] in -1..1."""
    if not len(points):
        return np.zeros(0, np.float32)
    apart, others = _neighbours(KDTree(points), points, _NEIGHBOURS)
    weight = np.exp(-0.5 * (apart / (_WIDE * spacing_at(points)[:, None])) ** 2)
    weight *= (normals[others] * normals[:, None]).sum(-1) > _SAME_SIDE  # not what lies behind a thin wall
    above = ((points[others] - points[:, None]) * normals[:, None]).sum(-1)
    hollow = (weight * above).sum(1) / np.maximum((weight * apart).sum(1), 1e-9)
    return hollow.clip(-1.0, 1.0).astype(np.float32)


def _mean_normals(normals: np.ndarray, others: np.ndarray, weights: np.ndarray) -> np.ndarray:
    found = normals[others]
    likeness = (found * normals[:, None]).sum(-1)
    return _unit(((weights * np.exp(-(1.0 - likeness) / _ALIKE))[..., None] * found).sum(1))


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return (vectors / np.maximum(length, 1e-12)).astype(np.float32)
