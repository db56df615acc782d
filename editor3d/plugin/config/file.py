"""Reading a run's config.yml without running what it names.

nerfstudio writes it as YAML that names Python classes, and reads it by a loader that imports and calls whatever is
named. Here only the dataclasses of `config_names` are built, from fields that they have, of the types that these state.
A class or a function is taken only for a field that has it by default: it is never imported by a name in the file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from functools import cache
from importlib import import_module
from pathlib import Path, PureWindowsPath
from typing import Any, get_type_hints

import numpy as np
import yaml
from nerfstudio.engine.optimizers import OptimizerConfig
from nerfstudio.engine.schedulers import SchedulerConfig
from nerfstudio.engine.trainer import TrainerConfig
from typeguard import CollectionCheckStrategy, TypeCheckError, check_type

from editor3d.errors import CheckpointError, first_line
from editor3d.files.bounded_yaml import BUILDING, TAG, BoundedLoader, Refused
from editor3d.files.safe_open import require_regular
from editor3d.plan import Plan
from editor3d.plugin.config.names import CONFIG_CLASSES, ENUMS, OTHER_TARGETS, PATHS
from editor3d.plugin.config.other_methods import are_named, dotted, is_named, method_targets, registered
from editor3d.regions import REGION_FILES, files_in

MAX_BYTES = 1 << 22
"""Largest config.yml: a region of a thousand parts takes a tenth of it."""
_OWN_PACKAGES = frozenset(module.partition(".")[0] for module in CONFIG_CLASSES)
_GENERIC = "_operator.getitem"
"""How YAML writes a class with another in brackets."""


@dataclasses.dataclass(frozen=True)
class Names:
    """What a configuration may be made of, by dotted name; nothing is imported before its first use."""

    configs: Mapping[str, Callable[[], type]]
    enums: Mapping[str, Callable[[], type[Enum]]]
    other_targets: Mapping[str, Mapping[str, Callable[[], Any]]]
    """By dataclass: what its fields may hold of classes and functions besides their defaults."""


def read_config(path: Path) -> TrainerConfig:
    """A run's config.yml.

    Raises:
        CheckpointError: it cannot be read, names what no configuration is made of, or is no run's configuration.
    """
    require_regular(path, CheckpointError)
    if path.stat().st_size > MAX_BYTES:
        raise CheckpointError(
            f"Expected the configuration of a run of at most {MAX_BYTES >> 20} MiB at {path}, found "
            f"{path.stat().st_size >> 20} MiB: check the path."
        )
    try:
        config = parse_config(path.read_text(encoding="utf-8"), str(path))
        plan = vars(config.pipeline).get("plan")  # the configuration may be any method's, nerfstudio's too
        if isinstance(plan, Plan) and plan.region:
            region = files_in(plan.region, path.parent / REGION_FILES)
            vars(config.pipeline)["plan"] = dataclasses.replace(plan, region=region)
    except (OSError, ValueError, RecursionError) as error:  # bytes that are no text, or a region that is no JSON
        raise CheckpointError(
            f"Expected the configuration of a run at {path}, found it unreadable "
            f"({first_line(error):.200}): check the path."
        ) from error
    return config


def parse_config(text: str, where: str, names: Names | None = None) -> TrainerConfig:
    """The configuration in the text of a config.yml.

    Args:
        where: names the file in errors.
        names: what it may be made of; by default what `own_names` gives, and where it names another package that brings
            methods to nerfstudio, what those are made of.

    Raises:
        CheckpointError: as `read_config`.
    """
    loader = None
    try:
        loader = _Loader(text, _names_for(text) if names is None else names)
        config = loader.get_single_data()
    except Refused as refused:
        raise CheckpointError(
            f"Expected the configuration of a run at {where}, found {refused} in it: open it only by the version that "
            f"made it, and if you know who did."
        ) from refused
    except (yaml.YAMLError, *BUILDING, ImportError) as error:
        raise CheckpointError(
            f"Expected the configuration of a run at {where}, found it unreadable "
            f"({first_line(error):.200}): check the path, and that the package that trained it is installed."
        ) from error
    finally:
        if loader is not None:
            loader.dispose()
    if not isinstance(config, TrainerConfig):
        raise CheckpointError(f"Expected the configuration of a run at {where}, found something else: check the path.")
    _check_places(config, where)
    return config


def dump_config(config: TrainerConfig) -> str:
    """The text of a config.yml, as nerfstudio's commands read it too; numpy's numbers in it become Python's."""
    return yaml.dump(config, Dumper=_Dumper)


class _Dumper(yaml.Dumper):
    """Writes what `_Loader` reads."""


_Dumper.add_multi_representer(np.generic, lambda dumper, number: dumper.represent_data(number.item()))


def _check_places(config: TrainerConfig, where: str) -> None:
    """Refuse folders within the run that are none: checkpoints are written to them, and older ones removed."""
    for place in (config.relative_model_dir, config.logging.relative_log_dir, config.viewer.relative_log_filename):
        if Path(place).is_absolute() or ".." in Path(place).parts:
            raise CheckpointError(
                f"Expected places inside the run in the configuration {where}, found {str(place)!r}: correct it there."
            )


@cache
def own_names() -> Names:
    """What configurations of this project's and of nerfstudio's methods are made of."""
    return Names(
        {f"{module}.{name}": _importing(module, name) for module, name in _pairs(CONFIG_CLASSES)},
        {f"{module}.{name}": _importing(module, name) for module, name in _pairs(ENUMS)},
        {config: {name: _resolving(name) for name in found} for config, found in OTHER_TARGETS.items()},
    )


