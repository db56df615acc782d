"""Select an edit's voxels: Vox-E's energy over labels, minimised exactly by a graph cut, and its clean-up.

E(M) = sum_p U_p(M_p) + smoothness * sum_{p,q neighbours} w_pq [M_p != M_q],
w_pq = exp(-|c_p - c_q|^2 / (2 sigma^2)).

Every neighbour pair is counted once; neighbours share a face. Nothing here is random.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

SMOOTHNESS, SIGMA = 5.0, 0.1
"""Vox-E's lambda and sigma."""
_LEAST = 1e-6
"""Probability below which a label does not become less likely: its cost stays finite."""


def unary_costs(edit: np.ndarray, rest: np.ndarray, temperature: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Costs of the two labels from two attention grids: U = -log softmax((A_e, A_obj) / temperature).

    Args:
        edit: A_e, what the words of the edit look at.
        rest: A_obj, what the other words look at; of the same shape.
        temperature: small for sharp labels.

    Returns:
        The cost of belonging to the edit, and of not belonging to it: float64.
    """
    difference = (np.asarray(edit, np.float64) - np.asarray(rest, np.float64)) / temperature
    # log softmax of two values depends on their difference alone
    share = np.clip(1.0 / (1.0 + np.exp(-np.clip(difference, -500.0, 500.0))), _LEAST, 1.0 - _LEAST)
    return -np.log(share), -np.log1p(-share)


def neighbor_weights(colors: np.ndarray, sigma: float = SIGMA) -> list[np.ndarray]:
    """w_pq between each voxel and its next neighbour along x, y and z.

    Args:
        colors: [X, Y, Z, C] in 0..1.
        sigma: difference of colour that still counts as alike.

    Returns:
        Three arrays in 0..1: [X-1, Y, Z], [X, Y-1, Z], [X, Y, Z-1].
    """
    weights = []
    for axis in range(3):
        apart = np.square(np.diff(np.asarray(colors, np.float64), axis=axis)).sum(-1)
        weights.append(np.exp(-apart / (2.0 * sigma * sigma)))
    return weights


def energy(
    labels: np.ndarray,
    cost_in: np.ndarray,
    cost_out: np.ndarray,
    weights: list[np.ndarray],
    smoothness: float = SMOOTHNESS,
    nodes: np.ndarray | None = None,
) -> float:
    """E(M) of a labelling.

    Args:
        labels: M, [X, Y, Z] bool.
        cost_in, cost_out: [X, Y, Z], costs of True and of False.
        weights: as `neighbor_weights` gives them.
        smoothness: lambda.
        nodes: [X, Y, Z] bool, the voxels that count; None for all.
    """
    nodes = np.ones_like(labels, dtype=bool) if nodes is None else nodes
    total = float(np.where(labels, cost_in, cost_out)[nodes].sum())
    for axis, weight in enumerate(weights):
        first, second = _pairs(axis)
        differ = (labels[first] != labels[second]) & nodes[first] & nodes[second]
        total += smoothness * float(weight[differ].sum())
    return total


def minimise(
    cost_in: np.ndarray,
    cost_out: np.ndarray,
    weights: list[np.ndarray],
    smoothness: float = SMOOTHNESS,
    nodes: np.ndarray | None = None,
) -> np.ndarray:
    """The labelling of least energy, by a minimum cut; of several, the one with the fewest voxels in the edit.

    Args:
        cost_in, cost_out: [X, Y, Z], at least 0: costs of belonging to the edit, and of not.
        weights: as `neighbor_weights` gives them.
        smoothness: lambda.
        nodes: [X, Y, Z] bool, the voxels to be labelled; the others are False and nobody's neighbours. None for all.

    Returns:
        M, [X, Y, Z] bool.
    """
    import maxflow

    labels = np.zeros(cost_in.shape, bool)
    nodes = np.ones_like(labels) if nodes is None else nodes
    if not nodes.any():
        return labels
    box = ndimage.find_objects(nodes.astype(np.uint8))[0]
    inside = nodes[box]
    graph = maxflow.GraphFloat(inside.size, 3 * inside.size)
    ids = graph.add_grid_nodes(inside.shape)
    for axis, weight in enumerate(weights):
        first, second = _pairs(axis)
        capacity = np.zeros(inside.shape)
        cut = weight[tuple(slice(s.start, s.stop - (i == axis)) for i, s in enumerate(box))]
        capacity[first] = smoothness * cut * (inside[first] & inside[second])
        structure = np.zeros((3, 3, 3))
        structure[tuple(2 if i == axis else 1 for i in range(3))] = 1
        graph.add_grid_edges(ids, capacity, structure, symmetric=True)
    # only the difference of the two costs matters: the smaller one is paid in any case
    least = np.minimum(cost_in[box], cost_out[box])
    graph.add_grid_tedges(ids, (cost_in[box] - least) * inside, (cost_out[box] - least) * inside)
    graph.maxflow()
    # a voxel on the side of the sink has paid the edge from the source, its cost of belonging to the edit
    labels[box] = graph.get_grid_segments(ids) & inside
    return labels


def parts_of(labels: np.ndarray) -> tuple[np.ndarray, int]:
    """The parts that hang together by faces, numbered from 1 on [X, Y, Z], and how many they are."""
    numbered = np.empty(labels.shape, np.int32)
    return numbered, int(np.asarray(ndimage.label(labels, output=numbered)))


def largest_component(labels: np.ndarray, mass: np.ndarray | None = None) -> np.ndarray:
    """The largest of the parts that hang together by faces; of several, the first. However many there are.

    Args:
        labels: [X, Y, Z] bool.
        mass: [X, Y, Z], at least 0: what a voxel counts for; None for one each.
    """
    parts, count = parts_of(labels)
    if count < 2:
        return labels.copy()
    weights = None if mass is None else mass.ravel()
    return parts == 1 + int(np.argmax(np.bincount(parts.ravel(), weights)[1:]))


def _pairs(axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Indices of all voxels that have a next neighbour along an axis, and of those neighbours."""
    first, second = [slice(None)] * 3, [slice(None)] * 3
    first[axis], second[axis] = slice(None, -1), slice(1, None)
    return tuple(first), tuple(second)
