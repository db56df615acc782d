"""The graph cut finds the least energy there is, for the whole energy, the same every time, and in time."""

from __future__ import annotations

import itertools

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nerf_methods.vox_e.graph_cut import energy, largest_component, minimise, neighbor_weights, unary_costs


def problem(seed: int, shape: tuple[int, int, int]):
    """Costs of both labels, and weights between neighbours, of random attention and colours."""
    rng = np.random.default_rng(seed)
    costs = unary_costs(rng.random(shape), rng.random(shape), 0.3)
    return (*costs, neighbor_weights(rng.random((*shape, 3)) * 0.2))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    shape=st.sampled_from([(2, 2, 2), (1, 3, 3), (3, 2, 2), (1, 1, 7), (2, 1, 5)]),
    smoothness=st.sampled_from([0.0, 0.3, 1.0, 5.0]),
    some=st.booleans(),
)
def test_no_labelling_has_less_energy(seed, shape, smoothness, some):
    cost_in, cost_out, weights = problem(seed, shape)
    nodes = np.random.default_rng(seed + 1).random(shape) < 0.7 if some else np.ones(shape, bool)
    found = minimise(cost_in, cost_out, weights, smoothness, nodes)
    assert not found[~nodes].any()
    free = np.flatnonzero(nodes)
    least = np.inf
    for choice in itertools.product([False, True], repeat=len(free)):
        labels = np.zeros(nodes.size, bool)
        labels[free] = choice
        least = min(least, energy(labels.reshape(shape), cost_in, cost_out, weights, smoothness, nodes))
    assert energy(found, cost_in, cost_out, weights, smoothness, nodes) == pytest.approx(least, abs=1e-9)


@pytest.mark.parametrize("smoothness", [0.5, 5.0])
def test_on_a_cube_of_eight_it_is_networkx_s_minimum_cut(smoothness):
    cost_in, cost_out, weights = problem(7, (8, 8, 8))
    graph = networkx.Graph()
    for p in np.ndindex(8, 8, 8):
        graph.add_edge("kept", p, capacity=cost_in[p])
        graph.add_edge(p, "edited", capacity=cost_out[p])
        for axis in range(3):
            q = tuple(c + (i == axis) for i, c in enumerate(p))
            if q[axis] < 8:
                graph.add_edge(p, q, capacity=smoothness * weights[axis][p])
    expected, _ = networkx.minimum_cut(graph, "kept", "edited")
    found = minimise(cost_in, cost_out, weights, smoothness)
    assert energy(found, cost_in, cost_out, weights, smoothness) == pytest.approx(expected, rel=1e-9)


def test_the_smoothness_weight_and_the_unary_term_both_change_labels():
    cost_in, cost_out, weights = problem(0, (12, 12, 12))
    alone = minimise(cost_in, cost_out, weights, 0.0)
    assert np.array_equal(alone, cost_in < cost_out)
    smooth = minimise(cost_in, cost_out, weights, 0.5)
    assert 0.02 < (alone != smooth).mean() < 0.6
    other = minimise(cost_out, cost_in, weights, 0.5)
    assert (other != smooth).mean() > 0.5


def test_the_cut_follows_edges_of_colour():
    """One voxel is sure on either side; the border between is where the colour changes, not in the middle."""
    colors = np.zeros((10, 3, 3, 3))
    colors[7:] = 0.8
    cost_in, cost_out = np.full((10, 3, 3), 0.0), np.full((10, 3, 3), 0.0)
    cost_out[0], cost_in[9] = 100.0, 100.0
    found = minimise(cost_in, cost_out, neighbor_weights(colors), 5.0)
    assert found[:7].all()
    assert not found[7:].any()


def test_costs_are_those_of_the_softmax():
    edit, rest = np.array([0.9, 0.1, 0.5]), np.array([0.1, 0.9, 0.5])
    cost_in, cost_out = unary_costs(edit, rest, 0.5)
    shares = np.exp(edit / 0.5) / (np.exp(edit / 0.5) + np.exp(rest / 0.5))
    assert np.allclose(cost_in, -np.log(shares))
    assert np.allclose(cost_out, -np.log(1 - shares))
    assert all(np.isfinite(c).all() for c in unary_costs(np.array([1e9, -1e9]), np.zeros(2), 1e-3))


def test_nothing_depends_on_a_seed():
    cost_in, cost_out, weights = problem(3, (16, 16, 16))
    labels = []
    for seed in range(3):
        np.random.seed(seed)
        labels.append(minimise(cost_in, cost_out, weights, 1.0))
    assert all(np.array_equal(labels[0], other) for other in labels[1:])


@pytest.mark.parametrize("count", [0, 1, 2, 3, 12, 30])
def test_the_largest_component_is_kept_however_many_there_are(count):
    labels = np.zeros((40, 40, 4), bool)
    for index in range(count):
        x, y = 6 * (index % 6), 6 * (index // 6)
        size = 4 if index == count // 2 else 2
        labels[x : x + size, y : y + size, :size] = True
    kept = largest_component(labels)
    assert kept.sum() == (64 if count else 0)
    assert not (kept & ~labels).any()


def test_the_largest_component_may_be_that_of_the_most_mass():
    labels = np.zeros((20, 8, 8), bool)
    labels[:12, :6, :6] = labels[15:18, :3, :3] = True
    mass = np.where(np.arange(20) < 13, 0.01, 0.9)[:, None, None] * np.ones((20, 8, 8))
    assert largest_component(labels).sum() == 12 * 6 * 6
    assert largest_component(labels, mass).sum() == 3 * 3 * 3
