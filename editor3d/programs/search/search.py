"""The search over programs: breadth x depth, tweaks and leaps, a pairwise knock-out, reversion, within a budget.

As in BlenderAlchemy, each round takes the best program so far, has `breadth` changes of it proposed and rendered, and
lets their pictures play a knock-out whose winner meets the incumbent: a round never makes things worse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from editor3d.errors import ConfigError
from editor3d.programs.core.budget import Account, BudgetSpentError
from editor3d.programs.core.contracts import (
    Candidate,
    EditKind,
    Evaluator,
    Failure,
    Proposer,
    Renderer,
    Round,
    Task,
    Verdict,
)
from editor3d.programs.core.options import EditSizes
from editor3d.programs.core.run_ledger import RunLedger
from editor3d.programs.search.answers import Answers, NoServiceError
from editor3d.programs.search.pictures import Pictures, digest, unusable
from editor3d.programs.search.tidying import Simpler
from editor3d.programs.search.tournament import Outcome, knock_out
from editor3d.run import events

LEADERS = 8
"""The best candidates that a search remembers."""


@dataclass(frozen=True)
class Settings:
    """How far and how widely to search."""

    breadth: int = 8
    depth: int | None = 4
    """Rounds; None continues until the budget is spent, nothing more is proposed, or the loss is 0."""
    edits: EditSizes = "alternate"
    """Whether rounds propose tweaks and leaps in turn, tweaks first, or one of them alone."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.breadth < 1 or (self.depth is not None and self.depth < 0):
            raise ConfigError(
                f"Expected a breadth of at least 1 and a depth of at least 0, got {self.breadth} and {self.depth}."
            )

    @property
    def candidates(self) -> int | None:
        """How many a whole search has, the first program included; None without a depth."""
        return None if self.depth is None else 1 + self.depth * self.breadth

    def kind(self, number: int) -> EditKind:
        return ("tweak", "leap")[number % 2] if self.edits == "alternate" else self.edits


@dataclass(frozen=True, eq=False)
class Found:
    """How a search ended."""

    first: Candidate
    best: Candidate
    rounds: int
    """Rounds that were finished."""
    reason: str
    """Why it stopped, as one clause."""
    complete: bool
    """False where a service or a user ended it early."""


