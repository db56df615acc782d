"""A vision model as the judge of two pictures, shown in both orders to cancel its preference for a position."""

from __future__ import annotations

import json
import re
from typing import Any, Literal

import numpy as np

from editor3d.programs.core.contracts import Candidate, Task, Verdict
from editor3d.programs.vision.client import VisionClient, picture, said

ANSWERS = 2
"""Requests for one order while the answers name no picture."""

_SYSTEM = """You compare two renders of a scene and say which of them is nearer to what is asked. Look at what is \
asked first, then at what differs between the two. Answer with JSON alone: {"reason": "...", "nearer": "first"} or \
{"reason": "...", "nearer": "second"}."""


class VisionEvaluator:
    """Compares; measures nothing."""

    def __init__(self, client: VisionClient, task: Task, target: np.ndarray | None = None, seed: int = 0) -> None:
        self._client, self._task, self._target, self._seed = client, task, target, seed

    def loss(self, image: np.ndarray) -> None:
        return None

    def parts(self, image: np.ndarray) -> dict[str, float]:
        return {}

    def compare(self, left: Candidate, right: Candidate) -> Verdict:
        """Two questions, the second with the pictures' places exchanged; not decided where the answers differ.

        Raises:
            ServiceError: the service failed.
            BudgetSpentError: another call would go beyond the budget.
        """
        one, calls, tokens, reason = self._ask(left, right)
        other, more_calls, more_tokens, _ = self._ask(right, left)
        decided = None not in (one, other) and one != other
        winner = "right" if decided and one == "second" else "left"
        return Verdict(winner, calls + more_calls, tokens + more_tokens, note=reason, decided=decided)

    def _ask(self, first: Candidate, second: Candidate) -> tuple[Literal["first", "second"] | None, int, int, str]:
        calls = tokens = 0
        for attempt in range(ANSWERS):
            answer = self._client.ask(self._messages(first, second), seed=self._seed + attempt, temperature=0.0)
            calls, tokens = calls + answer.calls, tokens + answer.tokens
            chosen, reason = _choice(answer.text)
            if chosen is not None:
                return chosen, calls, tokens, reason
        return None, calls, tokens, "the model named neither picture"

    def _messages(self, first: Candidate, second: Candidate) -> list[dict[str, Any]]:
        parts = []
        if self._task.instruction:
            parts.append(said(f"What is asked: {self._task.instruction}"))
        if self._target is not None:
            parts += [said("The picture that the result should look like:"), picture(self._target)]
        parts += [said("First picture:"), picture(first.image), said("Second picture:"), picture(second.image)]
        parts.append(said("Which is nearer to what is asked?"))
        return [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": parts}]


def _choice(text: str) -> tuple[Literal["first", "second"] | None, str]:
    """Which picture an answer names, as JSON or in words, and why."""
    for found in re.finditer(r"\{[^{}]*\}", text):
        try:
            value = json.loads(found[0])
        except (ValueError, RecursionError):
            continue
        nearer = str(value.get("nearer", "")).strip().lower()
        if nearer in ("first", "second"):
            return nearer, str(value.get("reason", ""))[:300]
    words = set(re.findall(r"\b(first|second)\b", text.lower()))
    return (words.pop(), " ".join(text.split())[:300]) if len(words) == 1 else (None, "")
