"""Requests that are forbidden on this machine, by a file of its administrator.

    forbidden:
      - words: [undress, naked, without clothes]
        because: no person is undressed

Words are looked for as whole words, in any case. An instruction can be worded to pass; a policy keeps honest users from
mistakes and leaves a refusal in the log. It is no safety checker.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
import yaml

from editor3d.audit.log import note
from editor3d.errors import ConfigError, ForbiddenError, first_line
from editor3d.files.bounded_yaml import load_plain
from editor3d.language.tokens import split_words

VARIABLE = "EDITOR3D_POLICY"
"""Environment variable that names the file."""
_MAX_CHARACTERS = 1 << 18


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Some words, and why they are forbidden."""

    words: Annotated[list[str], msgspec.Meta(min_length=1)]
    because: Annotated[str, msgspec.Meta(min_length=1)]


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All rules of a file."""

    forbidden: list[Rule] = []

    def against(self, instruction: str) -> Rule | None:
        """The first rule that an instruction breaks; None where it breaks none."""
        said = f" {' '.join(split_words(instruction))} "
        for rule in self.forbidden:
            for words in rule.words:
                wanted = " ".join(split_words(words))
                if wanted and f" {wanted} " in said:
                    return rule
        return None


def read_policy(path: Path) -> Policy:
    """
    Raises:
        ConfigError: there is no such file, or it says something else. Nothing is edited without the policy then.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if len(text) > _MAX_CHARACTERS:
            raise ValueError(f"more than {_MAX_CHARACTERS} characters")
        return msgspec.convert(load_plain(text), Policy)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(
            f"Expected a policy in {path}, a list forbidden of words and because, found another "
            f"({first_line(error):.200}): correct it, or {VARIABLE}."
        ) from error


def require_allowed(instruction: str, environment: Mapping[str, str] = os.environ) -> None:
    """Refuse an instruction that the policy of this machine forbids, and note that; without a policy all are allowed.

    Raises:
        ForbiddenError: it is forbidden; the text says why.
        ConfigError: the policy cannot be read.
    """
    named = environment.get(VARIABLE, "")
    if not named or not instruction:
        return
    rule = read_policy(Path(named).expanduser()).against(instruction)
    if rule is not None:
        note("refusal", instruction=instruction, because=rule.because, by="policy")
        raise ForbiddenError(
            f"The policy of this machine forbids '{instruction:.200}', because {rule.because}: ask for something else."
        )
