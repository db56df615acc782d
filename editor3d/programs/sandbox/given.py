"""What a program that passed the gate is run with: built-ins, modules, and checks that only a run can make.

`prepare` compiles a program with these checks written into its tree, where its text alone does not prove it harmless:

- an attribute that only the program's own classes have is read and set on their objects alone (`__own__`);
- `text.format(...)` fills in values and reads no attributes of them (`__formatted__`);
- `foreach_get` and `foreach_set` take lists and flat arrays, whose length is their memory's (`__flat__`);
- `getattr` and `setattr` take the names that the gate lets through;
- classes are made of the program's own, of `object` and of Python's errors.

Names that begin with two underscores no program can write, so that it can neither call nor replace these.
"""

from __future__ import annotations

import ast
import builtins as python
import dataclasses
import functools
import importlib
import string
from collections.abc import Callable
from types import CodeType, ModuleType
from typing import Any

from editor3d.programs.sandbox import gate, gate_lists, grammar, numbers, repeatable

_REAL = ("bpy", "math", "mathutils", "typing")
"""Modules that are given as they are: of classes and functions in C, or looked up by their names alone."""
_FOREACH = ("foreach_get", "foreach_set")


def prepare(source: str, name: str) -> tuple[CodeType, dict[str, Any]]:
    """A program that the gate has accepted, compiled, and its global names.

    Args:
        source: the program.
        name: of the file that errors speak of.
    """
    tree = ast.parse(source)
    own = grammar.own_names(tree)
    checks = _Checks(own - gate.attributes(), grammar.unused_imports(tree, gate.is_known))
    changed = ast.fix_missing_locations(checks.visit(tree))
    return compile(changed, name, "exec", dont_inherit=True), {"__name__": "__main__", "__builtins__": builtins(own)}


