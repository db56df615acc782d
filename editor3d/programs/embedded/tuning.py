"""Programs of one structure, each tuned by rounds of Gauss-Newton along some of its numbers.

They are ranked by |r|^2 + lambda |x - x0|^2, with r the residuals of the picture's coarse levels, x the numbers in
0..1, x0 the first program's, and lambda a tenth of the least |r|^2 so far: of two programs with pictures alike, the one
nearer to what was given is better, and the more the pictures differ, the less that counts.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

import numpy as np

from editor3d.programs.embedded.descent import bounded_step
from editor3d.programs.language.space import Space

PRIOR = 0.1
"""lambda, relative to the least |r|^2."""
PROBE = 0.025
"""Steps along the axes that slopes are measured by."""
TRUSTED = 0.12
"""How far measured slopes are good for."""
LONGEST = 0.4
"""The longest step."""
DAMPING = (1.0, 0.1, 10.0, 0.01)
NEAR, RECENT = 0.2, 60
"""Which and how many of the last pictures correct slopes."""
STUCK = 2.0

Batch = Generator["list[np.ndarray]", "list[Member | None]", None]


@dataclass(eq=False)
class Member:
    """A program and its picture."""

    point: np.ndarray
    """[N] in 0..1."""
    residuals: np.ndarray
    """[R] float32, of the coarse levels."""
    misfit: float
    """|r|^2."""
    slopes: np.ndarray | None = None
    """[R, N], the Jacobian of the residuals."""
    measured_at: np.ndarray | None = None
    damping: float = 0.1
    stalled: float = 0.0
    swept: dict[int, float] = field(default_factory=dict)
    """The misfit at which each count was tried."""


class Batches:
    """A search that has programs rendered batch by batch, for rounds of any size."""

    def __init__(self, search: Batch, tuner: Tuner) -> None:
        self._search, self._tuner = search, tuner
        self._requested = 0
        self._known: dict[bytes, Member] = {}
        self.is_done = False
        """Nothing more is to be rendered."""
        self._batch: list[np.ndarray] = []
        self._next(None)

    def ask(self, count: int) -> list[np.ndarray]:
        """Up to `count` points [N] to be rendered next; `tell` comes before the next ones."""
        begun, self._requested = self._requested, min(self._requested + count, len(self._batch))
        return self._batch[begun : self._requested]

    def tell(self, rendered: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
        """Requested points that gave a picture, with all residuals [R] of it."""
        for point, residuals in rendered:
            self._known[point.tobytes()] = self._tuner.member(point, residuals)
        if self._requested == len(self._batch):
            results = [self._known.get(point.tobytes()) for point in self._batch]
            self._known, self._requested = {}, 0
            self._next(results)

    def _next(self, results: list[Member | None] | None) -> None:
        try:
            self._batch = next(self._search) if results is None else self._search.send(results)
            while not self._batch:  # a count that has but one value has no neighbours
                self._batch = self._search.send([])
        except StopIteration:
            self._batch, self.is_done = [], True


class Tuner:
    """Tunes programs along some axes.

    Its searches are generators: they yield points [N] to be rendered, and are sent a `Member` for each, or None for one
    that gave no picture.
    """

    def __init__(self, space: Space, fine: int, free: np.ndarray) -> None:
        """
        Args:
            space: of the structure; its own program is the first one.
            fine: how many of the first residuals are of the finest levels, which are left out: what is out of its place
                by some pixels has no slope in them, and they have the noise.
            free: indices of the axes along which programs are tuned; none of a whole number.
        """
        self._space, self._fine = space, fine
        self.first = space.snapped(space.vector(space.program))
        self.free = free
        self._is_free = np.isin(np.arange(len(space)), free)
        self._least = np.inf
        self._seen: list[Member] = []

    def score(self, member: Member) -> float:
        """What members are ranked by; see the module's text."""
        away = float(np.square(member.point - self.first).sum())
        return member.misfit + PRIOR * (self._least if np.isfinite(self._least) else 0.0) * away

    def member(self, point: np.ndarray, residuals: np.ndarray) -> Member:
        coarse = residuals[self._fine :].astype(np.float32)
        member = Member(point, coarse, float(np.square(coarse, dtype=np.float64).sum()))
        self._least = min(self._least, member.misfit)
        self._seen = [*self._seen[1 - RECENT :], member]
        return member

    def rendered(self, points: Sequence[np.ndarray]) -> Generator[list[np.ndarray], list[Member | None], list[Member]]:
        """Have points rendered; those that gave a picture, each with a record of its own."""
        results = yield [self._space.snapped(np.clip(point, 0.0, 1.0)) for point in points]
        return [Member(one.point, one.residuals, one.misfit) for one in results if one is not None]

    def tune(self, member: Member, rng: np.random.Generator) -> Batch:
        """One round of Gauss-Newton along the free axes; the member moves where that helps."""
        free = self.free
        if not len(free):
            member.stalled = STUCK
            return
        fresh = (
            member.slopes is None
            or member.stalled > 0.0
            or np.linalg.norm((member.point - member.measured_at)[free]) > TRUSTED
        )
        if fresh:
            yield from self._measure(member, rng)
        else:
            self._correct(member)
        slopes, size = member.slopes, len(member.point)
        assert slopes is not None  # measured
        prior = PRIOR * self._least
        gradient = slopes.T @ member.residuals + prior * (member.point - self.first)
        curvature = (slopes.T @ slopes).astype(np.float64) + prior * np.eye(size)
        unit = max(float(np.trace(curvature)) / len(free), 1e-12)
        points = []
        for factor in DAMPING:
            matrix = curvature + member.damping * factor * unit * np.eye(size)
            step = bounded_step(member.point, gradient, matrix, self._is_free) - member.point
            points.append(member.point + step * min(1.0, LONGEST / max(float(np.linalg.norm(step)), 1e-9)))
        before = self.score(member)
        tried = yield [self._space.snapped(point) for point in points]
        found = [(self.score(one), place) for place, one in enumerate(tried) if one is not None]
        least, place = min(found, default=(np.inf, 0))
        one = tried[place] if found else None
        if one is not None and least < before:
            member.point, member.residuals, member.misfit = one.point, one.residuals, one.misfit
            member.damping = float(np.clip(member.damping * DAMPING[place], 1e-4, 100.0))
        else:
            member.damping = min(member.damping * 10.0, 100.0)
        if least > 0.97 * before:
            member.stalled += 1.0 if fresh else 0.5
        else:
            member.stalled = 0.0

    def _measure(self, member: Member, rng: np.random.Generator) -> Batch:
        """Measure the slopes by a step along each axis."""
        points = []
        for axis in self.free:
            point = member.point.copy()
            step = PROBE * rng.choice([-1.0, 1.0])
            point[axis] += step if 0.0 <= point[axis] + step <= 1.0 else -step
            points.append(point)
        results = yield points
        slopes = np.zeros((len(member.residuals), len(member.point)), np.float32)
        for axis, point, one in zip(self.free, points, results, strict=True):
            if one is not None:
                slopes[:, axis] = (one.residuals - member.residuals) / (point[axis] - member.point[axis])
        member.slopes, member.measured_at = slopes, member.point.copy()

    def _correct(self, member: Member) -> None:
        """Correct the slopes by the last pictures near the member, as `descent` does."""
        assert member.slopes is not None
        moves = np.array([one.point - member.point for one in self._seen])
        lengths = np.linalg.norm(moves, axis=1)
        near = np.flatnonzero((lengths > 1e-6) & (lengths < NEAR))
        if not len(near):
            return
        moved = moves[near].T.astype(np.float32)
        change = np.stack([self._seen[index].residuals for index in near], axis=1) - member.residuals[:, None]
        weighted = moved / (lengths[near] ** 2 + 1e-4).astype(np.float32)
        normal = weighted @ moved.T + 0.3 * np.eye(len(moved), dtype=np.float32)
        member.slopes = member.slopes + (change - member.slopes @ moved) @ weighted.T @ np.linalg.inv(normal)
