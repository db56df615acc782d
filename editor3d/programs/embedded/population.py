"""A population of programs of one structure, each tuned by Gauss-Newton: for pictures whose loss has many minima.

Where things repeat or turn, the loss of the pixels has a minimum for every other count and pose, and steps downhill end
in the one at hand. Here some programs are kept that are good and unlike each other, and new ones are made from them:

- counts: along the axis of a whole number its neighbours are all tried, as pictures have no slope there;
- blocks: some groups of numbers that belong together (the parts of one vector, one colour, or a number of its own) are
  drawn anew, around the first program, around their present values, or as in another member, while the others stay.
  Pictures then tell drawn points apart, as values that are right already stay;
- of each such batch the best are tuned for some steps before it is decided whether they are kept.

Members are ranked by |r|^2 + lambda |x - x0|^2, with r the residuals of the picture's coarse levels, x the numbers in
0..1, x0 the first program's, and lambda a tenth of the least |r|^2 so far: of two programs with pictures alike, the one
nearer to what was given is better, and the more the pictures differ, the less that counts.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

import numpy as np

from editor3d.programs.embedded.descent import bounded_step
from editor3d.programs.embedded.space import Space

MEMBERS = 6
SCREENED = 150
"""Programs drawn around the first one that members are chosen from."""
DRAWN = 24
"""Programs of one batch of blocks."""
TUNED, STEPS = 2, 2
"""How many of a batch are tuned, and for how many rounds of Gauss-Newton."""
SPREAD = 0.12
"""Standard deviation of what is drawn around the first program."""
SPREADS = (0.06, 0.12, 0.25)
"""Standard deviations of what is drawn around a member, one of them each time."""
APART, NEW = 0.2, 0.15
"""Distances of members: at first, and of a later one that does not take the place of those near it."""
COUNTS = 5
"""Steps to each side of a count that are tried."""
SWEPT_AGAIN = 0.5
"""Counts are tried again where the residuals have fallen to this part."""
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
HOPELESS = 2.5
"""A program is not tuned further while its residuals are as many times its parent's."""
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