def builtins(own_names: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The built-in functions that a program is given in place of Python's.

    Args:
        own_names: attributes that its own classes define.
    """
    given = {name: getattr(python, name) for name in gate_lists.BUILTINS}
    own = _Own(own_names)
    checks = {
        "__own__": own.only,
        "__formatted__": own.formatted,
        "__flat__": _flat,
        "__build_class__": own.build,
        "getattr": own.read,
        "setattr": own.write,
        "super": super,
    }
    return given | checks | {"__import__": _Imports().only_listed}


class _Checks(ast.NodeTransformer):
    """Writes the checks into a tree."""

    def __init__(self, own: frozenset[str], unused: set[int]) -> None:
        self._own, self._unused = own, unused

    def visit_Import(self, node: ast.Import) -> ast.stmt:
        return self._used(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt:
        return self._used(node)

    def _used(self, node: ast.Import | ast.ImportFrom) -> ast.stmt:
        node.names = [entry for entry in node.names if id(entry) not in self._unused]
        return node if node.names else ast.copy_location(ast.Pass(), node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        if node.attr in self._own:
            node.value = _called("__own__", node.value)
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if method == "format" and isinstance(node.func, ast.Attribute):
            return ast.Call(ast.Name("__formatted__", ast.Load()), [node.func.value, *node.args], node.keywords)
        if method in _FOREACH:
            node.args = [_called("__flat__", argument) for argument in node.args]
        return node


def _called(name: str, argument: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(name, ast.Load()), [argument], [])


class _Own:
    """The classes that one program has made, and what is allowed on their objects alone."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._made: list[type] = []

    def build(self, body: Callable, name: str, *bases: Any, **options: Any) -> type:
        """Make a class of harmless ones."""
        errors = [getattr(python, error) for error in gate_lists.ERRORS]
        for base in bases:
            if not any(base is known for known in (object, *errors, *self._made)):
                raise TypeError(f"{name} may be made of the program's own classes, `object` and errors only")
        if options:
            raise TypeError(f"{name} may have no options")
        made = python.__build_class__(body, name, *bases)
        self._made.append(made)
        return made

    def only(self, thing: Any) -> Any:
        """The thing, where it is of a class of the program's own, or is one."""
        if not self._is_own(thing) and type(thing) is not super:  # which reaches no more than the classes' own bases
            raise AttributeError(f"{type(thing).__name__} has no attribute of that name that a program may use")
        return thing

    def _is_own(self, thing: Any) -> bool:
        return any(type(thing) is made or thing is made for made in self._made)

    def read(self, thing: Any, name: str, *default: Any) -> Any:
        """Python's `getattr` for the names that a program may use."""
        self._check(thing, name)
        return getattr(thing, name, *default)

    def write(self, thing: Any, name: str, value: Any) -> None:
        """Python's `setattr` for the names that a program may use."""
        self._check(thing, name)
        if name in numbers.SET_NEVER:
            raise AttributeError(f"`.{name}` may not be set")
        setattr(thing, name, value)

    def _check(self, thing: Any, name: str) -> None:
        if type(name) is not str:
            raise TypeError("the name of an attribute is a text")
        if isinstance(thing, ModuleType):
            raise AttributeError("write out the parts of modules")
        known = name in gate.attributes() and name not in (*_FOREACH, "format")
        if not known and (name.startswith("__") or not self._is_own(thing)):
            raise AttributeError(f"`.{name}` is not an attribute that a program may use")

    def formatted(self, text: Any, *values: Any, **named: Any) -> str:
        """`str.format` without the attributes of values."""
        if type(text) is not str:
            return self.only(text).format(*values, **named)
        return _FORMATTER.vformat(text, values, named)


class _Formatter(string.Formatter):
    def get_field(self, field_name: str, args: Any, kwargs: Any) -> Any:
        if "." in field_name:
            raise ValueError(f"a format may not read attributes, as {{{field_name}}} does: write an f-string")
        return super().get_field(field_name, args, kwargs)


_FORMATTER = _Formatter()


def _flat(argument: Any) -> Any:
    """A list, or an array whose length is that of its memory: Blender writes as many numbers as an array has rows."""
    import numpy as np

    kind = type(argument)
    if kind is np.ndarray:
        if argument.ndim != 1 or not argument.flags.c_contiguous or argument.dtype.hasobject:
            raise TypeError("foreach_get and foreach_set take flat arrays of numbers: give array.ravel()")
    elif kind not in (str, list, tuple):
        raise TypeError(f"foreach_get and foreach_set take a list or a flat array, not {kind.__name__}")
    return argument


class _Imports:
    """The modules of one program; random numbers begin anew with it."""

    def __init__(self) -> None:
        self._made: dict[str, ModuleType] = {}

    def only_listed(self, name: str, scope=None, inner=None, wanted=(), level: int = 0) -> ModuleType:
        """Python's `__import__`, for listed modules."""
        if not level and name.startswith("numpy.") and name not in gate_lists.MODULES:
            # numpy's own code imports in the name of the program that called it, and takes what Python has loaded
            importlib.import_module(name)
            return ModuleType(name)
        if level or name not in (*gate_lists.MODULES, "__future__"):
            raise ImportError(f"{name} may not be imported")
        whole = name if wanted else name.partition(".")[0]
        return self._module(whole)

    def _module(self, name: str) -> ModuleType:
        if name not in self._made:
            self._made[name] = self._begun(name)
        return self._made[name]

    def _begun(self, name: str) -> ModuleType:
        if name == "random":
            return repeatable.random_module()
        if name == "numpy":
            return numbers.numpy_module()
        if name.startswith("numpy."):
            return getattr(self._module("numpy"), name.partition(".")[2])
        if name in gate_lists.WRANGLER:
            module = ModuleType(name)
            real = importlib.import_module("editor3d.programs.worker.wrangler_parts")
            parts = real.parts(self._module("numpy"), self._module("random"))
            module.__dict__.update({part: parts[part] for part in gate_lists.MODULES[name].split()})
            return module
        real = importlib.import_module(name)
        if name == "mathutils":
            repeatable.begin_noise(real)
        if name in _REAL or name == "__future__":
            return real
        module = ModuleType(name)
        module.__dict__.update({part: numbers.own(getattr(real, part)) for part in gate_lists.MODULES[name].split()})
        if name == "bmesh":
            module.__dict__.update(ops=self._module("bmesh.ops"), types=self._module("bmesh.types"))
        if name == "dataclasses":
            module.__dict__.update(dataclass=_dataclass)
        return module


def _dataclass(made: type | None = None, /, **options: Any) -> Any:
    """Python's own, for the class as it is: with slots it would be another one."""
    if options.keys() & {"slots", "weakref_slot"}:
        raise TypeError("a dataclass of a program has no slots")
    if made is None:
        return functools.partial(_dataclass, **options)
    if not isinstance(made, type) or made.__module__ != "__main__":
        raise TypeError("a dataclass is made of a class of the program's own")
    return dataclasses.dataclass(made, **options)
