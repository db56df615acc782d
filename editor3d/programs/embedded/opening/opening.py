"""How a search of numbers opens: guesses of the light, a look at every number, and the solved light.

Guesses come from the instruction and the comments (`focus.py`), and from both pictures' means (`relit`). Screening then
finds what changes the picture. The numbers of lights are all looked at from the first program, so that their pictures
add up; as soon as all of them are known, the light is solved for (`relighting.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from editor3d.programs.core.contracts import Candidate
from editor3d.programs.embedded.opening.focus import Focus, relit
from editor3d.programs.embedded.opening.relighting import Relighting
from editor3d.programs.embedded.opening.screening import Screening
from editor3d.programs.judge.picture_loss import PictureLoss
from editor3d.programs.language.space import Space


class Opening:
    """Of one program and one target."""

    def __init__(
        self, focus: Focus, space: Space, here: np.ndarray, image: np.ndarray, measure: PictureLoss, is_confined: bool
    ) -> None:
        """
        Args:
            focus: of the instruction.
            space: of the program.
            here: [N], its point.
            image: [H, W, 3] uint8 sRGB, its picture.
            measure: the distance to the target.
            is_confined: it is about some objects only; light falls on everything.
        """
        self.space, self._measure = space, measure
        self._relighting = None if is_confined else Relighting(space, here, image, measure.target)
        first = focus.told(space.program, space)
        if not is_confined:
            first += relit(space.program, space, image, measure.target)
        lights = frozenset() if self._relighting is None else self._relighting.axes
        self._screening = Screening(focus.order(space), first, space.least_steps, here, lights)

    @property
    def is_done(self) -> bool:
        return self._screening.is_done

    @property
    def alive(self) -> np.ndarray:
        """[N] bool: what changes the picture, or is not known yet."""
        return self._screening.alive

    def ask(self, here: np.ndarray, count: int) -> list[np.ndarray]:
        """The next points [N] around the incumbent."""
        return self._screening.ask(here, count)

    def tell(
        self, tried: Sequence[tuple[np.ndarray, Candidate]], incumbent: Candidate
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Learn from the pictures of points; their residuals [R] beside the points [N].

        Args:
            tried: points that gave a picture.
            incumbent: the best program before them.
        """
        seen = [(point, self._measure.residuals(one.image)) for point, one in tried]
        asked = self._screening.asked
        self._screening.tell(seen, self._measure.residuals(incumbent.image))
        relighting = self._relighting
        if relighting is not None:
            for point, one in tried:
                axis = next((axis for place, axis in asked if axis is not None and np.array_equal(place, point)), None)
                if axis in relighting.axes:
                    relighting.see(axis, point, one.image)
            if not self._screening.waits_for(relighting.axes):
                self._screening.put_first(relighting.points())
                self._relighting = None
        return seen
