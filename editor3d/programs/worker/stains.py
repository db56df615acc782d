"""Find what a program left behind in its process, apart from scene and settings.

Runs inside the worker. A candidate's Python ends with it: names are dropped and finalizers run. What outlives it, such
as a function of Blender's or of ours that was exchanged, could reach the next candidate's picture; a process that has
a stain is not used again. Everything that Python keeps by name is looked at: modules, classes, functions and what they
are given, and the containers and objects that modules hold. A program that writes into memory itself leaves no such
trace: that, the boundary does not see either.
"""

from __future__ import annotations

import atexit
import fcntl
import gc
import operator
import os
import signal
import sys
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any

_CACHES = frozenset({"editor3d.programs.worker.scene._plans"})
"""Containers that grow by themselves."""
_ATTRIBUTES = operator.attrgetter("__code__", "__defaults__", "__kwdefaults__", "__closure__")
_MOST_FILES = 256


def settle() -> None:
    """Run what a program left to be run when its objects go, before its picture is taken."""
    for forget in typing._cleanups:  # pyright: ignore[reportAttributeAccessIssue]  # it keeps classes in its caches
        forget()
    gc.collect()


def watch(folder: str) -> Callable[[], str | None]:
    """Take note of the process as it is.

    Args:
        folder: where programs may write.

    Returns:
        A function that names what is no longer so, or gives None.
    """
    gc.collect()
    gc.freeze()  # what is there stays: later collections look at what programs make
    spaces = dict(_spaces())
    names = {name: (tuple(space), tuple(space.values())) for name, space in spaces.items()}
    functions = list(_functions(names))
    bodies = [(_ATTRIBUTES(function), _cells(function)) for function in functions]
    system = _system(folder)

    def left() -> str | None:
        now = dict(_spaces())
        if now.keys() != names.keys():
            return "modules or classes of its own"
        for name, (keys, values) in names.items():
            space = now[name]
            if len(space) != len(keys) or tuple(space) != keys or not all(map(operator.is_, space.values(), values)):
                return str(name)
        for function, (parts, cells) in zip(functions, bodies, strict=True):
            if not all(map(operator.is_, _ATTRIBUTES(function), parts)) or not _same(_cells(function), cells):
                return f"the function {function.__qualname__}"
        return None if _system(folder) == system else "something of the process"

    return left


def _spaces() -> Iterator[tuple[Any, Any]]:
    """Everything that holds things by name, each by a name of its own."""
    for name, module in list(sys.modules.items()):
        space = getattr(module, "__dict__", None)
        if not isinstance(space, dict):
            continue
        yield name, space
        for inner, value in list(space.items()):
            place = f"{name}.{inner}"
            if place in _CACHES or isinstance(value, (type, types.ModuleType, types.FunctionType)):
                continue
            if type(value) is dict:
                if inner not in ("__dict__", "__builtins__"):
                    yield (place, "{}"), value
            elif type(value) is list:
                yield (place, "[]"), dict(enumerate(value))
            elif type(getattr(value, "__dict__", None)) is dict:
                yield (place, "."), value.__dict__
    for kind in _classes():
        yield kind, kind.__dict__


def _classes() -> list[type]:
    found, waiting = {object}, [object]
    while waiting:
        for below in type.__subclasses__(waiting.pop()):
            if below not in found:
                found.add(below)
                waiting.append(below)
    return list(found)


def _functions(names: dict[Any, tuple[tuple, tuple]]) -> Iterator[types.FunctionType]:
    """Python's functions among the values, methods and properties of classes too."""
    seen: set[int] = set()
    for _, values in names.values():
        for value in values:
            if isinstance(value, (staticmethod, classmethod)):
                parts = (value.__func__,)
            elif isinstance(value, property):
                parts = (value.fget, value.fset, value.fdel)
            elif isinstance(value, types.MethodType):
                parts = (value.__func__,)
            else:
                parts = (value,)
            for part in parts:
                if isinstance(part, types.FunctionType) and id(part) not in seen:
                    seen.add(id(part))
                    yield part


def _cells(function: types.FunctionType) -> tuple:
    """What a function of a function took along."""
    found = []
    for cell in function.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:  # it is empty
            found.append(None)
    return tuple(found)


def _same(one: tuple, other: tuple) -> bool:
    return len(one) == len(other) and all(map(operator.is_, one, other))


def _system(folder: str) -> list[Any]:
    """State of the interpreter and the process that has no name."""
    return [
        sys.gettrace(), sys.getprofile(), sys.getrecursionlimit(), sys.getswitchinterval(), sys.getdlopenflags(),
        list(sys.path), list(sys.meta_path), list(sys.path_hooks),
        atexit._ncallbacks(), list(gc.callbacks), gc.isenabled(), gc.get_threshold(),
        len(sys._current_frames()), [signal.getsignal(number) for number in signal.valid_signals()],
        _open_files(), sorted(_written(folder)),
    ]  # fmt: skip


def _open_files() -> list[int]:
    found = []
    for handle in range(_MOST_FILES):
        try:
            fcntl.fcntl(handle, fcntl.F_GETFD)
        except OSError:
            continue
        found.append(handle)
    return found


def _written(folder: str) -> Iterator[tuple[str, int]]:
    for place, folders, files in os.walk(folder):
        yield from ((os.path.join(place, name), 0) for name in folders)
        for name in files:
            path = os.path.join(place, name)
            yield path, os.lstat(path).st_size
