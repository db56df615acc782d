"""Presets: YAML files of configs/, one a paper and size, loaded into a method's configuration."""

from __future__ import annotations

import difflib
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from editor3d.errors import ConfigError
from editor3d.registry import METHODS, load_target

if TYPE_CHECKING:
    from nerfstudio.engine.trainer import TrainerConfig

_PACKAGED = Path(__file__).parents[1] / "_configs"
_CHECKOUT = Path(__file__).parents[2] / "configs"


def presets_folder() -> Path:
    """Where the presets are: inside an installed package, or beside it in a checkout."""
    return _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT


def preset_names() -> list[str]:
    return sorted(path.stem for path in presets_folder().glob("*.yaml"))


def read_preset(name: str) -> dict[str, Any]:
    """A preset's `method` and `values` (dotted configuration path -> value).

    Raises:
        ConfigError: there is none of this name, or the file says something else besides.
    """
    names = preset_names()
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(names)}."
        raise ConfigError(f"There is no preset {name}: {hint}")
    body = yaml.safe_load((presets_folder() / f"{name}.yaml").read_text(encoding="utf-8"))
    unknown = set(body) - {"summary", "method", "values"}
    if unknown:
        raise ConfigError(f"Expected summary, method and values in the preset {name}, found {', '.join(unknown)}.")
    return body


def apply_preset(config: TrainerConfig, name: str) -> None:
    """Put a preset's values into `config` where it still has the method's own; what a flag has set stays.

    Raises:
        ConfigError: no such preset, one of another method, or an unknown key.
    """
    preset = read_preset(name)
    if preset["method"] != config.method_name:
        raise ConfigError(f"The preset {name} is for {preset['method']}, not for {config.method_name}.")
    default = load_target(METHODS[config.method_name].target).config
    for path, value in preset["values"].items():
        *parents, last = path.split(".")
        owner, reference = config, default
        for part in parents:
            _require(owner, part, name, path, config.method_name)
            owner, reference = _get(owner, part), _get(reference, part)
        _require(owner, last, name, path, config.method_name)
        if _get(owner, last) == _get(reference, last):
            _set(owner, last, type(_get(owner, last))(value) if isinstance(value, list) else value)


def _require(owner: Any, key: str, preset: str, path: str, method: str | None) -> None:
    if key not in (owner if isinstance(owner, dict) else {field.name for field in fields(owner)}):
        raise ConfigError(f"The preset {preset} sets {path}, which {method} does not have.")


def _get(owner: Any, key: str) -> Any:
    return owner[key] if isinstance(owner, dict) else getattr(owner, key)


def _set(owner: Any, key: str, value: Any) -> None:
    if isinstance(owner, dict):
        owner[key] = value
    else:
        setattr(owner, key, value)
