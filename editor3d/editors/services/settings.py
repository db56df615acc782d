"""Where a service is, what may be sent to it, and what may be spent: from the environment and an editor's argument."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from editor3d.editors.catalogue import SERVICE_CONCURRENCY
from editor3d.editors.services.client import RetryPolicy
from editor3d.editors.services.prices import UNKNOWN, price_of
from editor3d.editors.services.providers import PROVIDERS, Provider
from editor3d.errors import ConfigError
from editor3d.host.surroundings import cache_folder

HERE = ("localhost", "127.0.0.1", "::1")
"""Hosts that are this machine."""
OPENAI = PROVIDERS["service"]


@dataclass(frozen=True)
class ServiceSettings:
    """Where the service is and what may be spent. `from_environment` reads them."""

    url: str = OPENAI.url
    """Base URL, to which the protocol adds its path."""
    model: str = OPENAI.model
    sizes: tuple[tuple[int, int], ...] = OPENAI.sizes
    """Heights and widths that the service works at; empty: the picture's own."""
    price: float = UNKNOWN
    """US dollars that a request is taken to cost, unless the service certainly did not serve it."""
    budget: float = 10.0
    """US dollars that may be spent within 24 hours."""
    references: int = 2
    """How many pictures are sent beside the one to edit, at most."""
    concurrent: int = SERVICE_CONCURRENCY
    """Requests at once."""
    folder: Path = field(default_factory=lambda: _cache_folder())
    """Where answers and the record of what was spent are kept."""
    retry: RetryPolicy = RetryPolicy()
    key: str = field(default="", repr=False)
    """Sent to the service, and to nothing else."""
    provider: Provider = OPENAI
    extra: Mapping[str, str] = field(default_factory=dict)
    """Further fields of a request, by the service's names."""

    @property
    def is_here(self) -> bool:
        """Whether the service is on this machine."""
        return urlsplit(self.url).hostname in HERE

    @classmethod
    def from_environment(cls, argument: str = "", provider: Provider = OPENAI) -> ServiceSettings:
        """Read `EDITOR3D_SERVICE_URL`, `_MODEL`, `_SIZES`, `_PRICE`, `_BUDGET`, `_REFERENCES`, `_OPTIONS`, `_CACHE` and
        `_KEY`; the URL and the model of the environment are for the editor `service` alone.

        Args:
            argument: `MODEL` of a provider by name, `URL` or `URL#MODEL`, which go before the environment's.

        Raises:
            ConfigError: a value is not what it should be.
        """
        url, model = _split(argument, provider)
        if provider is OPENAI:
            url = url or os.environ.get("EDITOR3D_SERVICE_URL", "")
            model = model or os.environ.get("EDITOR3D_SERVICE_MODEL", "")
        url, model = checked_url(url or provider.url), model or provider.model
        extra = _read("EDITOR3D_SERVICE_OPTIONS", lambda text: _options(text, provider), {})
        # A provider's own key is for it: it is never sent to another address.
        own = urlsplit(url).hostname == urlsplit(provider.url).hostname
        theirs = next((os.environ[name] for name in provider.keys if own and os.environ.get(name)), "")
        general = os.environ.get("EDITOR3D_SERVICE_KEY", "")
        key = general or theirs if provider is OPENAI else theirs or ("" if own else general)
        cache = os.environ.get("EDITOR3D_SERVICE_CACHE")
        # A server on this machine charges nothing, unless it is said to.
        usual = 0.0 if urlsplit(url).hostname in HERE else price_of(model, extra.get("quality", ""))
        return cls(
            url=url,
            model=model,
            sizes=_read("EDITOR3D_SERVICE_SIZES", _sizes, provider.sizes_of(model)),
            price=_read("EDITOR3D_SERVICE_PRICE", _dollars, usual),
            budget=_read("EDITOR3D_SERVICE_BUDGET", _dollars, cls.budget),
            references=_read("EDITOR3D_SERVICE_REFERENCES", _few, provider.references),
            concurrent=_read("EDITOR3D_SERVICE_CONCURRENCY", _at_once, SERVICE_CONCURRENCY),
            folder=Path(cache).expanduser() if cache else _cache_folder(),
            key=_checked_key(key.strip()),
            provider=provider,
            extra=extra,
        )


def _split(argument: str, provider: Provider) -> tuple[str, str]:
    """The URL and the model of an argument; either may be empty."""
    if provider is OPENAI or "://" in argument:
        url, _, model = argument.partition("#")
        return url, model
    return "", argument


def _cache_folder() -> Path:
    return cache_folder() / "service"


def checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or "@" in parts.netloc:
        raise ConfigError(
            "Expected the base URL of an image-edit service such as https://api.openai.com/v1, without user name, "
            f"password or query, but got one of the host '{parts.hostname}'; correct EDITOR3D_SERVICE_URL or the "
            "editor's argument."
        )
    return url.rstrip("/")


def _checked_key(key: str) -> str:
    if not re.fullmatch(r"[\x21-\x7e]*", key):
        raise ConfigError(
            "Expected a key of printable characters without spaces in EDITOR3D_SERVICE_KEY or OPENAI_API_KEY, but it "
            "has others; set it anew."
        )
    return key


def _read(variable: str, convert: Callable[[str], Any], default: Any) -> Any:
    """A setting from the environment.

    Raises:
        ConfigError: it cannot be read.
    """
    text = os.environ.get(variable, "").strip()
    if not text:
        return default
    try:
        return convert(text)
    except ValueError as error:
        raise ConfigError(f"Expected {error} in {variable}, but it is '{text}'; correct it.") from error


def _dollars(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0.0):
        raise ValueError("a number of US dollars, at least 0,")
    return value


def _few(text: str) -> int:
    if not re.fullmatch(r"\d{1,2}", text) or int(text) > 15:
        raise ValueError("a number of pictures, 0 to 15 (0 sends none beside the one to edit),")
    return int(text)


def _at_once(text: str) -> int:
    if not re.fullmatch(r"\d{1,2}", text) or not 1 <= int(text) <= 32:
        raise ValueError("a number of requests, 1 to 32,")
    return int(text)


def _sizes(text: str) -> tuple[tuple[int, int], ...]:
    if text == "any":
        return ()
    sizes = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", part.strip())
        if not match or not (int(match[1]) and int(match[2])):
            raise ValueError("WIDTHxHEIGHT, several with commas between them, or 'any'")
        sizes.append((int(match[2]), int(match[1])))
    return tuple(sizes)


def _options(text: str, provider: Provider) -> dict[str, str]:
    """`NAME=VALUE` with commas between them, of the fields that a provider takes."""
    found = {}
    for part in text.split(","):
        name, equals, value = (word.strip() for word in part.partition("="))
        if not equals or not value or name not in provider.fields:
            known = ", ".join(provider.fields) or "none for this service"
            raise ValueError(f"NAME=VALUE, several with commas between them, of these names: {known},")
        found[name] = value
    return found
