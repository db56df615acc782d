"""Find the views whose edits disagree with those of the others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from editor3d.geometry.agreement import Agreement, EditedView, compared, mean_agreement, shrunk
from editor3d.geometry.coverage import Coverage
from editor3d.geometry.matching import matches

NEIGHBOURS = 2
"""Views that one is compared with: more do not help to tell bad edits (2511.22228)."""
LIMITS = np.array([0.45, 0.25, -math.log(0.4), math.log(2.5), -math.log(0.5), math.log(3.0)])
"""Where doubt begins if views agree well: of `_signals`."""
MOST = np.array([1.3, 0.4, -math.log(0.2), math.log(6.0), -math.log(0.3), math.log(6.0)])
"""Where it begins at the latest, however little views agree."""
_REASONS = (
    "has other colours than views that see the same",
    "looks otherwise than views that see the same",
    "was changed less than views that see the same",
    "was changed more than views that see the same",
    "is blurred beside views that see the same",
    "has more detail than views that see the same",
)
_SPREAD = 5.0 * 1.4826  # robust standard deviations, by the median of absolute deviations
_CANDIDATES = 6  # the views that see most of each one, out of which neighbours are taken that were not set aside
_NEIGHBOURS_SIDE = 48  # pixels of a side by which it is decided which views these are


@dataclass(frozen=True)
class Verdict:
    """What other views say of one."""

    agreement: Agreement | None
    """None where no other view sees enough of it."""
    doubt: float
    """At 1 and above its edit is taken to be a bad one: another style, nothing done, blurred; 0 if nobody knows."""
    reason: str
    """Why it is doubted, in a few words; empty below 1."""
    neighbours: tuple[int, ...] = ()
    """The views it was compared with."""

    @property
    def bad(self) -> bool:
        return self.doubt >= 1.0


def verdict_of(agreement: Agreement | None, others: Sequence[Agreement] = ()) -> Verdict:
    """Judge one view.

    Args:
        agreement: of its edit with other views'.
        others: those of views that are taken to be good: where they spread, the limits give more room.
    """
    return _verdict(agreement, _limits([_signals(other) for other in others]), ())


def _limits(good: Sequence[np.ndarray]) -> np.ndarray:
    """The limits of signals: five robust standard deviations (by the median of absolute deviations) above the median
    of those of good views, within `LIMITS` and `MOST`."""
    if not len(good):
        return LIMITS
    middle = np.median(good, 0)
    return np.clip(middle + _SPREAD * np.median(np.abs(good - middle), 0), LIMITS, MOST)


def _verdict(agreement: Agreement | None, limits: np.ndarray, neighbours: Sequence[int]) -> Verdict:
    if agreement is None:
        return Verdict(None, 0.0, "", tuple(neighbours))
    doubts = _signals(agreement) / limits
    doubt = max(0.0, float(doubts.max()))
    return Verdict(agreement, doubt, _REASONS[int(doubts.argmax())] if doubt >= 1.0 else "", tuple(neighbours))


def judge(views: Sequence[EditedView]) -> list[Verdict]:
    """Judge the edits of a set of views by each other.

    Each is compared with the two that see most of it. The worst is set aside and the others are compared anew without
    it, until no other is in doubt: so a bad view does not make its neighbours look bad. In the end all are judged by
    those that were not set aside, which at least two are.

    Args:
        views: of one instruction.

    Raises:
        DataError: no view sees a surface where it was edited.
    """
    pairs = _Pairs(views)
    aside: set[int] = set()
    while True:
        verdicts = _verdicts(pairs, aside)
        left = [i for i in range(len(views)) if i not in aside]
        worst = max(left, key=lambda i: verdicts[i].doubt)
        if not verdicts[worst].bad or len(left) <= NEIGHBOURS:
            return verdicts
        aside.add(worst)


class _Pairs:
    """Comparisons of pairs of views, each made once."""

    def __init__(self, views: Sequence[EditedView]) -> None:
        self.views = views
        surfaces = [view.surface.reduced(_NEIGHBOURS_SIDE) for view in views]
        sizes = [(surface.camera.lens.width, surface.camera.lens.height) for surface in surfaces]
        masks = [
            surface.valid if view.inside is None else torch.from_numpy(shrunk(view.inside.float().numpy(), size) > 0)
            for view, surface, size in zip(views, surfaces, sizes, strict=True)
        ]
        shares = Coverage.of(surfaces, masks).between()
        np.fill_diagonal(shares, 0.0)
        self.candidates = [
            [int(i) for i in np.argsort(-column, kind="stable")[:_CANDIDATES] if column[i] > 0] for column in shares.T
        ]
        self._made: dict[tuple[int, int], Agreement | None] = {}

    def __call__(self, view: int, other: int) -> Agreement | None:
        if (view, other) not in self._made:
            one, two = self.views[view], self.views[other]
            self._made[view, other] = compared(one, two, matches(one.surface, two.surface))
        return self._made[view, other]


def _verdicts(pairs: _Pairs, aside: set[int]) -> list[Verdict]:
    views = range(len(pairs.views))
    neighbours = [
        [i for i in pairs.candidates[view] if i not in aside and pairs(view, i) is not None][:NEIGHBOURS]
        for view in views
    ]
    rows = [[row for i in neighbours[view] if (row := pairs(view, i))] for view in views]
    # a good view's spread is taken from the neighbour that it agrees with best: the other one may be bad
    best = {view: np.min([_signals(row) for row in rows[view]], 0) for view in views if rows[view]}
    return [
        _verdict(
            mean_agreement(rows[view]),
            _limits([signals for i, signals in best.items() if i != view and i not in aside]),
            neighbours[view],
        )
        for view in views
    ]


def _signals(agreement: Agreement) -> np.ndarray:
    change, detail = math.log(agreement.change), math.log(agreement.detail)
    return np.array([agreement.color, agreement.style, -change, change, -detail, detail])
