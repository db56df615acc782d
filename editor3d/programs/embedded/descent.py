"""Gauss-Newton on the pixels: the Jacobian in a program's numbers is learnt from the rendered pictures.

With x the numbers in 0..1 and r(x) the residuals of `PictureLoss`, a Jacobian J of r is fitted to all pictures that the
search has rendered near the incumbent x*, by weighted least squares with the former J as a prior,

    J <- J + (dR - J dX) W dX^T (dX W dX^T + mu I)^-1,      w_i = 1 / (|dx_i|^2 + e)

so a step along each axis is enough to begin with and each later picture corrects it (with one sample and mu -> 0 this
is Broyden's update). Steps minimise |r + J d|^2 + lambda |d|^2 within the box, for several lambda at a time, as in
Levenberg-Marquardt. Renders have the same noise for the same seed, so that small differences are not drowned in it. The
coarse levels of the pictures are matched first, and then all of them. Two of three steps hold whole numbers, along
whose axes pictures have hardly a slope: leaps are what finds them.
"""

from __future__ import annotations

import numpy as np

MEMORY = 160
"""Pictures that are kept; the farthest from the incumbent go first."""
REACH = 0.45
"""Pictures farther away than this, in units of the box's side, say nothing of the slope here."""
PROBE = 0.04
"""The step along an axis by which its slope is found, at first."""
LEAST_PROBE = 0.008
"""8-bit pictures hide smaller ones."""
DAMPING = (1e-3, 1e-2, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)
"""lambda, relative to the last one that helped; ordered by use below."""
ORDER = (4, 2, 3, 5, 1, 6, 0, 7)
PRIOR = 0.05
COUNTS_EVERY = 3
"""Every third step also moves whole numbers, along whose axes pictures have hardly a slope; the others hold them."""
COARSE_PATIENCE = 2
"""Rounds of coarse steps that bring nothing before the fine levels are looked at."""


