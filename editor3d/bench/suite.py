"""What a benchmark edits: a YAML file of captures, instructions, methods and editors, and options for all."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import msgspec
import yaml

from editor3d.errors import ConfigError, first_line
from editor3d.files.bounded_yaml import load_plain
from editor3d.files.safe_open import require_regular
from editor3d.options import options_from

_MAX_CHARACTERS = 1 << 16
_TAKEN = ("instruction", "method", "editor", "output")
"""Options that a suite gives in other places."""
_Words = Annotated[list[str], msgspec.Meta(min_length=1, max_length=1000)]


class Suite(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Captures × instructions × methods × editors."""

    captures: _Words
    """What `editor3d edit` takes; folders are relative to the suite's file."""
    instructions: _Words
    methods: _Words
    editors: _Words
    summary: str = ""
    downscale_factor: Annotated[int, msgspec.Meta(ge=1, le=64)] | None = None
    """Read the captures' pictures at 1/N of their size."""
    options: dict[str, Any] = {}
    """Fields of `EditOptions` for every edit."""
    trials: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    """Photographs that each editor is tried on again: paraphrases, seeds, noise."""

    def cells(self) -> list[Cell]:
        """All edits of the suite, in the order of the file."""
        return [
            Cell(*choice, self.downscale_factor, self.options, self.trials)
            for choice in product(self.captures, self.instructions, self.methods, self.editors)
        ]


@dataclass(frozen=True)
class Cell:
    """One edit of a suite."""

    capture: str
    instruction: str
    method: str
    editor: str
    downscale_factor: int | None
    options: Mapping[str, Any]
    trials: int

    @property
    def name(self) -> str:
        """Of its folder and its picture: readable, and another for another edit."""
        said = f"{Path(self.capture).name} {self.instruction} {self.method} {self.editor}".lower()
        words = re.sub(r"[^a-z0-9]+", "-", said)
        digest = hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()
        return f"{words.strip('-')[:80]}-{digest[:8]}"


def read_suite(path: Path) -> Suite:
    """A suite from its file.

    Raises:
        ConfigError: there is none, or it says something else; the text names what.
    """
    text = require_regular(path, ConfigError).read_text(encoding="utf-8", errors="replace")
    if len(text) > _MAX_CHARACTERS:
        raise ConfigError(f"Expected a suite of at most {_MAX_CHARACTERS} characters in {path}, got more: cut it.")
    try:
        suite = msgspec.convert(load_plain(text), Suite)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise ConfigError(
            f"Expected captures, instructions, methods and editors, each a list, in the suite {path}, got another "
            f"({first_line(error):.200}): correct it."
        ) from error
    taken = [name for name in _TAKEN if name in suite.options]
    if taken:
        raise ConfigError(f"Expected no {taken[0]} among the options of the suite {path}, got one: leave it out.")
    options_from(suite.options)
    return msgspec.structs.replace(suite, captures=[_placed(capture, path.parent) for capture in suite.captures])


def _placed(capture: str, folder: Path) -> str:
    beside = folder / Path(capture).expanduser()
    return str(beside) if beside.exists() else capture
