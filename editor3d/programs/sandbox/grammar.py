"""What a program's syntax tree says of names: which it binds, which its classes define, which it never uses."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import TypeGuard

BINDING_FIELDS: dict[str, tuple[str, ...]] = {
    "Name": ("id",),
    "arg": ("arg",),
    "alias": ("asname", "name"),
    "FunctionDef": ("name",),
    "AsyncFunctionDef": ("name",),
    "ClassDef": ("name",),
    "ExceptHandler": ("name",),
    "Global": ("names",),
    "Nonlocal": ("names",),
    "MatchAs": ("name",),
    "MatchStar": ("name",),
    "MatchMapping": ("rest",),
    "TypeVar": ("name",),
    "ParamSpec": ("name",),
    "TypeVarTuple": ("name",),
}
"""Every kind of syntax that gives a name a meaning, and the fields that hold the name. Of an alias the first that is
given counts; a name is bound where it is stored or deleted. The last three are of later versions of Python."""
NAMING_FIELDS: dict[str, tuple[str, ...]] = {
    "Attribute": ("attr",),
    "ImportFrom": ("module",),
    "MatchClass": ("kwd_attrs",),
    "keyword": ("arg",),
}
"""The other fields that hold a name: they give none a meaning."""


def bindings(node: ast.AST) -> Iterator[str]:
    """Names that a node gives a meaning to."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        return
    for field in BINDING_FIELDS.get(type(node).__name__, ()):
        value = getattr(node, field)
        if value:
            names = value if isinstance(value, list) else [value]
            yield from (name.partition(".")[0] for name in names)
            return


def types_in(annotation: ast.AST) -> Iterator[ast.AST]:
    """The types that an annotation names, alone, in brackets, or joined by |. What is done with one, such as giving it
    a name or handing it to a function, would take it out of the annotation."""
    yield annotation
    if isinstance(annotation, ast.Subscript | ast.BinOp | ast.Tuple | ast.List):
        for part in ast.iter_child_nodes(annotation):
            yield from types_in(part)


def chain(node: ast.AST) -> list[str]:
    """`a.b.c` as its names; empty where it does not begin with a name."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id, *reversed(names)] if isinstance(node, ast.Name) else []


def own_names(tree: ast.AST) -> frozenset[str]:
    """Attributes that the program's classes define: in their bodies, or on the first argument of their methods."""
    found: set[str] = set()
    for kind in ast.walk(tree):
        if not isinstance(kind, ast.ClassDef):
            continue
        for part in kind.body:
            targets = part.targets if isinstance(part, ast.Assign) else [part.target] if _annotated(part) else []
            found |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
            if isinstance(part, ast.FunctionDef):
                found.add(part.name)
                found |= _set_on_itself(part)
    return frozenset(name for name in found if not name.startswith("__"))


def unused_imports(tree: ast.AST, is_known: Callable[[str, str | None], bool]) -> set[int]:
    """Imports of what is not known, by the `id` of their `ast.alias`, whose names the program does not use.

    Args:
        tree: of a program.
        is_known: says of a module, and of a name that is imported from it, whether it is.
    """
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | {"*"}
    found = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Import | ast.ImportFrom) or getattr(node, "level", 0):
            continue
        for entry in node.names:
            known = (
                is_known(entry.name, None) if isinstance(node, ast.Import) else is_known(node.module or "", entry.name)
            )
            if not known and not used & {*bindings(entry), entry.name}:
                found.add(id(entry))
    return found


def _annotated(node: ast.AST) -> TypeGuard[ast.AnnAssign]:
    return isinstance(node, ast.AnnAssign)


def _set_on_itself(method: ast.FunctionDef) -> set[str]:
    """Attributes that a method sets on its first argument."""
    names = [argument.arg for argument in (*method.args.posonlyargs, *method.args.args)][:1]
    return {
        node.attr
        for node in ast.walk(method)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id in names
    }
