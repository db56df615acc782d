"""Presets: YAML files of configs/, one a paper and size, loaded into a method's configuration."""

from __future__ import annotations

import difflib
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from editor3d.errors import ConfigError, first_line
from editor3d.files.bounded_yaml import load_plain
from editor3d.files.safe_open import require_regular
from editor3d.methods import available_methods, method_config

if TYPE_CHECKING:
    from nerfstudio.engine.trainer import TrainerConfig

_PACKAGED = Path(__file__).parents[2] / "_configs"
_CHECKOUT = Path(__file__).parents[3] / "configs"

_KEYS = {"summary": str, "method": str, "values": dict}
_MAX_CHARACTERS = 1 << 16


def presets_folder() -> Path:
    """Where the presets are: inside an installed package, or beside it in a checkout."""
    return _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT


def preset_names() -> list[str]:
    return sorted(path.stem for path in presets_folder().glob("*.yaml"))


def read_preset(name: str) -> dict[str, Any]:
    """A preset's `method` and `values` (dotted configuration path -> value).

    Raises:
        ConfigError: there is none of this name, or the file is damaged or says something else.
    """
    names = preset_names()
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(names)}."
        raise ConfigError(f"There is no preset {name}: {hint}")
    path = require_regular(presets_folder() / f"{name}.yaml", ConfigError)
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_MAX_CHARACTERS + 1)
        if len(text) > _MAX_CHARACTERS:
            raise ConfigError(f"Expected a preset of at most {_MAX_CHARACTERS} characters in {path}, got more: cut it.")
        body = load_plain(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"Expected YAML in the preset {path}, found {first_line(error):.200}: correct it.") from error
    if not isinstance(body, dict) or set(body) != set(_KEYS):
        found = ", ".join(map(str, body)) if isinstance(body, dict) else type(body).__name__
        raise ConfigError(f"Expected {', '.join(_KEYS)} in the preset {path}, found {found or 'none'}: correct it.")
    for key, kind in _KEYS.items():
        if not isinstance(body[key], kind):
            raise ConfigError(
                f"Expected a {kind.__name__} as {key} of the preset {path}, found {body[key]!r:.60}: correct it."
            )
    if body["method"] not in available_methods():
        raise ConfigError(f"Expected a method in the preset {path}, found {body['method']!r:.60}: correct it.")
    return body


def apply_preset(config: TrainerConfig, name: str) -> None:
    """Put a preset's values into `config` where it still has the method's own; what a flag has set stays.

    Raises:
        ConfigError: no such preset, one of another method, or an unknown key.
    """
    preset = read_preset(name)
    if preset["method"] != config.method_name:
        raise ConfigError(f"The preset {name} is for {preset['method']}, not for {config.method_name}.")
    default = method_config(preset["method"], type(config))
    for path, value in preset["values"].items():
        if not isinstance(path, str):
            raise ConfigError(f"Expected names of settings in the preset {name}, found {path!r:.60}: correct it.")
        *parents, last = path.split(".")
        owner: Any = config
        reference = default
        for part in parents:
            _require(owner, part, name, path, config.method_name)
            owner, reference = _get(owner, part), _get(reference, part)
        _require(owner, last, name, path, config.method_name)
        if isinstance(value, list) and isinstance(_get(reference, last), tuple):
            value = tuple(value)
        if not _fits(reference, last, value):
            raise ConfigError(f"The preset {name} sets {path} to {value!r:.60}, which it cannot be: correct it.")
        if _get(owner, last) == _get(reference, last):
            if parents == ["options"]:  # frozen
                _set(config, "options", replace(owner, **{last: value}))
            else:
                _set(owner, last, value)


def _require(owner: Any, key: str, preset: str, path: str, method: str | None) -> None:
    known = owner if isinstance(owner, dict) else [field.name for field in fields(owner)] if is_dataclass(owner) else ()
    if key not in known or key.startswith("_"):
        raise ConfigError(f"The preset {preset} sets {path:.80}, which {method} does not have.")


def _fits(owner: Any, key: str, value: Any) -> bool:
    """Whether a value is of its field's type; never a whole part of the configuration."""
    now = _get(owner, key)
    if key == "scheduler" and value is None:  # which may be left out
        return True
    if is_dataclass(now) or isinstance(now, dict):
        return False
    if isinstance(owner, dict):
        return isinstance(value, type(now))
    from editor3d.plugin.config.file import fits  # which imports torch: presets are listed without

    return fits(type(owner), key, value)


def _get(owner: Any, key: str) -> Any:
    # reflection: a preset names fields by dotted paths
    return owner[key] if isinstance(owner, dict) else getattr(owner, key)


def _set(owner: Any, key: str, value: Any) -> None:
    if isinstance(owner, dict):
        owner[key] = value
    else:
        setattr(owner, key, value)
