"""What an edit will take, said before any of it is paid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from editor3d.errors import ServiceError
from editor3d.run import events
from editor3d.run.consent import consent
from editor3d.types import Editor, EditorInfo, PaidEditor


@dataclass(frozen=True)
class Forecast:
    """2D edits of a run, and what they take: money by the editor's own figures, time by what was measured."""

    views: tuple[str, ...]
    """The names of those that are edited, the anchor first."""
    covered: float | None
    """The share of what all views show that these show, 0..1; None where nobody looked."""
    of: int
    """How many views there are."""
    further: int
    """Further edits: of views whose edit did not come out well, or of later rounds."""
    calls: int
    """Calls of the editor; fewer than edits where it takes several pictures at once."""
    seconds: float | None
    """Of all calls; None where none was measured on this machine yet."""
    cost: float | None
    """US dollars of all calls; None where none are paid."""
    most: float | None
    """US dollars that it may become where pictures of one call do not come back well and are edited alone; None where
    none are paid."""

    @property
    def edits(self) -> int:
        """2D edits in all."""
        return len(self.views) + self.further

    def sentence(self) -> str:
        """The forecast for a reader."""
        parts = [f"{self.edits} 2D edits"]
        if len(self.views) < self.of:
            shown = "" if self.covered is None else f", which show {self.covered:.0%} of all"
            parts = [f"{parts[0]}: {len(self.views)} of {self.of} views{shown}"]
            if self.further:
                parts.append(f"and {self.further} to repeat what does not come out well")
        else:
            parts = [f"{parts[0]} of all {self.of} views"]
        if self.calls < self.edits:
            parts.append(f"in {self.calls} calls")
        if self.cost is not None and self.most is not None:
            most = f" (at most ${self.most:.2f})" if self.most > self.cost else ""
            parts.append(f"for about ${self.cost:.2f}{most}")
        if self.seconds is not None:
            parts.append(f"in about {max(1.0, self.seconds):.0f} s")
        return ", ".join(parts) + "."


def say_forecast(found: Forecast, reason: str) -> None:
    """Print what an edit will take and why it edits so many views, and emit it."""
    print(f"{found.sentence()} ({reason})", flush=True)
    figures = {"seconds": found.seconds, "cost": found.cost, "calls": found.calls, "cost_at_most": found.most}
    events.emit(events.Plan(edits=found.edits, views=found.views, covered=found.covered, **figures))


def agree_on_cost(found: Forecast, editor: Editor, made: int = 0) -> None:
    """Let an edit begin that is paid for: what it may cost is left of the budget, and the user agrees to it.

    Args:
        made: calls of the editor that an interrupted run made already.

    Raises:
        ServiceError: less is left; nothing was sent.
        ConfigError: the user does not agree.
    """
    if found.most is None or editor.info.price is None:
        return
    most = found.most - made * editor.info.price
    if most <= 0.0:
        return
    if editor.info.tells_funds:
        funds = cast(PaidEditor, editor).funds()
        if most > funds + 1e-9:
            raise ServiceError(
                f"Expected an edit that the budget can finish, but it may cost ${most:.2f} and ${funds:.2f} are left "
                f"of 24 hours' budget: edit fewer views (--edits N), or raise EDITOR3D_SERVICE_BUDGET."
            )
    consent().require(most)


def reserve_of(edits: int, info: EditorInfo) -> int:
    """How many of some 2D edits may repeat others: none where an edit can only come out the same."""
    return (edits + 1) // 6 if info.varies_with_seed else 0


def calls_of(edits: int, batch: int) -> int:
    """Calls that edit some keys: the anchor by one, the others so many at a time."""
    return 1 + -(-(edits - 1) // batch)


def forecast(
    names: tuple[str, ...],
    covered: float | None,
    of: int,
    further: int,
    info: EditorInfo,
    pace: float | None,
    calls: int | None = None,
    most: int | None = None,
) -> Forecast:
    """The forecast of a run by an editor of these figures.

    Args:
        pace: seconds of one call; None where it is not known.
        calls: of the editor; one an edit by default.
        most: what these may become; no more by default.
    """
    calls = len(names) + further if calls is None else calls
    return Forecast(
        names,
        covered,
        of,
        further,
        calls,
        seconds=None if pace is None else calls * pace,
        cost=None if info.price is None else calls * info.price,
        most=None if info.price is None else (calls if most is None else most) * info.price,
    )
