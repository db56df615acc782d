"""The budget of a refinement, and what it has spent: model calls, tokens, renders and time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from editor3d.errors import ConfigError, Editor3DError
from editor3d.programs.core.run_ledger import RunLedger

RESERVE, LEAST_RESERVE, MOST_RESERVE = 0.03, 0.3, 2.0
"""Part of the time, and at least and at most how many seconds, kept for ending what runs and writing the results."""


class BudgetSpentError(Editor3DError):
    """The next step could go beyond the budget, and was not begun."""


@dataclass(frozen=True)
class Budget:
    """The most that a run may spend, all its sessions together; None is no limit.

    Raises:
        ConfigError: a negative number, or nothing to render with.
    """

    calls: int | None = 200
    """Requests that are sent to a model, those that fail included."""
    tokens: int | None = 1_000_000
    """Tokens that go in and come out of a model."""
    renders: int | None = 2000
    """Programs that are run."""
    seconds: float | None = 600.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is not None and not value >= (1 if name == "renders" else 0):
                least = "at least 1" if name == "renders" else "a number of 0 or more"
                raise ConfigError(f"Expected {least} as budget of {name}, got {value}: raise it.")


class Account:
    """Allows or refuses each step, and writes it down before it is done.

    A call that was begun and whose end is not known, as after a crash, counts as if it had cost all that was set aside
    for it. A render of which that is so costs nothing: it is made again, so that the run ends as without the crash.
    """

    def __init__(self, budget: Budget, ledger: RunLedger) -> None:
        self.budget, self._ledger = budget, ledger
        self._kept_renders, self._kept_seconds = 0, 0.0
        self.calls = len(ledger.of("call"))
        self.renders = len(ledger.of("render"))
        self.tokens, open_reserve = 0, 0
        for entry in ledger.events:
            if entry["event"] == "call":
                self.tokens += open_reserve
                open_reserve = entry["reserved"]
            elif entry["event"] == "paid":
                self.tokens, open_reserve = self.tokens + entry["tokens"], 0
        self.tokens += open_reserve

    def begin_call(self, reserved: int) -> None:
        """Set tokens aside for one request to a model.

        Args:
            reserved: the most tokens that it can cost.

        Raises:
            BudgetSpentError: calls, tokens or seconds do not allow it.
        """
        self.require_time()
        if self.budget.calls is not None and self.calls + 1 > self.budget.calls:
            raise BudgetSpentError(f"The budget of {self.budget.calls} calls is spent.")
        if self.budget.tokens is not None and self.tokens + reserved > self.budget.tokens:
            raise BudgetSpentError(
                f"A call of up to {reserved} tokens would go beyond the budget of {self.budget.tokens}, of which "
                f"{self.tokens} are spent."
            )
        self.calls += 1
        self.tokens += reserved
        self._ledger.append("call", reserved=reserved)

    def end_call(self, reserved: int, tokens: int, **answer: Any) -> None:
        """Give back what a call did not need; `tokens` is what it cost, and `answer` what `answered` gives back."""
        self.tokens += tokens - reserved
        self._ledger.append("paid", tokens=tokens, **answer)

    def answered(self, key: str) -> Mapping[str, Any] | None:
        """What an earlier call of this run with this key was answered."""
        return self._ledger.answer(key)

    def set_aside(self, renders: int, seconds: float, most: float) -> None:
        """Keep renders and seconds for the end of a run, until `release`.

        Args:
            most: the part of the budget of seconds that is kept at most.
        """
        limit = self.budget.seconds
        self._kept_renders, self._kept_seconds = renders, seconds if limit is None else min(seconds, most * limit)

    def release(self) -> None:
        """Let what was kept be spent."""
        self._kept_renders, self._kept_seconds = 0, 0.0

    def begin_render(self) -> None:
        """Count one program that is run.

        Raises:
            BudgetSpentError: renders or seconds do not allow it.
        """
        self.require_time()
        if self.budget.renders is not None and self.renders + 1 > self.budget.renders - self._kept_renders:
            raise BudgetSpentError(f"The budget of {self.budget.renders} renders is spent.")
        self.renders += 1
        self._ledger.append("rendering")

    def seconds_left(self) -> float | None:
        """None where time has no limit."""
        if self.budget.seconds is None:
            return None
        reserve = min(0.5 * self.budget.seconds, max(LEAST_RESERVE, min(MOST_RESERVE, RESERVE * self.budget.seconds)))
        return max(0.0, self.budget.seconds - reserve - self._kept_seconds - self._ledger.clock.seconds)

    def renders_left(self, planned: int | None) -> int | None:
        """How many more programs will be run at most: as many as are planned, as their budget allows, and as the time
        allows at the pace so far. None where nothing says it.

        Args:
            planned: None where a search continues until something is spent.
        """
        limits = [] if planned is None else [max(0, planned)]
        if self.budget.renders is not None:
            limits.append(max(0, self.budget.renders - self._kept_renders - self.renders))
        left, elapsed = self.seconds_left(), self._ledger.clock.seconds
        if left is not None and self.renders and elapsed > 0.0:
            limits.append(int(left * self.renders / elapsed))
        return min(limits, default=None)

    def require_time(self) -> None:
        """
        Raises:
            BudgetSpentError: the time is over.
        """
        if self.seconds_left() == 0.0:
            raise BudgetSpentError(f"The budget of {self.budget.seconds:g} seconds is spent.")

    def spent(self) -> dict[str, float]:
        return {
            "calls": self.calls,
            "tokens": self.tokens,
            "renders": self.renders,
            "seconds": round(self._ledger.clock.seconds, 3),
        }
