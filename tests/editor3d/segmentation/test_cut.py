"""Things told from the rest of a scene by marks: what is marked stays so, and more marks lose nothing."""

from __future__ import annotations

import numpy as np
import pytest

from editor3d.segmentation.cut import grown, minimise, reached, thing_of
from editor3d.segmentation.graph import PartGraph

FLOOR, BALL, OTHER = slice(0, 900), slice(900, 1500), slice(1500, 2100)


@pytest.fixture(scope="module")
def graph() -> PartGraph:
    """A floor, and two balls of other colours standing on it."""
    draw = np.random.default_rng(0)
    floor = np.c_[draw.uniform(-1, 1, (900, 2)), np.zeros(900)]
    turned = draw.normal(size=(1200, 3))
    balls = 0.25 * turned / np.linalg.norm(turned, axis=1, keepdims=True) + [0, 0, 0.25]
    balls[:600, 0] -= 0.4
    balls[600:, 0] += 0.4
    colors = np.repeat([[0.6, 0.5, 0.4], [0.8, 0.2, 0.2], [0.2, 0.3, 0.8]], [900, 600, 600], 0)
    return PartGraph.of(np.concatenate([floor, balls]), (colors + draw.normal(0, 0.02, colors.shape)).clip(0, 1))


def marks(graph: PartGraph, *places: slice, few: int = 5) -> np.ndarray:
    marked = np.zeros(len(graph), bool)
    for place in places:
        marked[place.start : place.start + few] = True
    return marked


def test_a_stroke_on_a_ball_and_one_beside_it_select_the_ball(graph):
    found = thing_of(graph, marks(graph, BALL), marks(graph, FLOOR, OTHER))
    assert found[BALL].mean() > 0.97
    assert found[FLOOR].mean() < 0.02
    assert not found[OTHER].any()


def test_marks_outside_are_excluded_and_those_inside_never_are(graph):
    draw = np.random.default_rng(1)
    for _ in range(12):
        inside, outside = (draw.random((2, len(graph))) < 0.004).astype(bool)
        inside[BALL.start] = True
        found = thing_of(graph, inside, outside)
        assert found[inside].all()
        assert not found[outside & ~inside].any()


def test_more_strokes_never_lose_what_was_marked_inside(graph):
    draw = np.random.default_rng(2)
    inside, outside = marks(graph, BALL), marks(graph, FLOOR)
    first = inside.copy()
    for _ in range(6):
        inside = inside | (draw.random(len(graph)) < 0.002)
        outside = outside | (draw.random(len(graph)) < 0.002)
        assert thing_of(graph, inside, outside)[first].all()


def test_without_a_stroke_outside_something_is_selected_and_not_everything(graph):
    found = thing_of(graph, marks(graph, BALL), np.zeros(len(graph), bool))
    assert found[BALL].mean() > 0.5
    assert not found[OTHER].all()


def test_the_cut_has_the_least_energy_of_all_labellings():
    draw = np.random.default_rng(3)
    small = PartGraph.of(draw.random((9, 3)), draw.random((9, 3)), neighbours=3)
    for _ in range(10):
        cost_in, cost_out = draw.random((2, 9))

        def energy(labels: np.ndarray, cost_in=cost_in, cost_out=cost_out) -> float:
            one, other = small.edges.T
            return np.where(labels, cost_in, cost_out).sum() + 0.7 * small.weights[labels[one] != labels[other]].sum()

        every = (np.arange(512)[:, None] >> np.arange(9) & 1).astype(bool)
        least = min(energy(labels) for labels in every)
        assert energy(minimise(small, cost_in, cost_out, 0.7)) == pytest.approx(least)


def test_what_hangs_together_with_no_mark_is_left_out(graph):
    everything_but_the_floor = np.ones(len(graph), bool)
    everything_but_the_floor[FLOOR] = False
    found = reached(graph, everything_but_the_floor, marks(graph, BALL))
    assert found[BALL].mean() > 0.99
    assert not found[OTHER].any()


def test_growing_and_shrinking_go_by_distance(graph):
    chosen = np.zeros(len(graph), bool)
    chosen[BALL] = True
    wider, narrower = grown(graph.points, chosen, 0.05), grown(graph.points, chosen, -0.05)
    assert wider[chosen].all()
    assert chosen[narrower].all()
    apart = np.linalg.norm(graph.points[:, None] - graph.points[BALL][None], axis=-1).min(1)
    assert np.array_equal(wider, apart <= 0.05)
    assert narrower.sum() < chosen.sum() < wider.sum()


def test_a_scene_of_one_part_is_that_part():
    graph = PartGraph.of(np.zeros((1, 3)), np.full((1, 3), 0.5))
    assert thing_of(graph, np.array([True]), np.array([False])).all()
