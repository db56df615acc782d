"""Find how many there are of something that repeats, by growing it from one.

With every number at once, a picture of a row has a minimum for each count and distance in which some things lie upon
others; the deepest one nearby may show a single thing, the rest being driven out of the picture. One thing has no such
minima. So the row begins with one, which is tuned. Numbers that change nothing there, and do with two, are its
distances. Two things at several distances are tuned next, and then each best row grows: at its end, with the distance
that it has, or between, with the length that it has. It goes on as long as more are better.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

import numpy as np

from editor3d.programs.embedded.tuning import Batch, Batches, Member, Tuner
from editor3d.programs.language.space import Space

SEEN = 1e-3
"""The least length of a slope, of residuals over the whole range of a number, that changes a picture."""
DISTANCES = 8
"""Distances of two that are tried along each such number."""
MOST_DISTANCES = 2
"""Numbers that are taken for distances, at most."""
KEPT, STEPS = 2, 2
"""Rows that grow further, and rounds of Gauss-Newton for each."""
FRESH = 3
"""Rows of two that are tuned."""
NEAREST = 6
"""Numbers that belong to a count where nothing says which do: the next ones in the text."""


class Growth:
    """One count of a program, from its least value up."""

    def __init__(self, space: Space, axis: int, fine: int, here: np.ndarray, seed: int) -> None:
        """
        Args:
            space: of the structure; the values of its own program are one of two starts.
            axis: of the count.
            fine: see `Tuner`.
            here: [N], the incumbent, the other start.
            seed: of all that is drawn.
        """
        self._space, self._axis, self._rng = space, axis, np.random.default_rng(seed)
        self.tuner = Tuner(space, fine, np.array(belonging(space, axis), int))
        self._starts = [here.copy()]
        given = here.copy()
        given[self.tuner.free] = self.tuner.first[self.tuner.free]
        if not np.array_equal(given, here):
            self._starts.append(given)
        self._batched = Batches(self._grown(), self.tuner)

    @property
    def is_done(self) -> bool:
        return self._batched.is_done

    def ask(self, count: int) -> list[np.ndarray]:
        """See `Batches.ask`."""
        return self._batched.ask(count)

    def tell(self, rendered: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
        """See `Batches.tell`."""
        self._batched.tell(rendered)

    def _grown(self) -> Batch:
        if not len(self.tuner.free):
            return
        fewest = max(1.0, self._space.axes[self._axis].bounds.low)
        single = yield from self._tuned([self._with(start, fewest) for start in self._starts], len(self._starts))
        distances = self._distances(single)
        rows = [
            self._with(one.point, fewest + 1.0, axis, position)
            for one in single
            for axis in distances
            for position in (np.arange(DISTANCES) + self._rng.random()) / DISTANCES
        ]
        best = yield from self._tuned(rows, FRESH)
        while best:
            parents = best[:KEPT]
            children = [point for parent in parents for point in self._longer(parent, distances)]
            longer = yield from self._tuned(children, KEPT)
            if not longer or self.tuner.score(longer[0]) >= self.tuner.score(parents[0]):
                return
            best = sorted([*longer, *parents], key=self.tuner.score)

    def _tuned(
        self, points: Sequence[np.ndarray], kept: int
    ) -> Generator[list[np.ndarray], list[Member | None], list[Member]]:
        """Render programs and tune the best of them, best first."""
        tried = sorted((yield from self.tuner.rendered(_unlike(points))), key=self.tuner.score)[:kept]
        for one in tried:
            for _ in range(STEPS):
                yield from self.tuner.tune(one, self._rng)
        return sorted(tried, key=self.tuner.score)

    def _distances(self, single: Sequence[Member]) -> list[int]:
        """Axes that change nothing where there is but one; all, where every one of them does or none was measured."""
        known = [one.slopes for one in single if one.slopes is not None]
        free = [int(axis) for axis in self.tuner.free]
        still = [axis for axis in free if known and all(np.linalg.norm(one[:, axis]) < SEEN for one in known)]
        return (still or free)[:MOST_DISTANCES]

    def _with(self, point: np.ndarray, count: float, axis: int | None = None, position: float = 0.0) -> np.ndarray:
        """The same program with another count, and perhaps with another value along one more axis."""
        other = point.copy()
        other[self._axis] = self._space.axes[self._axis].to_unit(count)
        if axis is not None:
            other[axis] = position
        return other

    def _longer(self, parent: Member, distances: Sequence[int]) -> Iterator[np.ndarray]:
        """More of the same distance, or of the same length in all."""
        counted = self._space.axes[self._axis]
        count, most = counted.from_unit(float(parent.point[self._axis])), counted.bounds.high
        yield from (self._with(parent.point, more) for more in (count + 1.0, count + 2.0) if more <= most)
        for more in (count + 1.0, count + 2.0, 2.0 * count - 1.0, 2.0 * count, 2.0 * count + 1.0):
            for axis in distances if count < more <= most else ():
                along = self._space.axes[axis]
                distance = along.from_unit(float(parent.point[axis])) * (count - 1.0) / (more - 1.0)
                yield self._with(parent.point, more, axis, along.to_unit(distance))


def belonging(space: Space, axis: int) -> list[int]:
    """Numbers with a slope that belong to a count: inputs of the same modifier, else the nearest ones in the text."""
    known, counted = space.program.vocabulary.by_label, space.parameters[space.axes[axis].parameter]
    gradual = [
        index for index, other in enumerate(space.axes) if space.least_steps[index] == 0.0 and other.channel is None
    ]
    own = known.get(counted.label.partition("[")[0])
    if own is not None:
        found = []
        for index in gradual:
            other = known.get(space.parameters[space.axes[index].parameter].label.partition("[")[0])
            if other is not None and (other.owner, other.modifier) == (own.owner, own.modifier):
                found.append(index)
        return found
    near = sorted(gradual, key=lambda index: abs(space.parameters[space.axes[index].parameter].start - counted.start))
    return sorted(near[:NEAREST])


def _unlike(points: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Each point once."""
    return list({np.round(point, 9).tobytes(): point for point in points}.values())