class Population:
    """Programs of one structure that are to match one target."""

    def __init__(self, space: Space, fine: int, seed: int) -> None:
        """
        Args:
            space: of the structure; its own program is the first one.
            fine: how many of the first residuals are of the finest levels, which are left out: what is out of its place
                by some pixels has no slope in them, and they have the noise.
            seed: of all that is drawn.
        """
        self._space, self._fine = space, fine
        self._first = space.snapped(space.vector(space.program))
        self._rng = np.random.default_rng(seed)
        self._whole = np.flatnonzero(space.least_steps > 0.0)
        self._gradual = np.flatnonzero(space.least_steps == 0.0)
        self._groups = groups(space)
        self._least = np.inf
        self._seen: list[Member] = []
        self.members: list[Member] = []
        """Best first."""
        self._search = self._batches()
        self._batch = next(self._search)
        self._requested = 0
        self._known: dict[bytes, Member] = {}

    def ask(self, count: int) -> list[np.ndarray]:
        """Up to `count` points [N] to be rendered next; `tell` comes before the next ones."""
        begun, self._requested = self._requested, min(self._requested + count, len(self._batch))
        return self._batch[begun : self._requested]

    def tell(self, rendered: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
        """Requested points that gave a picture, with all residuals [R] of it."""
        for point, residuals in rendered:
            self._known[point.tobytes()] = self._member(point, residuals)
        if self._requested == len(self._batch):
            results = [self._known.get(point.tobytes()) for point in self._batch]
            self._known, self._requested = {}, 0
            self._batch = self._search.send(results)
            while not self._batch:  # a count that has but one value has no neighbours
                self._batch = self._search.send([])

    def add(self, point: np.ndarray, residuals: np.ndarray) -> None:
        """Take in a program that was found elsewhere."""
        self._join(self._member(self._space.snapped(point), residuals))

    def score(self, member: Member) -> float:
        """What members are ranked by; see the module's text."""
        away = float(np.square(member.point - self._first).sum())
        return member.misfit + PRIOR * (self._least if np.isfinite(self._least) else 0.0) * away

    def _member(self, point: np.ndarray, residuals: np.ndarray) -> Member:
        coarse = residuals[self._fine :].astype(np.float32)
        member = Member(point, coarse, float(np.square(coarse, dtype=np.float64).sum()))
        self._least = min(self._least, member.misfit)
        self._seen = [*self._seen[1 - RECENT :], member]
        return member

    def _batches(self) -> Batch:
        """The whole search, a batch of points at a time; it has no end."""
        drawn = [self._first, *(self._around(self._first, SPREAD) for _ in range(SCREENED))]
        pool = sorted((yield from self._rendered(drawn)), key=self.score)
        for one in pool:
            if len(self.members) < MEMBERS and all(_apart(one, other) > APART for other in self.members):
                self.members.append(one)
        for member in tuple(self.members):
            yield from self._tune(member)
        while True:
            self.members.sort(key=self.score)
            if not self.members:  # nothing gave a picture
                pool = yield from self._rendered([self._around(self._first, SPREAD) for _ in range(DRAWN)])
                self.members = pool[:1]
                continue
            parent, axis = self._to_sweep()
            if parent is not None and axis is not None:
                points = self._neighbours(parent, axis)
                parent.swept[axis] = parent.misfit
            else:
                chosen = min(int(self._rng.exponential(len(self.members) / 3.0)), len(self.members) - 1)
                parent = self.members[chosen]
                if parent.stalled < STUCK and self._rng.random() < 0.5:
                    yield from self._tune(parent)
                    continue
                points = self._blocks(parent)
            children = sorted((yield from self._rendered(points)), key=self.score)
            for child in children[:TUNED]:
                yield from self._raise(child, parent, axis)

    def _rendered(self, points: Sequence[np.ndarray]) -> Generator[list[np.ndarray], list[Member | None], list[Member]]:
        """Have points rendered; those that gave a picture, each with a record of its own."""
        results = yield [self._space.snapped(np.clip(point, 0.0, 1.0)) for point in points]
        return [Member(one.point, one.residuals, one.misfit) for one in results if one is not None]

    def _raise(self, child: Member, parent: Member, axis: int | None) -> Batch:
        """Tune a child and decide whether it is kept."""
        moved = np.linalg.norm((child.point - parent.point)[self._gradual])
        if parent.slopes is not None and moved < TRUSTED:
            child.slopes, child.measured_at = parent.slopes.copy(), child.point.copy()
        if axis is not None:
            child.swept[axis] = child.misfit
        for _ in range(STEPS):
            yield from self._tune(child)
            if child.misfit > HOPELESS * parent.misfit:
                break
        self._join(child)

    def _join(self, member: Member) -> None:
        """Keep a program unless one near it, or all of as many as are kept, are better."""
        near = [other for other in self.members if _apart(other, member) < NEW]
        if near and self.score(member) >= min(map(self.score, near)):
            return
        others = [other for other in self.members if all(other is not one for one in near)]
        self.members = sorted([*others, member], key=self.score)[:MEMBERS]

    def _tune(self, member: Member) -> Batch:
        """One round of Gauss-Newton along the axes that are no counts; the member moves where that helps."""
        free = self._gradual
        if not len(free):
            member.stalled = STUCK
            return
        fresh = (
            member.slopes is None
            or member.stalled > 0.0
            or np.linalg.norm((member.point - member.measured_at)[free]) > TRUSTED
        )
        if fresh:
            yield from self._measure(member)
        else:
            self._correct(member)
        slopes, size = member.slopes, len(member.point)
        assert slopes is not None  # measured
        prior = PRIOR * self._least
        gradient = slopes.T @ member.residuals + prior * (member.point - self._first)
        curvature = (slopes.T @ slopes).astype(np.float64) + prior * np.eye(size)
        unit = max(float(np.trace(curvature)) / len(free), 1e-12)
        points = []
        for factor in DAMPING:
            matrix = curvature + member.damping * factor * unit * np.eye(size)
            step = bounded_step(member.point, gradient, matrix, self._space.least_steps == 0.0) - member.point
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

    def _measure(self, member: Member) -> Batch:
        """Measure the slopes by a step along each axis."""
        points = []
        for axis in self._gradual:
            point = member.point.copy()
            step = PROBE * self._rng.choice([-1.0, 1.0])
            point[axis] += step if 0.0 <= point[axis] + step <= 1.0 else -step
            points.append(point)
        results = yield points
        slopes = np.zeros((len(member.residuals), len(member.point)), np.float32)
        for axis, point, one in zip(self._gradual, points, results, strict=True):
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

    def _to_sweep(self) -> tuple[Member | None, int | None]:
        """A member that is tuned, and a count of it whose neighbours were not tried since it was far worse."""
        for member, axis in itertools.product(self.members[: MEMBERS // 2], map(int, self._whole)):
            tuned = member.stalled > 0.0
            if tuned and member.misfit < SWEPT_AGAIN * member.swept.get(axis, np.inf):
                return member, axis
        return None, None

    def _neighbours(self, member: Member, axis: int) -> list[np.ndarray]:
        """The same program with other values of one count, the nearest ones."""
        step = self._space.least_steps[axis]
        points = []
        for away in itertools.chain.from_iterable((-n, n) for n in range(1, COUNTS + 1)):
            point = member.point.copy()
            point[axis] += away * step
            if -0.5 * step < point[axis] < 1.0 + 0.5 * step:
                points.append(point)
        return points

    def _blocks(self, member: Member) -> list[np.ndarray]:
        """Programs with some groups of numbers drawn anew, the same groups in all of them."""
        rng = self._rng
        chosen = rng.random(len(self._groups)) < 0.5
        chosen[rng.integers(len(self._groups))] = True
        points = []
        for _ in range(DRAWN):
            kind, other = rng.random(), self.members[rng.integers(len(self.members))].point
            if kind < 0.2:
                drawn = other
            elif kind < 0.6:
                drawn = self._around(self._first, SPREAD)
            else:
                drawn = self._around(member.point, float(rng.choice(SPREADS)))
            point = member.point.copy()
            for group in itertools.compress(self._groups, chosen):
                point[group] = drawn[group]
            points.append(point)
        return points

    def _around(self, point: np.ndarray, spread: float) -> np.ndarray:
        return point + self._rng.normal(0.0, spread, len(point))


def groups(space: Space) -> list[list[int]]:
    """Axes that belong together: channels of one colour, and elements of one vector, which follow each other."""
    found: list[list[int]] = []
    last: tuple[str, int] | None = None
    for index, axis in enumerate(space.axes):
        label = space.program.parameters[axis.parameter].label
        element = re.fullmatch(r"(.*)\[(\d+)\]", label)
        name, place = (element[1], int(element[2])) if element else (label, axis.channel)
        if last is not None and place is not None and last == (name, place - 1):
            found[-1].append(index)
        else:
            found.append([index])
        last = None if place is None else (name, place)
    return found


def _apart(one: Member, other: Member) -> float:
    return float(np.linalg.norm(one.point - other.point))
