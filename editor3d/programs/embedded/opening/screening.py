"""The first rounds of a search: a picture at one side of every number, and at the other where that changed nothing.

They find what changes the picture at all. Numbers are taken in the order that the instruction suggests, each from the
best program so far. One that changes nothing at both sides is left alone afterwards: the place of a lamp that is off,
or an input that is linked. Equal seeds give equal noise, so that nothing is exactly nothing. The pictures also give the
slopes that steps begin with. Some numbers may be looked at from the first program instead, for pictures that can be
compared with each other.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

REACH = 0.1
"""How far to each side, in units of the box's side."""
SEEN = 1e-4
"""The least change of the residuals, as the root of the sum of its squares, that counts as one."""


class Screening:
    """Of one structure."""

    def __init__(
        self,
        order: Sequence[int],
        first: Sequence[np.ndarray],
        least_steps: np.ndarray,
        start: np.ndarray | None = None,
        from_start: Collection[int] = (),
    ) -> None:
        """
        Args:
            order: the axes, in the order that they are looked at.
            first: points [N] to look at before them.
            least_steps: [N], of whole numbers; 0 for others.
            start: [N], the first program.
            from_start: axes that are looked at from there, and not from the best program so far.
        """
        self._start, self._from_start = start, frozenset(from_start)
        self._start_residuals: np.ndarray | None = None
        self._waiting: list[np.ndarray | int] = [*first, *order]
        self._least_steps = least_steps
        self._sides = np.zeros(len(least_steps), int)
        """How many sides of each axis were looked at."""
        self._changed = np.zeros(len(least_steps), bool)
        self.asked: list[tuple[np.ndarray, int | None]] = []
        """The last points, and the axis along which each lies, if along one."""

    @property
    def is_done(self) -> bool:
        return not self._waiting

    def waits_for(self, axes: Collection[int]) -> bool:
        """Whether one of the axes is still to be looked at."""
        return any(not isinstance(entry, np.ndarray) and entry in axes for entry in self._waiting)

    def put_first(self, points: Sequence[np.ndarray]) -> None:
        """Look at these points [N] next."""
        self._waiting = [*points, *self._waiting]

    def ask(self, here: np.ndarray, count: int) -> list[np.ndarray]:
        """The next points [N] around the incumbent."""
        requested, self._waiting = self._waiting[:count], self._waiting[count:]
        self.asked = [
            (entry, None) if isinstance(entry, np.ndarray) else (self._aside(self._base(here, entry), entry), entry)
            for entry in requested
        ]
        return [point for point, _ in self.asked]

    def _base(self, here: np.ndarray, axis: int) -> np.ndarray:
        return self._start if self._start is not None and axis in self._from_start else here

    def _aside(self, here: np.ndarray, axis: int) -> np.ndarray:
        """To the side with more room first."""
        step = max(REACH, 1.01 * self._least_steps[axis])
        inwards = 1.0 if here[axis] <= 0.5 else -1.0
        point = here.copy()
        point[axis] = np.clip(here[axis] + step * (inwards if self._sides[axis] == 0 else -inwards), 0.0, 1.0)
        return point

    def tell(self, seen: Sequence[tuple[np.ndarray, np.ndarray]], before: np.ndarray) -> None:
        """Learn what the points changed.

        Args:
            seen: points [N] that gave a picture, and its residuals [R].
            before: residuals [R] of the incumbent that they were made around.
        """
        if self._start_residuals is None:
            self._start_residuals = before
        for asked, axis in self.asked:
            if axis is None:
                continue
            self._sides[axis] += 1
            base = self._start_residuals if axis in self._from_start else before
            for point, residuals in seen:
                if np.array_equal(asked, point):
                    self._changed[axis] |= bool(np.linalg.norm(residuals - base) > SEEN)
                    if not self._changed[axis] and self._sides[axis] == 1:
                        self._waiting.append(axis)

    @property
    def alive(self) -> np.ndarray:
        """[N] bool: what changes the picture, or was not seen from both sides."""
        return self._changed | (self._sides < 2)
