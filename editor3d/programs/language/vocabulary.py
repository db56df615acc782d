"""The names that a scene has: objects, lights, materials, shape keys, and inputs of modifiers with their limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
    numbers: tuple[int, ...] = ()
    """By which a modifier keeps these, where it does not keep their names: before Blender 5.2."""
    place: str = ""
    """Where a modifier has it, behind the modifier in a program: `["Socket_2"]`; empty for a shape key."""

    @property
    def labels(self) -> tuple[str, ...]:
        """What a program may call it, as `Parameter.label`."""
        return (self.name, self.identifier, f"inputs.{self.identifier}", f"key_blocks.{self.name}")

    def joined(self, other: Input) -> Input | None:
        """What holds for both of two inputs of one label: the wider limits; None where their values are not alike."""
        if (self.kind, self.choices, self.numbers) != (other.kind, other.choices, other.numbers):
            return None
        low = None if self.low is None or other.low is None else min(self.low, other.low)
        high = None if self.high is None or other.high is None else max(self.high, other.high)
        return replace(self, low=low, high=high)


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
        """Inputs by what a program calls them. A label whose values are of one kind here and of another there tells
        nothing, and is left out."""
        found: dict[str, Input | None] = {}
        for entry in self.inputs:
            for label in entry.labels:
                known = found.setdefault(label, entry)
                found[label] = None if known is None else known.joined(entry)
        return {label: entry for label, entry in found.items() if entry is not None}

    @property
    def names(self) -> tuple[str, ...]:
        """All names, each once."""
        words = (*self.objects, *self.materials, *(entry.name for entry in self.inputs))
        return tuple(dict.fromkeys((*words, *(entry.modifier for entry in self.inputs if entry.modifier))))


NOTHING = Vocabulary()
