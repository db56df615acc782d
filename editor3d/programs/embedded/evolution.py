"""CMA-ES (Hansen's `cma`) over a program's numbers, a few candidates at a time; it needs no more than their order."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from editor3d.errors import ConfigError

LEAST_POPULATION = 4
LEAST_DIMENSIONS = 2
"""`cma` wants at least two; a program of one number gets an axis that means nothing."""


class Evolution:
    """One strategy, for programs of one structure."""

    def __init__(self, start: np.ndarray, spread: float, population: int, seed: int) -> None:
        """
        Args:
            start: [N] in 0..1, where the search begins.
            spread: the first standard deviation, in units of the box's side.
            population: candidates of a generation; at least 4 are taken.
            seed: of its random numbers; numpy's global generator is not touched.

        Raises:
            ConfigError: `cma` is not installed.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                import cma
            except ImportError as error:
                raise ConfigError(
                    "The embedded proposer needs the package cma: pip install 'editor3d[blender]', or choose "
                    "--proposer vision."
                ) from error

            self.size = len(start)
            rng = np.random.default_rng(seed)
            options = {
                "bounds": [0.0, 1.0],
                "popsize": max(population, LEAST_POPULATION),
                "seed": float("nan"),
                "randn": lambda *shape: rng.standard_normal(shape),
                "verbose": -9,
                "verb_log": 0,
                "verb_disp": 0,
            }
            self._strategy = cma.CMAEvolutionStrategy(_padded(start), spread, options)
        self._waiting: list[np.ndarray] = []
        self._open: dict[bytes, np.ndarray] = {}
        self._told: list[tuple[np.ndarray, float]] = []

    @property
    def converged(self) -> bool:
        strategy: Any = self._strategy  # its own annotations are too narrow
        return strategy.sigma * float(np.max(strategy.sigma_vec.scaling)) < 0.01 or bool(strategy.stop())

    def ask(self, count: int) -> list[np.ndarray]:
        """Up to `count` points [N] of the present generation."""
        if not self._waiting and not self._open:
            self._waiting = [np.asarray(point) for point in self._strategy.ask()]
        requested, self._waiting = self._waiting[:count], self._waiting[count:]
        for point in requested:
            self._open[point[: self.size].tobytes()] = point
        return [point[: self.size].copy() for point in requested]

    def tell(self, scored: Sequence[tuple[np.ndarray, float]]) -> None:
        """Losses, or ranks, of requested points; a generation is learnt from when it is complete.

        Points that are open and not named gave no picture, and count as the worst.
        """
        known = {point.tobytes(): loss for point, loss in scored}
        worst = max([loss for _, loss in (*scored, *self._told)], default=1.0)
        for key, point in self._open.items():
            loss = known.get(key)
            self._told.append((point, (worst + abs(worst) + 1.0) if loss is None else loss))
        self._open = {}
        if not self._waiting and len(self._told) >= self._strategy.popsize:
            points, losses = zip(*self._told, strict=True)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._strategy.tell(list(points), list(losses))
            self._told = []


def _padded(point: np.ndarray) -> np.ndarray:
    return np.concatenate([point, np.full(max(0, LEAST_DIMENSIONS - len(point)), 0.5)])
