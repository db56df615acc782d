"""The names that a scene has: objects, lights, materials, shape keys, and inputs of modifiers with their limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import msgspec

Kind = Literal["FLOAT", "INT", "VECTOR", "RGBA", "BOOLEAN", "ROTATION", "MENU"]


@dataclass(frozen=True)
class Input:
    """A value of a scene that has a name: an input of a modifier of geometry nodes, or a shape key."""

    owner: str
    """The object."""
    name: str
    identifier: str
    """By which Blender knows it: `Socket_2`; the name of a shape key."""
    kind: Kind
    modifier: str = ""
    """The object's modifier; empty for a shape key."""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    """Of a menu."""


@dataclass(frozen=True)
class Vocabulary:
    """What a scene's things are called."""

    objects: Mapping[str, str] = field(default_factory=dict)
    """Blender's type of each: MESH, LIGHT, ..."""
    materials: tuple[str, ...] = ()
    inputs: tuple[Input, ...] = ()

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Vocabulary:
        """What the process that opens a scene has read of it."""
        return msgspec.convert(facts, cls)

    @cached_property
    def by_label(self) -> dict[str, Input]:
        """Inputs by what a program calls them: their name or their identifier, the first of each."""
        found: dict[str, Input] = {}
        for entry in self.inputs:
            for label in (entry.name, entry.identifier, f"key_blocks.{entry.name}"):
                found.setdefault(label, entry)
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """All names, each once."""
        words = (*self.objects, *self.materials, *(entry.name for entry in self.inputs))
        return tuple(dict.fromkeys((*words, *(entry.modifier for entry in self.inputs if entry.modifier))))


NOTHING = Vocabulary()
