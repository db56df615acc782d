"""Propose the programs of a named edit, and prefer the likeliest of those whose pictures show it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from editor3d.programs.core.contracts import Candidate, Failure, Proposal, Round, Verdict
from editor3d.programs.named.edits import NamedEdit

SEEN = 0.3 / 255.0
"""The least mean difference of two pictures in 0..1 that counts as a change."""


class NamedProposer:
    """One round of candidates, each of another strength."""

    asks_a_model = False

    def __init__(self, edit: NamedEdit) -> None:
        self._edit = edit

    def propose(self, current: Round, index: int) -> Proposal | None:
        """The candidate number `index` of the first round; later rounds have none."""
        if current.number or index >= len(self._edit.sources):
            return None
        return Proposal(self._edit.sources[index][0], note=self._edit.sources[index][1])

    def learn(self, current: Round, tried: Sequence[Candidate], best: Candidate) -> None:
        """Nothing is learnt."""

    def failed(self, current: Round, failure: Failure) -> None:
        """Nothing is learnt of a failure either."""


class NamedEvaluator:
    """The candidate of the likeliest strength wins; over the first program, if their pictures differ."""

    def __init__(self, edit: NamedEdit) -> None:
        self._places = {source: place for place, (source, _) in enumerate(edit.sources)}

    def loss(self, image: np.ndarray) -> None:
        """Nothing is measured."""
        return None

    def parts(self, image: np.ndarray) -> dict[str, float]:
        return {}

    def compare(self, left: Candidate, right: Candidate) -> Verdict:
        one, other = (self._places.get(candidate.source, len(self._places)) for candidate in (left, right))
        change = np.abs(left.image.astype(float) - right.image.astype(float)).mean() / 255.0
        return Verdict("left" if one < other else "right", decided=one != other and bool(change > SEEN))
