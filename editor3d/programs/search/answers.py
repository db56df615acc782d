"""The answers of a search's proposer and evaluator, each of which is asked for once in a run.

Every step has a name. Its answer is looked up in the ledger before it is computed, so that a killed run replays the
same steps, without doing a finished one twice, to where it was.
"""

from __future__ import annotations

from editor3d.errors import ConfigError, ServiceError
from editor3d.programs.core.contracts import Candidate, Evaluator, Proposer, Round, Verdict
from editor3d.programs.core.run_ledger import RunLedger
from editor3d.programs.search.pictures import digest

PATIENCE = 2
"""Model calls that may fail one after the other before the run stops; each has been tried several times by then."""


class NoServiceError(ServiceError):
    """A model gave no usable answer again and again."""


class Answers:
    """Of one run."""

    def __init__(self, proposer: Proposer, evaluator: Evaluator, ledger: RunLedger) -> None:
        self._proposer, self._evaluator, self._ledger = proposer, evaluator, ledger
        self._failures = 0

    def proposal(self, current: Round, index: int) -> tuple[str, str] | None:
        """Source and note of a candidate; None where there is none.

        Raises:
            NoServiceError: a model failed again and again.
            BudgetSpentError: another call would go beyond the budget.
            ConfigError: the ledger is of a version that proposes others.
        """
        key = f"{current.number}.{index}.propose"
        known = self._ledger.answer(key)
        models = self._proposer.asks_a_model
        if known is not None and models:
            return None if known["event"] == "failed" else (known["text"], known["note"])
        try:
            proposal = self._proposer.propose(current, index)
        except ServiceError as error:
            self._failed(key, error)
            return None
        self._failures = 0 if models else self._failures
        if proposal is None:
            return None
        if known is not None and known["source"] != digest(proposal.source):
            raise ConfigError(
                f"Expected the candidates of the earlier session in {self._ledger.path.parent}, but this version "
                f"proposes others: begin a new run in another folder; what was found stays."
            )
        if known is None:
            self._ledger.append(
                "proposal", key=key, source=digest(proposal.source), text=proposal.source, note=proposal.note,
                calls=proposal.calls, tokens=proposal.tokens, seed=current.seed,
            )  # fmt: skip
        return proposal.source, proposal.note

    def verdict(self, number: int, left: Candidate, right: Candidate) -> Verdict | None:
        """Which of two is nearer, in the round of that number; None where the evaluator failed.

        Raises:
            NoServiceError: a model failed again and again.
            BudgetSpentError: another call would go beyond the budget.
        """
        key = f"{number}.match.{digest(left.source)}.{digest(right.source)}"
        known = self._ledger.answer(key)
        if known is not None:
            if known["event"] == "failed":
                return None
            return Verdict(known["winner"], decided=known["decided"])
        try:
            verdict = self._evaluator.compare(left, right)
        except ServiceError as error:
            self._failed(key, error)
            return None
        if verdict.calls:
            self._failures = 0
        self._ledger.append(
            "verdict", key=key, left=digest(left.source), right=digest(right.source), winner=verdict.winner,
            decided=verdict.decided, scores=verdict.scores, calls=verdict.calls, tokens=verdict.tokens,
            note=verdict.note,
        )  # fmt: skip
        return verdict

    def _failed(self, key: str, error: ServiceError) -> None:
        self._ledger.append("failed", key=key, reason=str(error))
        self._failures += 1
        if self._failures >= PATIENCE:
            raise NoServiceError(str(error)) from error
