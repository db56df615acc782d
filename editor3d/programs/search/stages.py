"""Search on small pictures, and decide between the best few on large ones."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from editor3d.programs.core.budget import Account, BudgetSpentError
from editor3d.programs.core.contracts import Candidate
from editor3d.programs.search.search import Found, Search
from editor3d.programs.search.tidying import allowed_loss

FINALISTS = 3
"""Programs that are rendered large when a search ends."""
LEAST_RENDERS = 16
"""Of a budget: with fewer, all renders are large."""
TIDYING = 8
"""Small pictures that are kept for making the winner readable."""
SLACK, MOST_TIME = 1.3, 0.25
"""Time kept for each picture, of what the first of its size took; and the most of the budget that all may keep."""


class Stages:
    """A search whose rounds see small pictures. It has the methods of `Search` that a run needs.

    Args:
        coarse: the search on small pictures.
        fine: renders and judges large ones; it makes no rounds.
        account: keeps what the finalists will cost.
    """

    def __init__(self, coarse: Search, fine: Search, account: Account) -> None:
        self._coarse, self._fine, self._account = coarse, fine, account
        self._final: Found | None = None

    @property
    def first(self) -> Candidate | None:
        return self._coarse.first if self._final is None else self._final.first

    @property
    def best(self) -> Candidate | None:
        return self._coarse.best if self._final is None else self._final.best

    @property
    def rounds(self) -> int:
        return self._coarse.rounds

    def start(self, source: str) -> Candidate:
        """Render the first program at both sizes; gives the large one."""
        first = self._fine.start(source)
        self._coarse.start(source)
        tidying = min(TIDYING, (self._account.budget.renders or TIDYING * LEAST_RENDERS) // LEAST_RENDERS)
        seconds = (FINALISTS + 1) * self._fine.seconds_of(source) + tidying * self._coarse.seconds_of(source)
        self._account.set_aside(FINALISTS + tidying, SLACK * seconds, MOST_TIME)
        return first

    def run(self, source: str) -> Found:
        """Search, and render the best few large; see `Search.run`."""
        found = self._coarse.run(source)
        self._account.release()
        first = self._fine.first
        assert first is not None
        large = [first] if found.best.source == source else []
        leaders = self._coarse.leaders[:FINALISTS]
        with suppress(BudgetSpentError):  # then those that were rendered decide
            for index, one in enumerate(leaders):
                if index == 1:  # the likeliest winner has the machine for itself: time may be short
                    self._fine.look_ahead(other.source for other in leaders[1:])
                seen = self._fine.look(one.source, one.note)
                large += [] if seen is None else [seen]
        if not large:  # not even the winner: what is known of it are small pictures
            return found
        # what is only better on small pictures, such as their noise, is no improvement
        best = min([first, *large], key=lambda one: float("inf") if one.loss is None else one.loss)
        self._final = Found(first, best, found.rounds, found.reason, found.complete)
        return self._final

    def tidied(self, found: Found) -> Found:
        """The same search with its winner made readable: by small pictures, if a large one agrees."""
        if self._final is None or found.best.loss is None or found.first.loss is None:
            return found
        try:
            first, best = (self._coarse.look(one.source, one.note) for one in (found.first, found.best))
            if first is None or best is None:
                return found
            simpler = self._coarse.tidied(replace(found, first=first, best=best)).best
            large = self._fine.look(simpler.source, found.best.note)
        except BudgetSpentError:
            return found
        if large is None or large.loss is None or large.loss > allowed_loss(found.first, found.best):
            return found
        self._final = replace(found, best=large)
        return self._final

    def found(self, reason: str, complete: bool) -> Found:
        """What a search that has started found up to now, as small pictures show it."""
        return self._coarse.found(reason, complete)
