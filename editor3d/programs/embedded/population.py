"""A population of programs of one structure, each tuned by Gauss-Newton: for pictures whose loss has many minima.

Where things repeat or turn, the loss of the pixels has a minimum for every other count and pose, and steps downhill end
in the one at hand. Here some programs are kept that are good and unlike each other, and new ones are made from them:

- counts: along the axis of a whole number its neighbours are all tried, as pictures have no slope there;
- blocks: some groups of numbers that belong together (the parts of one vector, one colour, or a number of its own) are
  drawn anew, around the first program, around their present values, or as in another member, while the others stay.
  Pictures then tell drawn points apart, as values that are right already stay;
- of each such batch the best are tuned for some steps before it is decided whether they are kept.

`tuning.py` has how they are ranked and tuned.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

import numpy as np

from editor3d.programs.embedded.tuning import STUCK, TRUSTED, Batch, Batches, Member, Tuner
from editor3d.programs.language.space import Space

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
HOPELESS = 2.5
"""A program is not tuned further while its residuals are as many times its parent's."""


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
        self._space, self.tuner = space, Tuner(space, fine, np.flatnonzero(space.least_steps == 0.0))
        self._first = self.tuner.first
        self._rng = np.random.default_rng(seed)
        self._whole = np.flatnonzero(space.least_steps > 0.0)
        self._groups = groups(space)
        self.members: list[Member] = []
        """Best first."""
        self._batched = Batches(self._batches(), self.tuner)

    def ask(self, count: int) -> list[np.ndarray]:
        """See `Batches.ask`; there is no end."""
        return self._batched.ask(count)

    def tell(self, rendered: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
        """See `Batches.tell`."""
        self._batched.tell(rendered)

    def add(self, point: np.ndarray, residuals: np.ndarray) -> None:
        """Take in a program that was found elsewhere."""
        self._join(self.tuner.member(self._space.snapped(point), residuals))

    def _batches(self) -> Batch:
        """The whole search, a batch of points at a time; it has no end."""
        drawn = [self._first, *(self._around(self._first, SPREAD) for _ in range(SCREENED))]
        pool = sorted((yield from self.tuner.rendered(drawn)), key=self.tuner.score)
        for one in pool:
            if len(self.members) < MEMBERS and all(_apart(one, other) > APART for other in self.members):
                self.members.append(one)
        for member in tuple(self.members):
            yield from self.tuner.tune(member, self._rng)
        while True:
            self.members.sort(key=self.tuner.score)
            if not self.members:  # nothing gave a picture
                pool = yield from self.tuner.rendered([self._around(self._first, SPREAD) for _ in range(DRAWN)])
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
                    yield from self.tuner.tune(parent, self._rng)
                    continue
                points = self._blocks(parent)
            children = sorted((yield from self.tuner.rendered(points)), key=self.tuner.score)
            for child in children[:TUNED]:
                yield from self._raise(child, parent, axis)

    def _raise(self, child: Member, parent: Member, axis: int | None) -> Batch:
        """Tune a child and decide whether it is kept."""
        moved = np.linalg.norm((child.point - parent.point)[self.tuner.free])
        if parent.slopes is not None and moved < TRUSTED:
            child.slopes, child.measured_at = parent.slopes.copy(), child.point.copy()
        if axis is not None:
            child.swept[axis] = child.misfit
        for _ in range(STEPS):
            yield from self.tuner.tune(child, self._rng)
            if child.misfit > HOPELESS * parent.misfit:
                break
        self._join(child)

    def _join(self, member: Member) -> None:
        """Keep a program unless one near it, or all of as many as are kept, are better."""
        near = [other for other in self.members if _apart(other, member) < NEW]
        if near and self.tuner.score(member) >= min(map(self.tuner.score, near)):
            return
        others = [other for other in self.members if all(other is not one for one in near)]
        self.members = sorted([*others, member], key=self.tuner.score)[:MEMBERS]

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
