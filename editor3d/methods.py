"""Methods, by name: those of the project (`editor3d/registry.py`) and those of other installed packages.

Another package adds a method by two entry points: its `MethodSpecification` in nerfstudio's group
`nerfstudio.method_configs`, for `ns-train`, and a `MethodEntry` in the group `editor3d.methods`. Looking names up
imports no method.
"""

from __future__ import annotations

import warnings
from copy import deepcopy
from typing import Literal, TypeVar

from editor3d import extensions
from editor3d.errors import ConfigError
from editor3d.registry import METHODS, MethodEntry, load_target

T = TypeVar("T")


def available_methods(kind: Literal["base", "edit"] | None = None) -> dict[str, MethodEntry]:
    """All methods, or those of a kind, the project's own first.

    One of another package whose entry cannot be loaded is left out with a warning. A name of the project's stays its
    own.
    """
    found = dict(METHODS)
    for name, point in sorted(extensions.installed(extensions.METHODS).items()):
        if name in found:
            continue
        try:
            found[name] = extensions.load(point, MethodEntry)
        except ConfigError as error:
            warnings.warn(str(error), stacklevel=2)
    return {name: entry for name, entry in found.items() if kind in (None, entry.kind)}


def method_config(name: str, kind: type[T]) -> T:
    """A copy of the configuration that a method starts from.

    Args:
        name: one of `available_methods`.
        kind: what the configuration must be.

    Raises:
        ConfigError: there is no such method, it cannot be imported, or its configuration is of another kind.
    """
    methods = available_methods()
    if name not in methods:
        raise ConfigError(f"Expected a method, one of {', '.join(methods)}, got {name!r}: choose one.")
    target = methods[name].target
    try:
        config = load_target(target).config
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"Expected the method '{name}' in '{target}', it cannot be loaded ({error}): reinstall its package."
        ) from error
    if not isinstance(config, kind):
        raise ConfigError(
            f"Expected the configuration of the method '{name}' to be of type {kind.__name__}, got "
            f"{type(config).__name__} in '{target}': derive it from {kind.__module__}.{kind.__name__}."
        )
    return deepcopy(config)


def edit_method_of(model: str) -> str | None:
    """The method that edits models whose configuration's class is `model`; None where no entry names it."""
    return next((name for name, entry in available_methods("edit").items() if model in entry.edits), None)