class Descent:
    """Steps towards one target, for programs of one structure."""

    def __init__(self, least_steps: np.ndarray, fine: int = 0) -> None:
        """
        Args:
            least_steps: [N], the smallest step of each axis that changes anything; 0 where any does.
            fine: how many of the first residuals are of the finest levels. They are left out until the coarse ones
                come to a halt: what is out of its place by some pixels has no slope in them, and they have the noise.
        """
        self._fine = fine
        self._least_steps = least_steps
        self._points: list[np.ndarray] = []
        self._residuals: list[np.ndarray] = []
        self._jacobian: np.ndarray | None = None
        self._damping = 0.03
        self._probe = PROBE
        self._requested: list[tuple[np.ndarray, float | None]] = []
        self.alive = np.ones(len(least_steps), bool)
        """[N]: axes that change the picture; the others are not moved."""
        self.stalled = 0
        """Rounds in a row that did not bring the loss down by half a per cent."""

    def remember(self, point: np.ndarray, residuals: np.ndarray) -> None:
        """Take a rendered picture in: its point [N] and residuals [R]."""
        self._points.append(point)
        self._residuals.append(residuals.astype(np.float32))

    def ask(self, best: np.ndarray, residuals: np.ndarray, count: int, rng: np.random.Generator) -> list[np.ndarray]:
        """Points to try next: along axes whose slope is not known, and, once all are, steps downhill.

        Args:
            best: [N], the incumbent.
            residuals: [R], its residuals.
            count: how many.
        """
        information = np.where(self.alive, self._fit(best, residuals), np.inf)
        unknown = [int(axis) for axis in np.argsort(information, kind="stable") if information[axis] < 0.5]
        self._requested = []
        if not unknown:
            steps = count if count < 4 else count - 1
            self._requested += self._steps(best, residuals, steps)
            # One probe a round keeps the slope of the least known axis fresh.
            unknown = [int(np.argmin(information))] if self.alive.any() else []
        for axis in unknown[: count - len(self._requested)]:
            self._requested.append((self._probed(best, axis, rng), None))
        return [point for point, _ in self._requested]

    def tell(self, improvement: float, winner: np.ndarray | None) -> None:
        """Learn how much a round of these points lowered the loss (as a ratio), and the point that did."""
        probing_only = all(damping is None for _, damping in self._requested)
        if winner is not None:
            for point, damping in self._requested:
                if damping is not None and np.array_equal(point, winner):
                    self._damping = float(np.clip(damping, 1e-6, 1e3))
        if improvement > 0.005:
            self.stalled = 0
        elif not probing_only and self._fine and self.stalled + 1 >= COARSE_PATIENCE:
            self._fine, self.stalled, self._damping = 0, 0, 0.03
        elif not probing_only:
            self.stalled += 1
            self._damping = min(self._damping * 4.0, 1e3)
            self._probe = max(self._probe / 2.0, LEAST_PROBE)

    def revive(self) -> None:
        """Begin afresh from wherever the incumbent is now."""
        self.stalled, self._damping, self._probe, self._jacobian = 0, 0.03, PROBE / 2, None

    def _fit(self, best: np.ndarray, residuals: np.ndarray) -> np.ndarray:
        """Fit the Jacobian at the incumbent; how well each axis is known, [N], 1 is by a step of its own."""
        size = len(best)
        if self._jacobian is None:
            self._jacobian = np.zeros((len(residuals), size), np.float32)
        moves = np.array(self._points).reshape(-1, size) - best
        lengths = np.linalg.norm(moves, axis=1)
        near = np.argsort(lengths, kind="stable")[:MEMORY]
        if len(lengths) > 2 * MEMORY:
            self._points = [self._points[index] for index in near]
            self._residuals = [self._residuals[index] for index in near]
            moves, lengths = moves[near], lengths[near]
            near = np.arange(len(near))
        near = near[(lengths[near] > 1e-6) & (lengths[near] < REACH)]
        if not len(near):
            return np.zeros(size)
        change = np.stack([self._residuals[index] for index in near], axis=1) - residuals[:, None].astype(np.float32)
        moved = moves[near].T
        weights = 1.0 / (lengths[near] ** 2 + 1e-6) * np.exp(-((lengths[near] / 0.2) ** 2))
        weighted = moved * weights
        normal = weighted @ moved.T + PRIOR * np.eye(size)
        correction = (change - self._jacobian @ moved.astype(np.float32)) @ weighted.T.astype(np.float32)
        self._jacobian = self._jacobian + correction @ np.linalg.inv(normal).astype(np.float32)
        return 1.0 - PRIOR * np.diag(np.linalg.inv(normal))

    def _steps(self, best: np.ndarray, residuals: np.ndarray, count: int) -> list[tuple[np.ndarray, float | None]]:
        assert self._jacobian is not None  # `_correct` has made it
        jacobian = self._jacobian[self._fine :]
        gradient = jacobian.T @ residuals[self._fine :]
        curvature = (jacobian.T @ jacobian).astype(np.float64)
        unit = max(float(np.trace(curvature)) / len(best), 1e-12)
        gradual = self._least_steps == 0.0 if np.any(self._least_steps[self.alive] == 0.0) else np.ones(len(best), bool)
        steps = []
        for place in range(count):
            damping = self._damping * DAMPING[ORDER[place % len(ORDER)]] * (1.0 + place // len(ORDER))
            free = self.alive & (gradual if place % COUNTS_EVERY else np.ones(len(best), bool))
            point = bounded_step(best, gradient, curvature + damping * unit * np.eye(len(best)), free)
            steps.append((point, damping))
        return steps

    def _probed(self, best: np.ndarray, axis: int, rng: np.random.Generator) -> np.ndarray:
        step = max(self._probe * rng.uniform(0.7, 1.3), 1.01 * self._least_steps[axis])
        sign = 1.0 if rng.random() < 0.5 else -1.0
        point = best.copy()
        point[axis] = best[axis] + sign * step
        if not 0.0 <= point[axis] <= 1.0:
            point[axis] = best[axis] - sign * step
        return np.clip(point, 0.0, 1.0)


def bounded_step(start: np.ndarray, gradient: np.ndarray, matrix: np.ndarray, free: np.ndarray) -> np.ndarray:
    """The minimum of a quadratic within the box 0..1 along the axes that are free, [N] bool; those that would leave the
    box are held at its side."""
    free = free.copy()
    point = start.copy()
    for _ in range(len(start)):
        step = np.zeros(len(start))
        held = point - start
        right = -(gradient + matrix @ np.where(free, 0.0, held))
        step[free] = np.linalg.solve(matrix[np.ix_(free, free)], right[free])
        wanted = np.where(free, start + step, point)
        outside = free & ((wanted < 0.0) | (wanted > 1.0))
        point = np.clip(wanted, 0.0, 1.0)
        if not outside.any():
            break
        free &= ~outside
        if not free.any():
            break
    return point
