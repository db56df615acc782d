"""Ask a chat model that speaks OpenAI's protocol for the steps; one on this machine (llama.cpp's server) will do."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from editor3d.editors.planning.steps import MOST_STEPS, EditStep, read_steps, require_understood
from editor3d.editors.services.client import RetryPolicy, ServiceClient
from editor3d.editors.services.providers import PROVIDERS
from editor3d.editors.services.settings import HERE, checked_url
from editor3d.errors import ConfigError, EditorUnavailableError, InstructionError
from editor3d.language.tokens import require_words
from editor3d.types import Editor

LOCAL_URL = "http://127.0.0.1:8080/v1"
"""Where llama.cpp's server listens by default."""
_TRIES = 3
"""Answers of which one must be understood: the sentence of what was wrong goes back to the model."""
_MOST_BYTES = 1 << 20
_TASK = f"""\
You plan edits of a photographed 3D scene. Turn the user's words into 1 to {MOST_STEPS} edits, in the order in which
they are to be made. Answer with JSON alone: {{"steps": [{{"object": "NAME or empty for the whole scene", "prompt": "one
instruction in English", "strength": 1.0}}]}}. A prompt that is about an object names it. A strength below 1 stands for
"a little", and the prompt says so too. What the user wants to keep is not edited: name what changes instead, or write
"but keep the NAME as it is" into the prompt. Add nothing that was not asked for. If it cannot be done, answer
{{"refusal": "why, in one sentence"}}."""


@dataclass(frozen=True)
class PlannerSettings:
    """Which model plans."""

    url: str = LOCAL_URL
    """Base URL, to which `/chat/completions` is added."""
    model: str = "local"
    retry: RetryPolicy = RetryPolicy(attempts=3, silence=120.0)
    key: str = field(default="", repr=False)
    """Sent to the service, and to nothing else."""

    @classmethod
    def from_environment(cls) -> PlannerSettings:
        """Read `EDITOR3D_PLANNER_URL`, `_MODEL` and `_KEY`.

        Raises:
            ConfigError: the URL or the key is none.
        """
        url = checked_url(os.environ.get("EDITOR3D_PLANNER_URL", "").strip() or cls.url)
        openai = PROVIDERS["service"]
        official = urlsplit(url).hostname == urlsplit(openai.url).hostname
        theirs = os.environ.get(openai.keys[0], "") if official else ""
        key = (os.environ.get("EDITOR3D_PLANNER_KEY") or theirs).strip()
        if not re.fullmatch(r"[\x21-\x7e]*", key):
            raise ConfigError("Expected a key of printable characters without spaces in EDITOR3D_PLANNER_KEY.")
        return cls(url, os.environ.get("EDITOR3D_PLANNER_MODEL", "").strip() or cls.model, key=key)


def plan_words(words: str, editor: Editor, objects: Collection[str], settings: PlannerSettings) -> tuple[EditStep, ...]:
    """The edits that free words ask for, as a chat model understands them; none is made.

    Args:
        words: the user's, of any length and language that the model knows.
        editor: the 2D editor that is to make them; each prompt is one that it takes.
        objects: names of the objects that the data has masks of.

    Raises:
        InstructionError: the words are empty, or no answer was understood; the last answer's fault.
        EditorUnavailableError: no key is set for a model that is not on this machine.
        ServiceError: the model cannot be reached, or does not answer.
    """
    require_words(words, "a gold teapot, and a little snow")
    if not settings.key and urlsplit(settings.url).hostname not in HERE:
        raise EditorUnavailableError(
            f"The planner needs the key of {urlsplit(settings.url).hostname}; set EDITOR3D_PLANNER_KEY to it, or "
            "EDITOR3D_PLANNER_URL to a model on this machine."
        )
    client = ServiceClient(
        f"{settings.url}/chat/completions", settings.key, settings.retry, wanted="plan", most_bytes=_MOST_BYTES
    )
    messages = _asked(words, editor, objects)
    for left in range(_TRIES - 1, -1, -1):
        answer = client.post(_text, json={"model": settings.model, "messages": messages, "temperature": 0})
        try:
            steps = read_steps(answer, objects)
            require_understood(steps, editor, objects)
        except InstructionError as error:
            if not left or "found no edits" in str(error):
                raise
            again = {"role": "user", "content": f"That does not work: {error} Answer anew, with JSON alone."}
            messages = [*messages, {"role": "assistant", "content": answer}, again]
        else:
            return steps
    raise AssertionError("unreachable")


def _asked(words: str, editor: Editor, objects: Collection[str]) -> list[dict[str, Any]]:
    told = f"The editor is {editor.info.name}: {editor.info.summary}. Objects: {json.dumps(sorted(objects))}."
    return [{"role": "system", "content": f"{_TASK} {told}"}, {"role": "user", "content": words}]


def _text(answer: bytes) -> str:
    content = json.loads(answer)["choices"][0]["message"]["content"]
    if not isinstance(content, str):
        raise ValueError("no text")
    return content