class Search:
    """One run of the search."""

    def __init__(
        self,
        task: Task,
        *,
        renderer: Renderer,
        proposer: Proposer,
        evaluator: Evaluator,
        account: Account,
        ledger: RunLedger,
        settings: Settings,
        target: np.ndarray | None = None,
        size: str = "",
        at_once: int = 1,
        on_round: Callable[[int, Outcome], None] = lambda number, outcome: None,
        on_failure: Callable[[Failure], None] = lambda failure: None,
        on_progress: Callable[[int, str, int], None] = lambda done, note, total: None,
    ) -> None:
        """
        Args:
            target: [H, W, 3] uint8, the picture to match, where there is one: shown to the proposer.
            size: the ending of pictures' names where a run has them in two sizes.
            at_once: how many programs the renderer takes at a time.
            on_round: called after each finished round.
            on_failure: called for each candidate without a picture, or with an empty one.
            on_progress: called before each candidate with how many were rendered, a note, and how many there are at
                most.
        """
        self._task, self._proposer, self._target = task, proposer, target
        self._account, self._ledger, self._settings = account, ledger, settings
        self._on_round, self._on_failure, self._on_progress = on_round, on_failure, on_progress
        self._answers = Answers(proposer, evaluator, ledger)
        self._pictures = Pictures(renderer, evaluator, account, ledger, seed=settings.seed, size=size, at_once=at_once)
        self.leaders: list[Candidate] = []
        """The best few, where the evaluator measures; the best first."""
        self.first: Candidate | None = None
        self.best: Candidate | None = None
        self.rounds = 0

    def run(self, source: str) -> Found:
        """Search from a program.

        Returns:
            The best program; it is the first one where nothing better was found.

        Raises:
            ConfigError: the first program gives no picture.
        """
        if self.first is None:
            self.start(source)
        try:
            reason, complete = self._rounds(), True
        except BudgetSpentError as spent:
            reason, complete = str(spent), True
        except NoServiceError as error:
            reason, complete = str(error), False
        self._show(0, "")
        return self.found(reason, complete)

    def found(self, reason: str, complete: bool) -> Found:
        """What a search that has started found up to now."""
        assert self.first is not None
        assert self.best is not None
        return Found(self.first, self.best, self.rounds, reason, complete)

    def start(self, source: str) -> Candidate:
        """Render the first program, which is the first incumbent.

        Raises:
            ConfigError: it gives no picture.
        """
        rendered, loss = self._pictures.render(source)
        if rendered.image is None:
            raise ConfigError(
                f"Expected a program that can be rendered, but it was {rendered.status}: "
                f"{rendered.message.rstrip('.')}. Correct it."
            )
        self.first = self.best = Candidate(source, rendered.image, loss, "the program as it was given")
        return self.first

    def look_ahead(self, sources: Iterable[str]) -> None:
        """Render programs that `look` will be called for, several at a time, as far as the budget goes."""
        self._pictures.ahead(sources)

    def look(self, source: str, note: str) -> Candidate | None:
        """Render and measure one program outside of the rounds; None where it gives no picture.

        Raises:
            BudgetSpentError: renders or seconds do not allow it.
        """
        rendered, loss = self._pictures.render(source)
        return None if rendered.image is None else Candidate(source, rendered.image, loss, note)

    def tidied(self, found: Found) -> Found:
        """The same search with its winner made readable, as far as the budget goes."""
        if found.first.loss is None or found.best.loss is None or self._proposer.asks_a_model:
            return found
        simpler = Simpler(found.first, found.best, self.look)
        with suppress(BudgetSpentError):
            simpler.run()
        self.best = simpler.best
        return replace(found, best=simpler.best)

    def seconds_of(self, source: str) -> float:
        """How long the render of a program took."""
        known = self._ledger.rendered(self._pictures.name(source))
        return 0.0 if known is None else float(known["seconds"])

    def _rounds(self) -> str:
        number, idle = 0, 0
        while self._settings.depth is None or number < self._settings.depth:
            assert self.best is not None  # `start` has rendered the first
            if self.best.loss == 0.0:
                return "nothing is left to be improved"
            current = Round(
                self._task, number, self._settings.kind(number), self._settings.breadth,
                _seed(self._settings.seed, number), self.best, self._target,
            )  # fmt: skip
            idle = 0 if self._round(current) else idle + 1
            if idle == 2:
                return "the proposer has nothing more to try"
            number += 1
        return f"all {self._settings.depth} rounds are done"

    def _round(self, current: Round) -> bool:
        """Propose, render, play; whether anything was proposed."""
        tried, proposed, spent = [], 0, None
        seen = {current.best.source}
        try:
            if not self._proposer.asks_a_model:  # a model hears of a failure before it writes the next candidate
                known = [self._answers.proposal(current, index) for index in range(current.breadth)]
                self._pictures.ahead(one[0] for one in known if one is not None and one[0] not in seen)
            for index in range(current.breadth):
                self._show(self._planned(current, index), f"round {current.number + 1}{_loss(current.best)}")
                proposal = self._answers.proposal(current, index)
                if proposal is None:
                    continue
                proposed += 1
                source, note = proposal
                if source in seen:
                    continue
                seen.add(source)
                rendered, loss = self._pictures.render(source)
                reason = unusable(rendered, current.best)
                if reason is not None:
                    failure = Failure(source, note, reason)
                    self._proposer.failed(current, failure)
                    self._on_failure(failure)
                elif rendered.image is not None:
                    tried.append(Candidate(source, rendered.image, loss, note))
        except (BudgetSpentError, NoServiceError) as error:
            spent = error
        self._lead(tried)
        outcome = self._play(current, tried, spent)
        self.best = outcome.best
        if spent is not None:
            raise spent
        self._proposer.learn(current, outcome.ranking, outcome.best)
        self.rounds = current.number + 1
        known = self._ledger.answer(f"{current.number}.round")
        if known is None:
            self._ledger.append(
                "round", key=f"{current.number}.round", round=current.number, kind=current.kind, seed=current.seed,
                best=digest(outcome.best.source), loss=outcome.best.loss, changed=outcome.changed,
                note=outcome.best.note,
            )  # fmt: skip
            self._account.require_time()
        self._on_round(current.number, outcome)
        return proposed > 0

    def _lead(self, tried: list[Candidate]) -> None:
        measured = {one.source: one for one in (*self.leaders, *tried) if one.loss is not None}
        self.leaders = sorted(measured.values(), key=lambda one: one.loss or 0.0)[:LEADERS]

    def _planned(self, current: Round, index: int) -> int | None:
        """How many candidates are still to come, this one included; None without a depth."""
        depth = self._settings.depth
        return None if depth is None else (depth - current.number) * current.breadth - index

    def _show(self, planned: int | None, note: str) -> None:
        """Show how many candidates were rendered, of how many at most, and emit what that has cost."""
        spent = self._account.spent()
        done, left = int(spent["renders"]), self._account.renders_left(planned)
        self._on_progress(done, note, 0 if left is None else done + left)
        events.emit(
            events.Cost(calls=self._account.calls, tokens=self._account.tokens, renders=done, seconds=spent["seconds"])
        )

    def _play(self, current: Round, tried: list[Candidate], spent: Exception | None) -> Outcome:
        """The round's knock-out. What was rendered before the budget ended still plays, as far as it can."""

        def judge(left: Candidate, right: Candidate) -> Verdict | None:
            if np.array_equal(left.image, right.image):
                return None
            return self._answers.verdict(current.number, left, right)

        if isinstance(spent, NoServiceError) and current.best.loss is None:
            return Outcome(current.best, (), False)
        try:
            return knock_out(current.best, tried, judge, current.seed)
        except (BudgetSpentError, NoServiceError):
            if spent is None:
                raise
            return Outcome(current.best, (), False)


def _loss(best: Candidate) -> str:
    return "" if best.loss is None else f", loss {best.loss:.4f}"


def _seed(seed: int, number: int) -> int:
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
