"""Kinds of regions that other packages add, by entry points in the group `editor3d.regions`."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from editor3d.errors import RegionError, shown
from editor3d.extensions import REGIONS, installed, load

if TYPE_CHECKING:
    from editor3d.types import Region


@dataclass(frozen=True)
class RegionKind:
    """How regions of one kind are written down."""

    from_text: Callable[[str], Region]
    """Makes a region of what follows `NAME:` in `--region`. Raises RegionError, ValueError or TypeError."""
    from_fields: Callable[..., Region]
    """Makes a region of the values that its `to_json` gives, without "type". Raises as `from_text` does."""


def kind_names() -> tuple[str, ...]:
    """The names of the kinds that are installed; imports no other package."""
    return tuple(sorted(installed(REGIONS)))


def region_from_text(kind: str, text: str) -> Region:
    """The region that `KIND:TEXT` names, of an installed kind.

    Raises:
        RegionError: the text describes no such region.
        ConfigError: the package of the kind cannot be loaded.
    """
    try:
        return _kind(kind).from_text(text)
    except (TypeError, ValueError) as error:
        raise RegionError(
            f"Expected what makes a region of kind '{kind}', got {shown(text)} ({error}): see the package that adds it."
        ) from error


def region_from_fields(kind: str, fields: Mapping[str, Any]) -> Region:
    """The region of JSON values without "type", of an installed kind.

    Raises:
        RegionError: the values make no such region.
        ConfigError: the package of the kind cannot be loaded.
    """
    try:
        return _kind(kind).from_fields(**fields)
    except (TypeError, ValueError) as error:
        raise RegionError(
            f"Expected the values of a region of type '{kind}', got {reprlib.repr(dict(fields))} ({error}): see the "
            f"package that adds it."
        ) from error


def _kind(name: str) -> RegionKind:
    return load(installed(REGIONS)[name], RegionKind)
