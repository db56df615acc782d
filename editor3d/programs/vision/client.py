"""Chat models that see pictures and speak OpenAI's protocol (`POST .../chat/completions`), within a budget."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from editor3d.editors.services.client import RetryPolicy, ServiceClient
from editor3d.editors.services.secrets import masked
from editor3d.errors import ConfigError, EditorUnavailableError
from editor3d.programs.core.budget import Account, BudgetSpentError
from editor3d.programs.language.diffs import MOST_CHARACTERS

OPENAI_URL = "https://api.openai.com/v1"
_MOST_BYTES = 8 * 2**20
"""Of an answer as it is sent, thinking included."""
_MOST_TOKENS = 1 << 40
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class VisionSettings:
    """Which model, and how requests reach it. `from_environment` reads them."""

    url: str = OPENAI_URL
    """Base URL, to which `/chat/completions` is added."""
    model: str = "gpt-5-mini"
    most_tokens: int = 8000
    """Tokens of an answer, thinking included."""
    image_tokens: int = 1500
    """Tokens that a picture is taken to cost at most, before any answer has told."""
    retry: RetryPolicy = RetryPolicy(attempts=5, silence=90.0, deadline=180.0)
    key: str = field(default="", repr=False)
    """Sent to the service, and to nothing else."""

    @classmethod
    def from_environment(cls) -> VisionSettings:
        """Read `EDITOR3D_VISION_URL`, `_MODEL`, `_MAX_TOKENS`, `_IMAGE_TOKENS` and `_KEY`.

        Raises:
            ConfigError: a value is not what it should be.
        """
        url = os.environ.get("EDITOR3D_VISION_URL", "").strip() or cls.url
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or "@" in parts.netloc:
            raise ConfigError(
                "Expected the base URL of a chat model such as https://api.openai.com/v1, without user name, password "
                f"or query, but got one of the host '{parts.hostname}'; correct EDITOR3D_VISION_URL."
            )
        # The key of OpenAI is for OpenAI: it is never sent to another address.
        theirs = os.environ.get("OPENAI_API_KEY", "") if parts.hostname == urlsplit(OPENAI_URL).hostname else ""
        key = (os.environ.get("EDITOR3D_VISION_KEY") or theirs).strip()
        if not re.fullmatch(r"[\x21-\x7e]*", key):
            raise ConfigError(
                "Expected a key of printable characters without spaces in EDITOR3D_VISION_KEY or OPENAI_API_KEY, but "
                "it has others; set it anew."
            )
        return cls(
            url=url.rstrip("/"),
            model=os.environ.get("EDITOR3D_VISION_MODEL", "").strip() or cls.model,
            most_tokens=_number("EDITOR3D_VISION_MAX_TOKENS", cls.most_tokens),
            image_tokens=_number("EDITOR3D_VISION_IMAGE_TOKENS", cls.image_tokens),
            key=key,
        )

    @property
    def available(self) -> bool:
        """Whether there is a key, or a model on this machine that needs none."""
        return bool(self.key) or urlsplit(self.url).hostname in LOCAL_HOSTS

    def require(self) -> None:
        """
        Raises:
            EditorUnavailableError: no key is set for a service that is not on this machine.
        """
        if not self.available:
            raise EditorUnavailableError(
                f"The vision model needs the key of {urlsplit(self.url).hostname}; set EDITOR3D_VISION_KEY to it, or "
                "EDITOR3D_VISION_URL to a model on this machine, or choose the embedded proposer and a target picture."
            )


@dataclass(frozen=True)
class Answer:
    """What a model said, and what it cost."""

    text: str
    calls: int
    """Requests that were sent for it."""
    tokens: int


class VisionClient:
    """Asks one model, and books each request before it is sent."""

    def __init__(self, settings: VisionSettings, account: Account) -> None:
        self._settings, self._account = settings, account
        self._image_tokens = settings.image_tokens
        self._reserved = 0

    def ask(self, messages: Sequence[dict[str, Any]], *, seed: int, temperature: float | None = None) -> Answer:
        """One request; the same one is sent once in a run, and afterwards answered from the ledger.

        Args:
            messages: of the protocol; pictures as `picture` makes them.
            seed: sent along; services that do not know it disregard it.
            temperature: the model's own by default.

        Raises:
            ServiceError: refused, or not answered well in all attempts.
            BudgetSpentError: the next request could go beyond the budget.
        """
        settings = self._settings
        official = urlsplit(settings.url).hostname == urlsplit(OPENAI_URL).hostname
        body: dict[str, Any] = {
            "model": settings.model,
            "messages": list(messages),
            "seed": seed % 2**31,
            "max_completion_tokens" if official else "max_tokens": settings.most_tokens,
        }
        if temperature is not None and not official:
            body["temperature"] = temperature
        words, pictures = _size_of(messages)
        # No tokenizer makes more tokens of a text than it has bytes; a message's frame takes a few.
        reserve = words + 16 * len(messages) + pictures * self._image_tokens + settings.most_tokens
        before, spent = self._account.calls, self._account.tokens
        key = hashlib.sha256(json.dumps([settings.url, body], sort_keys=True).encode()).hexdigest()[:24]
        known = self._account.answered(key)
        if known is not None:
            return Answer(known["text"], known["calls"], known["cost"])
        client = ServiceClient(
            f"{settings.url}/chat/completions",
            settings.key,
            settings.retry,
            pay=lambda: self._account.begin_call(reserve),
            refund=lambda: self._account.end_call(reserve, 0),
            sleep=self._wait,
            time_left=self._account.seconds_left,
            wanted="answer",
            most_bytes=_MOST_BYTES,
        )
        text, tokens = client.post(_read, json=body)
        text = masked(text, settings.key)
        tokens = reserve if tokens is None else tokens
        calls, cost = self._account.calls - before, self._account.tokens - spent - reserve + tokens
        self._account.end_call(reserve, tokens, key=key, text=text, calls=calls, cost=cost)
        if tokens > reserve and pictures:  # pictures cost more than was thought: set more aside from now on
            self._image_tokens += -(-(tokens - reserve) // pictures)
        return Answer(text, calls, cost)

    def _wait(self, seconds: float) -> None:
        left = self._account.seconds_left()
        if left is not None and seconds >= left:
            raise BudgetSpentError(
                f"The service asks for a pause of {seconds:.0f} seconds, and {left:.0f} are left of the budget."
            )
        time.sleep(seconds)


def picture(image: np.ndarray) -> dict[str, Any]:
    """The part of a message that is a picture [H, W, 3] uint8."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return {
        "type": "image_url",
        "image_url": {"url": f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"},
    }


