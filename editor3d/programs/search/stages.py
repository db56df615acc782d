"""Search on small pictures, and decide between the best few on large ones."""

from __future__ import annotations

from contextlib import suppress

from editor3d.programs.core.budget import Account, BudgetSpentError
from editor3d.programs.core.contracts import Candidate
from editor3d.programs.search.search import Found, Search

FINALISTS = 3
"""Programs that are rendered large when a search ends."""
LEAST_RENDERS = 16
"""Of a budget: with fewer, all renders are large."""
SLACK, MOST_TIME = 1.3, 0.25
"""Time kept for each finalist, of what the first large render took; and the most of the budget that all may keep."""


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
        self._account.set_aside(FINALISTS, SLACK * FINALISTS * self._fine.seconds_of(source), MOST_TIME)
        self._coarse.start(source)
        return first

    def run(self, source: str) -> Found:
        """Search, and render the best few large; see `Search.run`."""
        found = self._coarse.run(source)
        self._account.release()
        first = self._fine.first
        assert first is not None
        large = [first] if found.best.source == source else []
        self._fine.look_ahead(one.source for one in self._coarse.leaders[:FINALISTS])
        with suppress(BudgetSpentError):  # then those that were rendered decide
            for one in self._coarse.leaders[:FINALISTS]:
                seen = self._fine.look(one.source, one.note)
                large += [] if seen is None else [seen]
        if not large:  # not even the winner: what is known of it are small pictures
            return found
        # what is only better on small pictures, such as their noise, is no improvement
        best = min([first, *large], key=lambda one: float("inf") if one.loss is None else one.loss)
        self._final = Found(first, best, found.rounds, found.reason, found.complete)
        return self._final

    def found(self, reason: str, complete: bool) -> Found:
        """What a search that has started found up to now, as small pictures show it."""
        return self._coarse.found(reason, complete)
