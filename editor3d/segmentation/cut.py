"""Label the parts of a scene as inside or outside of a thing, by the minimum cut of their graph.

E(M) = sum_p U_p(M_p) + smoothness * sum_{p,q neighbours} w_pq [M_p != M_q]

The data term has two parts. One is geodesic (Price, Morse and Cohen 2010): with D_in(p), D_out(p) the lengths of the
shortest paths in the graph to what is marked inside and outside, U_p(in) = D_in / (D_in + D_out) and U_p(out) the same
with D_out above. The other is of colour: the log ratio of the densities of marked colours, both with a floor, so that a
colour that is marked nowhere says nothing. What is marked is never labelled otherwise.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import KDTree

from editor3d.segmentation.graph import PartGraph

SMOOTHNESS, COLOR_SHARE = 0.6, 0.25
_COLOR_WIDTH, _FLOOR = 0.05, 0.05
_HARD, _FAR = 1e6, 3.0
_MOST_MARKS = 400


def thing_of(
    graph: PartGraph,
    inside: np.ndarray,
    outside: np.ndarray,
    smoothness: float = SMOOTHNESS,
    color_share: float = COLOR_SHARE,
) -> np.ndarray:
    """Which parts belong to the thing that is marked.

    Args:
        graph: of N parts.
        inside: [N] bool, parts that belong to it, at least one; these win where both are marked.
        outside: [N] bool, parts that do not.

    Returns:
        [N] bool: the labelling of least energy, without what hangs together with no part that is marked inside.
    """
    outside = outside & ~inside
    to_inside = _geodesic(graph, inside)
    to_outside = _geodesic(graph, outside) if outside.any() else np.full(len(graph), np.inf)
    share = _share(to_inside, to_outside, outside)
    cost_in = share + color_share * np.maximum(ratio := _color_ratio(graph.colors, inside, outside), 0.0)
    cost_out = (1.0 - share) + color_share * np.maximum(-ratio, 0.0)
    cost_in[outside] = cost_out[inside] = _HARD
    cost_in[inside] = cost_out[outside] = 0.0
    return reached(graph, minimise(graph, cost_in, cost_out, smoothness), inside)


def minimise(graph: PartGraph, cost_in: np.ndarray, cost_out: np.ndarray, smoothness: float) -> np.ndarray:
    """The labelling [N] bool of least energy, given the costs [N] of either label, at least 0."""
    import maxflow

    network = maxflow.GraphFloat(len(graph), len(graph.edges))
    nodes = network.add_nodes(len(graph))
    if len(graph.edges):
        capacity = smoothness * graph.weights
        network.add_edges(graph.edges[:, 0], graph.edges[:, 1], capacity, capacity)
    least = np.minimum(cost_in, cost_out)  # which is paid in any case
    network.add_grid_tedges(nodes, cost_in - least, cost_out - least)
    network.maxflow()
    # a part on the side of the sink has paid the edge from the source, its cost of belonging to the thing
    return network.get_grid_segments(nodes)


def reached(graph: PartGraph, chosen: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Those of the chosen parts [N] bool that hang together with a seed [N] bool, among the chosen ones."""
    from scipy.sparse.csgraph import connected_components

    one, other = graph.edges.T
    both = chosen[one] & chosen[other]
    ones = np.ones(int(both.sum()), bool)
    joined = coo_matrix((ones, (one[both], other[both])), shape=(len(graph),) * 2)
    _, component = connected_components(joined, directed=False)
    return chosen & np.isin(component, np.unique(component[seeds & chosen]))


def _geodesic(graph: PartGraph, seeds: np.ndarray) -> np.ndarray:
    """The length [N] of the shortest path to a seed; infinite where there is none."""
    lengths = coo_matrix((graph.lengths, tuple(graph.edges.T)), shape=(len(graph),) * 2).tocsr()
    return dijkstra(lengths, directed=False, indices=np.flatnonzero(seeds), min_only=True)


def _share(to_inside: np.ndarray, to_outside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """D_in / (D_in + D_out) in 0..1; what no path leads to is outside.

    Far from all marks both lengths are alike, and tell nothing: D_out counts as no more than `_FAR` times the median
    length from a mark inside to one outside. Without marks outside it is the median length from a mark inside.
    """
    known = np.isfinite(to_inside)
    apart = to_inside[outside & known]
    most = _FAR * float(np.median(apart)) if len(apart) else float(np.median(to_inside[known]))
    away = np.minimum(to_outside, max(most, 1e-12))
    share = np.ones(len(to_inside))
    share[known] = to_inside[known] / np.maximum(to_inside[known] + away[known], 1e-12)
    return share


def _color_ratio(colors: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """log((p_out + floor) / (p_in + floor)) of each colour [N, 3], p the density of marked colours, 1 at its most."""
    if not outside.any():
        return np.zeros(len(colors))

    def density(marked: np.ndarray) -> np.ndarray:
        some = colors[marked]
        some = some[:: max(1, len(some) // _MOST_MARKS)]
        apart, _ = KDTree(some).query(colors, k=1, workers=-1)
        return np.exp(-0.5 * (apart / _COLOR_WIDTH) ** 2)

    return np.log((density(outside) + _FLOOR) / (density(inside) + _FLOOR))


def grown(points: np.ndarray, chosen: np.ndarray, distance: float) -> np.ndarray:
    """The chosen of N points, and those within a distance of one; below 0, those of them that lie farther than that
    from all others: [N] bool."""
    if distance == 0 or not chosen.any() or chosen.all():
        return chosen
    if distance < 0:
        return ~grown(points, ~chosen, -distance)
    near, _ = KDTree(points[chosen]).query(points[~chosen], k=1, distance_upper_bound=distance, workers=-1)
    result = chosen.copy()
    result[np.flatnonzero(~chosen)[np.isfinite(near)]] = True
    return result
