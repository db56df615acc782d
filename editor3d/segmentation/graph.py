"""A scene's parts as a graph: neighbours in space, and how alike they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, triu
from scipy.spatial import KDTree

NEIGHBOURS = 10
COLOR_SIGMA = 0.06
"""Difference of colour, sRGB in 0..1, that neighbours of one thing may have."""


@dataclass(frozen=True, eq=False)
class PartGraph:
    """N parts, each joined with its nearest neighbours; every edge counted once."""

    points: np.ndarray
    """[N, 3] float64."""
    colors: np.ndarray
    """[N, 3] float64 in 0..1."""
    edges: np.ndarray
    """[E, 2] int32, the two ends, the lower first."""
    weights: np.ndarray
    """[E] float64 in 0..1: how alike the ends are,

    w = exp(-|c_p - c_q|^2 / 2 s_c^2) exp(-|x_p - x_q|^2 / 2 s_x^2) (1 - t (1 - |n_p . n_q|)),

    with s_x the mean distance of the two to their neighbours, and t = 0.5."""
    lengths: np.ndarray
    """[E] float64, above 0: how far the ends are from each other, in steps between neighbours,

    l = sqrt(|x_p - x_q|^2 / s_x^2 + |c_p - c_q|^2 / 4 s_c^2 + (1 - |n_p . n_q|)^2) max(s_x / median, 1),

    so that the parts of a far background, which are few and large, are far from each other."""

    @staticmethod
    def of(points: np.ndarray, colors: np.ndarray, neighbours: int = NEIGHBOURS) -> PartGraph:
        """
        Args:
            points: [N, 3], where the parts are.
            colors: [N, 3] in 0..1.
            neighbours: of each part.
        """
        points, colors = np.asarray(points, np.float64), np.asarray(colors, np.float64)
        count = min(neighbours + 1, len(points))
        nothing = np.zeros(0)
        if count < 2:
            return PartGraph(points, colors, np.zeros((0, 2), np.int32), nothing, nothing)
        tree = KDTree(points, balanced_tree=False, compact_nodes=False)
        apart, others = (np.asarray(found)[:, 1:] for found in tree.query(points, k=count, workers=-1))
        normals = _normals(points, others)
        scale = np.maximum(apart.mean(1), 1e-12)
        # every pair once, whichever of the two is among the nearest of the other
        starts = np.arange(len(points) + 1) * (count - 1)
        directed = csr_array((np.maximum(apart, 1e-300).ravel(), others.ravel(), starts), shape=(len(points),) * 2)
        pairs = triu(directed.maximum(directed.T), 1, format="coo")
        one, other = pairs.coords
        edges = np.stack([one, other], 1).astype(np.int32)
        distance = pairs.data / (0.5 * (scale[one] + scale[other]))
        colour = np.square(colors[one] - colors[other]).sum(1)
        turn = 1.0 - np.abs((normals[one] * normals[other]).sum(1))
        weights = np.exp(-colour / (2 * COLOR_SIGMA**2) - 0.5 * distance**2) * (1.0 - 0.5 * turn)
        cost = np.sqrt(distance**2 + 0.25 * colour / COLOR_SIGMA**2 + turn**2)
        cost *= np.maximum(0.5 * (scale[one] + scale[other]) / np.median(scale), 1.0)
        return PartGraph(points, colors, edges, weights, np.maximum(cost, 1e-9))

    def __len__(self) -> int:
        return len(self.points)


def _normals(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Unit vectors [N, 3], of either sense, across the surface that a part and its neighbours [N, k] lie on."""
    x, y, z = (part - part.mean(1, keepdims=True) for part in (points[:, axis][others] for axis in range(3)))
    xx, yy, zz, xy, xz, yz = ((a * b).sum(1) for a, b in ((x, x), (y, y), (z, z), (x, y), (x, z), (y, z)))
    # the adjugate of a matrix has its eigenvectors, and the greatest value where the matrix has the least
    adjugate = np.array(
        [
            [yy * zz - yz**2, xz * yz - xy * zz, xy * yz - xz * yy],
            [xz * yz - xy * zz, xx * zz - xz**2, xy * xz - xx * yz],
            [xy * yz - xz * yy, xy * xz - xx * yz, xx * yy - xy**2],
        ]
    ).transpose(2, 0, 1)
    adjugate = np.matmul(adjugate, adjugate)
    longest = np.square(adjugate).sum(2).argmax(1)
    normals = adjugate[np.arange(len(points)), longest]
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300)
