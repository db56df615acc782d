"""Steps of Gauss-Newton with numbers of which some are whole."""

from __future__ import annotations

import numpy as np
import pytest

from editor3d.programs.embedded.descent import COUNTS_EVERY, Descent
from editor3d.programs.language.space import Space
from editor3d.programs.language.syntax import Program

TARGET = np.array([0.3, 0.7, 0.55])


def residuals(point: np.ndarray) -> np.ndarray:
    """Linear ones, of unlike size along the axes, that are 0 at `TARGET` alone."""
    matrix = np.array([[1.0, 0.2, 0.1], [0.0, 0.5, 0.3], [0.3, 0.0, 0.8], [0.1, 0.4, 0.0]])
    return matrix @ (point - TARGET)


def learnt(descent: Descent, best: np.ndarray, rng: np.random.Generator) -> Descent:
    """Let it see a picture along each axis, and the incumbent's own."""
    for point in (best, *descent.ask(best, residuals(best), 3, rng)):
        descent.remember(point, residuals(point))
    return descent


def test_linear_residuals_are_met_in_a_few_rounds():
    rng, best = np.random.default_rng(0), np.full(3, 0.5)
    descent = learnt(Descent(np.zeros(3)), best, rng)
    for _ in range(4):
        points = descent.ask(best, residuals(best), 8, rng)
        for point in points:
            descent.remember(point, residuals(point))
        best = min([best, *points], key=lambda point: np.square(residuals(point)).sum())
        descent.tell(1.0, best)
    assert np.abs(best - TARGET).max() < 0.02


def test_most_steps_hold_whole_numbers_and_some_move_them():
    rng, best = np.random.default_rng(0), np.full(3, 0.5)
    descent = learnt(Descent(np.array([0.0, 0.1, 0.0])), best, rng)
    steps = descent.ask(best, residuals(best), 7, rng)[:6]
    moved = [bool(step[1] != best[1]) for step in steps]
    assert moved == [place % COUNTS_EVERY == 0 for place in range(6)]
    assert all(step[0] != best[0] and step[2] != best[2] for step in steps)


def test_whole_numbers_alone_are_moved():
    rng, best = np.random.default_rng(0), np.full(3, 0.5)
    descent = learnt(Descent(np.full(3, 0.05)), best, rng)
    assert all(np.all(step != best) for step in descent.ask(best, residuals(best), 7, rng)[:6])


def test_a_snapped_point_is_that_of_the_program_written_there():
    space = Space(Program("vertices_x = 5\nroughness = 0.5\nvertices_y = 4\n"))
    for point in np.random.default_rng(1).random((20, 3)):
        written = space.vector(Program(space.source(point)))
        assert space.snapped(point) == pytest.approx(written, abs=1e-5)
        assert space.snapped(space.snapped(point)) == pytest.approx(space.snapped(point))
