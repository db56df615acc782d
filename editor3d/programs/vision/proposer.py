"""Candidates written by a vision model that sees the present picture, the program and the request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from editor3d.errors import ServiceError
from editor3d.programs.core.contracts import Candidate, Failure, Proposal, Round
from editor3d.programs.language.diffs import AnswerError, program_of
from editor3d.programs.sandbox import gate
from editor3d.programs.vision.client import VisionClient, picture, said
from editor3d.programs.vision.prompt import SYSTEM

ANSWERS = 3
"""Requests for one candidate while the answers hold no program."""
REMEMBERED = 6
"""Earlier changes that the prompt lists."""
REMEMBERED_FAILURES, MOST_OF_A_FAILURE = 3, 4000
"""Failed candidates that the prompt shows, and characters of each one's program."""

_KINDS = {
    "tweak": "Make a small change: keep the program's structure and change values in it (numbers, colours, positions).",
    "leap": "Make a bold change: restructure the program, with other nodes, links, lights or shapes, where that helps.",
}


class VisionProposer:
    """Asks for one candidate at a time."""

    asks_a_model = True

    def __init__(self, client: VisionClient, on_refusal: Callable[[str], None] = lambda sentence: None) -> None:
        """
        Args:
            client: the model.
            on_refusal: called with the gate's sentence on a program that it refuses.
        """
        self._client, self._on_refusal = client, on_refusal
        self._history: list[str] = []
        self._failures: list[str] = []

    def propose(self, current: Round, index: int) -> Proposal:
        """One candidate; an answer without a usable program is sent back with what is wrong with it.

        So is a program that the gate refuses, with the gate's own sentence; the last one is given all the same, so that
        the ledger shows the refusal.

        Raises:
            ServiceError: no usable program in several answers, or the service failed.
            BudgetSpentError: another call would go beyond the budget.
        """
        messages = self._messages(current, index)
        calls = tokens = 0
        for attempt in range(ANSWERS):
            answer = self._client.ask(messages, seed=current.seed + 1000 * index + attempt, temperature=1.0)
            calls, tokens = calls + answer.calls, tokens + answer.tokens
            try:
                source = program_of(answer.text, current.best.source)
                refusal = gate.check(source)
                if refusal is not None:
                    self._on_refusal(f"A program of the model was not run. {refusal}")
                if refusal is not None and attempt + 1 < ANSWERS:
                    raise AnswerError(f"the program is not run. {refusal.rstrip('.')}")
            except AnswerError as error:
                reason = str(error)
                messages = [
                    *messages[:2],
                    {"role": "assistant", "content": answer.text[:8000] or "(nothing)"},
                    {"role": "user", "content": f"That answer cannot be used: {reason}. Answer again, in full."},
                ]
                continue
            return Proposal(source, calls, tokens, note=_first_sentence(answer.text))
        raise ServiceError(f"The model gave no usable program in {ANSWERS} answers; the last time {reason}.")

    def failed(self, current: Round, failure: Failure) -> None:
        """Say it to the model with its next request, in this round still."""
        program = f"\nin this program:\n```python\n{failure.source.strip()[:MOST_OF_A_FAILURE]}\n```"
        self._failures.append(f"{failure.note or 'A change'}: {failure.reason}{program}")
        self._failures = self._failures[-REMEMBERED_FAILURES:]

    def learn(self, current: Round, tried: Sequence[Candidate], best: Candidate) -> None:
        """Remember which changes were kept and which were not."""
        for one in tried[:3]:
            kept = "kept" if one.source == best.source else "not kept"
            if one.note:
                self._history.append(f"{kept}: {one.note}")
        self._history = self._history[-REMEMBERED:]

    def _messages(self, current: Round, index: int) -> list[dict[str, Any]]:
        parts = []
        if current.task.instruction:
            parts.append(said(f"What is asked: {current.task.instruction}"))
        if current.target is not None:
            parts += [said("The picture that the result should look like:"), picture(current.target)]
        parts += [said("The present picture:"), picture(current.best.image)]
        if self._history:
            parts.append(said("Changes so far:\n" + "\n".join(self._history)))
        if self._failures:
            parts.append(
                said("Candidates that failed; do not repeat what made them fail:\n" + "\n".join(self._failures))
            )
        parts.append(said(f"The present program:\n```python\n{current.best.source.rstrip()}\n```"))
        attempt = f"This is attempt {index + 1} of {current.breadth}: let it differ from the others."
        parts.append(said(f"{_KINDS[current.kind]} {attempt}"))
        return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": parts}]


def _first_sentence(text: str) -> str:
    words = " ".join(text.split("```")[0].split("<<<<<")[0].split())
    return words.split(". ")[0][:160]