def said(text: str) -> dict[str, Any]:
    """The part of a message that is text."""
    return {"type": "text", "text": text}


def _read(body: bytes) -> tuple[str, int | None]:
    """Text and tokens of an answer; what is no answer of the protocol raises.

    Halves of characters become question marks: they can be written neither to a file nor to a terminal.
    """
    answer = json.loads(body)
    content = answer["choices"][0]["message"]["content"]
    if isinstance(content, list):  # some servers answer in parts
        content = "".join(part.get("text", "") for part in content)
    if not isinstance(content, str):
        raise ValueError("no text")
    if len(content) > MOST_CHARACTERS:
        raise ValueError("more text than was requested")
    usage = answer.get("usage") or {}
    total = usage.get("total_tokens")
    known = isinstance(total, int) and not isinstance(total, bool) and 0 <= total <= _MOST_TOKENS
    return content.encode("utf-8", "replace").decode(), total if known else None


def _size_of(messages: Sequence[dict[str, Any]]) -> tuple[int, int]:
    """Bytes of text, and how many pictures."""
    words = pictures = 0
    for message in messages:
        parts = message["content"] if isinstance(message["content"], list) else [said(message["content"])]
        for part in parts:
            if part["type"] == "text":
                words += len(part["text"].encode("utf-8", "replace"))
            else:
                pictures += 1
    return words, pictures


def _number(variable: str, default: int) -> int:
    text = os.environ.get(variable, "").strip()
    if not text:
        return default
    if not text.isdecimal() or int(text) < 1:
        raise ConfigError(f"Expected a whole number of tokens of at least 1 in {variable}, but it is '{text}'.")
    return int(text)
