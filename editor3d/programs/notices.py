"""What a refinement prints: notes on the scene, each better round, and how it ended."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from editor3d.programs.core.budget import Account
from editor3d.programs.core.contracts import Failure
from editor3d.programs.search.tournament import Outcome
from editor3d.run.events import Warning, emit

if TYPE_CHECKING:
    from editor3d.programs.refined import Refinement


def note(sentence: str) -> None:
    """Print what the user should know of the scene, and emit it."""
    print(f"note: {sentence}", file=sys.stderr)
    emit(Warning(sentence=sentence))


def better_round(number: int, outcome: Outcome, account: Account) -> None:
    """Print a line for a round that found a better program."""
    if not outcome.changed:
        return
    loss = "" if outcome.best.loss is None else f"  loss {outcome.best.loss:.4f}"
    spent = account.spent()
    cost = f"{spent['renders']} renders, {spent['seconds']:.0f} s"
    if spent["calls"]:
        cost = f"{spent['calls']} calls, {cost}"
    print(f"round {number}:{loss}  {outcome.best.note}  ({cost})", file=sys.stderr)


def failure(failed: Failure) -> None:
    """Print why a candidate cannot win."""
    print(f"candidate {failed.reason.rstrip('.')}{f'  ({failed.note})' if failed.note else ''}", file=sys.stderr)


def ending(done: Refinement) -> None:
    """Print how a search ended, and what its scene lacks."""
    summary = done.summary
    before, after = summary["loss"]["before"], summary["loss"]["after"]
    if not done.improved:
        print("nothing better than the first program was found", file=sys.stderr)
    elif before is not None:
        print(f"loss {before:.4f} -> {after:.4f}", file=sys.stderr)
    print(f"stopped: {done.reason.rstrip('.')}", file=sys.stderr)
    result = summary["result"]
    if result is None:
        return
    if result["error"]:
        print(f"result.blend was not written: {result['error']}", file=sys.stderr)
    elif result["left_out"]:
        names = ", ".join(result["left_out"])
        print(f"result.blend lacks what best.py does to: {names}; plain values cannot express it", file=sys.stderr)
    for doubt in result["doubts"]:
        print(f"warning: {doubt}", file=sys.stderr)
        emit(Warning(sentence=doubt))