def _names_for(text: str) -> Names:
    own = own_names()
    if not are_named(text, _OWN_PACKAGES):
        return own
    configs, enums, targets = registered(method_targets())
    others = {config: {name: _constant(value) for name, value in found.items()} for config, found in targets.items()}
    for config, found in own.other_targets.items():
        others[config] = {**others.get(config, {}), **found}
    return Names(
        {**{name: _constant(kind) for name, kind in configs.items()}, **own.configs},
        {**{name: _constant(kind) for name, kind in enums.items()}, **own.enums},
        others,
    )


def _constant(value: Any) -> Callable[[], Any]:
    return lambda: value


def _pairs(by_module: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    return ((module, name) for module, names in by_module.items() for name in names)


def _importing(module: str, name: str) -> Callable[[], Any]:
    # reflection: the class that a listed name stands for
    return lambda: getattr(import_module(module), name)


def _resolving(name: str) -> Callable[[], Any]:
    """Of a name in our own lists, `module.Class` or `module.Class[module.Other]`."""
    outer, bracket, inner = name.removesuffix("]").partition("[")
    own = _importing(*outer.rsplit(".", 1))
    return (lambda: own()[_resolving(inner)()]) if bracket else own


@dataclasses.dataclass(frozen=True)
class _Name:
    """A class or function that the file names. Not imported."""

    name: str


class _Loader(BoundedLoader):
    """Builds plain values, paths, and the dataclasses and members of enumerations that are listed."""

    def __init__(self, text: str, names: Names) -> None:
        super().__init__(text)
        self.names = names

    def _tuple(self, node: yaml.SequenceNode) -> tuple:
        return tuple(self.construct_sequence(node, deep=True))

    def _config(self, name: str, node: yaml.Node) -> Any:
        if name not in self.names.configs:
            raise Refused(f"the class {name!r:.80}")
        if not isinstance(node, yaml.MappingNode):
            raise Refused(f"no fields for {name!r:.80}")
        return _built(name, self.construct_mapping(node, deep=True), self.names)

    def _named(self, name: str, node: yaml.Node) -> _Name:
        return _Name(name)

    def _call(self, name: str, node: yaml.Node) -> Any:
        """What YAML writes as a call: a path, a member of an enumeration, or a class with another in brackets."""
        known = name in PATHS or name in self.names.enums or name == _GENERIC
        if not known or not isinstance(node, yaml.SequenceNode):
            raise Refused(f"a call of {name!r:.80}")
        arguments = self.construct_sequence(node, deep=True)
        if name == _GENERIC and len(arguments) == 2 and all(isinstance(part, _Name) for part in arguments):
            return _Name(f"{arguments[0].name}[{arguments[1].name}]")
        if name in PATHS and all(isinstance(part, str) and "\0" not in part for part in arguments):
            return Path(PureWindowsPath(*arguments).as_posix() if "Windows" in name else Path(*arguments))
        if name in self.names.enums and len(arguments) == 1 and isinstance(arguments[0], str | int):
            try:
                return self.names.enums[name]()(arguments[0])
            except ValueError as error:
                raise Refused(f"{str(error):.120}") from error
        raise Refused(f"a call of {name!r:.80} with other arguments than it has")


_Loader.add_constructor(f"{TAG}python/tuple", _Loader._tuple)
_Loader.add_multi_constructor(f"{TAG}python/object:", _Loader._config)
_Loader.add_multi_constructor(f"{TAG}python/object/apply:", _Loader._call)
_Loader.add_multi_constructor(f"{TAG}python/name:", _Loader._named)


def _built(name: str, values: dict[Any, Any], names: Names) -> Any:
    """The dataclass of that name with these fields; the others have their defaults.

    Raises:
        Refused: it has no such field, or none of this type.
    """
    kind = names.configs[name]()
    known = {field.name: field for field in dataclasses.fields(kind) if field.init}
    for key, value in values.items():
        if key not in known:
            raise Refused(f"{str(key)!r:.80}, which {kind.__name__} does not have,")
        if isinstance(value, _Name):
            default = _default(known[key])
            others = names.other_targets.get(name, {})
            if value.name in others:
                values[key] = others[value.name]()
            elif is_named(default) and value.name == dotted(default):
                values[key] = default
            else:
                raise Refused(f"{value.name!r:.80} as {key} of {kind.__name__}")
            continue
        if any(isinstance(part, _Name) for part in _parts(value)):
            raise Refused(f"a class or function within {key} of {kind.__name__}")
        if is_named(_default(known[key])) and value is not None:
            raise Refused(f"a plain value for {key} of {kind.__name__}")
        if key == "optimizers":
            _check_optimizers(value)
        if not fits(kind, key, value) and value != _default(known[key]):  # some state another type than their default's
            raise Refused(f"a {type(value).__name__} as {key} of {kind.__name__}")
    return kind(**values)


def fits(kind: type, key: str, value: Any) -> bool:
    """Whether a value is of the type that a dataclass states for a field."""
    try:
        check_type(value, _hints(kind)[key], collection_check_strategy=CollectionCheckStrategy.ALL_ITEMS)
    except TypeCheckError:
        return False
    return True


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _default(field: dataclasses.Field) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    return None if field.default_factory is dataclasses.MISSING else field.default_factory()


def _parts(value: Any) -> Iterator[Any]:
    """All that plain containers hold."""
    if isinstance(value, dict):
        for pair in value.items():
            for part in pair:
                yield from _parts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _parts(part)
    else:
        yield value


def _check_optimizers(value: Any) -> None:
    for group in value.values() if isinstance(value, dict) else ():
        if not isinstance(group, dict) or not isinstance(group.get("optimizer"), OptimizerConfig):
            raise Refused("a group of parameters without an optimizer")
        if not isinstance(group.get("scheduler"), SchedulerConfig | None):
            raise Refused("a scheduler that is none")
