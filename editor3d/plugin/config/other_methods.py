"""Methods of other installed packages, and the names by which YAML writes the parts of their configurations."""

from __future__ import annotations

import dataclasses
import os
import re
import warnings
from collections import defaultdict
from collections.abc import Iterator
from enum import Enum
from functools import cache
from importlib.metadata import entry_points
from types import BuiltinFunctionType, FunctionType
from typing import Any, get_args, get_origin

from editor3d.methods import available_methods
from editor3d.registry import load_target

_GROUPS = ("nerfstudio.method_configs", "nerfstudio.dataparser_configs")
_VARIABLES = ("NERFSTUDIO_METHOD_CONFIGS", "NERFSTUDIO_DATAPARSER_CONFIGS")
"""Where nerfstudio looks for methods besides, each as NAME=MODULE:ATTRIBUTE."""
_DEFINED = re.compile(r"=(\w+)")
_NAMED = re.compile(r"!!python/[a-z/]+:(\w+)")


def are_named(text: str, own: frozenset[str]) -> bool:
    """Whether a configuration names a package, besides `own`, that brings methods or data parsers of its own."""
    brought = {point.module.partition(".")[0] for group in _GROUPS for point in entry_points(group=group)}
    brought.update(target.partition(".")[0].partition(":")[0] for target in method_targets())
    for variable in _VARIABLES:
        brought.update(_DEFINED.findall(os.environ.get(variable, "")))
    return not brought.isdisjoint(set(_NAMED.findall(text)) - own)


def dotted(value: Any) -> str:
    """The name by which YAML names a class or a function; `module.Class[module.Other]` for a generic one."""
    if (generic := get_origin(value)) is not None:
        return f"{dotted(generic)}[{', '.join(map(dotted, get_args(value)))}]"
    return f"{value.__module__}.{value.__qualname__}"


def is_named(value: Any) -> bool:
    """Whether it is a class or a function, which YAML writes by name."""
    return isinstance(value, type | FunctionType | BuiltinFunctionType) or get_origin(value) is not None


def method_targets() -> tuple[str, ...]:
    """Where the methods that this package runs are, as `module:attribute`."""
    return tuple(entry.target for entry in available_methods().values())


@cache
def registered(methods: tuple[str, ...]) -> tuple[dict[str, type], dict[str, type[Enum]], dict[str, dict[str, Any]]]:
    """Of all registered methods and data parsers: dataclasses and enumerations by dotted name, and what the fields of
    each dataclass hold of classes and functions. Imports them all.

    Args:
        methods: those that nerfstudio need not know, as `method_targets` gives them.
    """
    from nerfstudio.configs.dataparser_configs import external_dataparsers
    from nerfstudio.configs.external_methods import ExternalMethodDummyTrainerConfig
    from nerfstudio.configs.method_configs import all_methods

    configs: dict[str, type] = {}
    enums: dict[str, type[Enum]] = {}
    targets: dict[str, dict[str, Any]] = defaultdict(dict)
    made = [config for config in all_methods.values() if not isinstance(config, ExternalMethodDummyTrainerConfig)]
    for target in methods:
        try:
            made.append(load_target(target).config)
        except (ImportError, AttributeError, ValueError) as error:
            warnings.warn(f"The method in '{target}' cannot be loaded ({error}): reinstall its package.", stacklevel=2)
    for value in _values([*made, *external_dataparsers.values()]):
        kind = type(value)
        if isinstance(value, Enum):
            enums[dotted(kind)] = kind
            continue
        configs[dotted(kind)] = kind
        for item in vars(value).values():
            if is_named(item):
                targets[dotted(kind)][dotted(item)] = item
    return configs, enums, dict(targets)


def _values(value: Any) -> Iterator[Any]:
    """The dataclasses and members of enumerations within a value, at any depth."""
    if isinstance(value, Enum):
        yield value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield value
        yield from _values(list(vars(value).values()))
    elif isinstance(value, dict):
        yield from _values(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _values(item)
