"""The steps that a chat model proposes, read and checked: nothing of its answer is run or taken on trust."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from editor3d.errors import InstructionError, shown
from editor3d.types import Editor

MOST_STEPS = 8
_MOST_CHARACTERS = 400
_FENCE = re.compile(r"```(?:json)?\s*(.*?)```", re.DOTALL)


@dataclass(frozen=True)
class EditStep:
    """One edit of several in a row."""

    prompt: str
    """The instruction for the 2D editor."""
    object: str = ""
    """The object that it is about; empty is the whole scene."""
    strength: float = 1.0
    """How much of it was asked for, 0..1; the prompt says so in words."""

    def sentence(self) -> str:
        """The step for a reader."""
        where = self.object or "the whole scene"
        return f"{where}: {self.prompt}" + (f" (strength {self.strength:g})" if self.strength != 1.0 else "")


def read_steps(answer: str, objects: Collection[str]) -> tuple[EditStep, ...]:
    """The steps of a model's answer.

    Args:
        answer: JSON, perhaps within a fence: {"steps": [{"object": NAME, "prompt": WORDS, "strength": 0..1}]}, or
            {"refusal": WHY}.
        objects: names of the objects that the data has masks of.

    Raises:
        InstructionError: it is no such answer, names an object that is not there, or says that it cannot be done.
    """
    fenced = _FENCE.search(answer)
    try:
        body = json.loads(fenced[1] if fenced else answer)
    except (ValueError, RecursionError):
        raise InstructionError(f"Expected steps as JSON from the planner, got {shown(answer[:80])}.") from None
    if isinstance(body, dict) and isinstance(body.get("refusal"), str) and body["refusal"].strip():
        raise InstructionError(f"The planner found no edits for it: {_line(body['refusal'])}.")
    steps = body.get("steps") if isinstance(body, dict) else None
    if not isinstance(steps, list) or not 1 <= len(steps) <= MOST_STEPS:
        raise InstructionError(f"Expected 1 to {MOST_STEPS} steps from the planner, got {shown(steps)}.")
    return tuple(_step(step, objects) for step in steps)


def _step(step: Any, objects: Collection[str]) -> EditStep:
    found = step if isinstance(step, dict) else {}
    prompt, name, strength = found.get("prompt"), found.get("object") or "", found.get("strength", 1.0)
    if not isinstance(prompt, str) or not prompt.strip() or len(prompt) > _MOST_CHARACTERS:
        raise InstructionError(f"Expected a prompt in each step of the planner, got {shown(step)}.")
    if name and name not in objects:
        known = ", ".join(sorted(objects)) or "none"
        raise InstructionError(f"The planner names {shown(name)}, but the objects are {known}.")
    if isinstance(strength, bool) or not isinstance(strength, int | float) or not 0.0 < strength <= 1.0:
        raise InstructionError(f"Expected a strength above 0 and up to 1 from the planner, got {shown(strength)}.")
    return EditStep(_line(prompt), str(name), float(strength))


def require_understood(steps: Collection[EditStep], editor: Editor, objects: Collection[str]) -> None:
    """
    Raises:
        InstructionError: the 2D editor does not take the prompt of a step; its own sentence.
    """
    for step in steps:
        editor.validate(step.prompt, objects, ())


def _line(text: str) -> str:
    """A text in one line, without what a terminal would take for a command."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_MOST_CHARACTERS].rstrip(".")
