"""What each value in a program is given to, as a label: `inputs.Roughness`, `location[2]`, `energy`, `Count`.

An argument of a function of the program's own is labelled by the function's parameter; where that says no more than
`value`, by the text beside it, as in `set_input(modifier, "Count", 3)`. How a tree of nodes is laid out in the editor,
and how its frames look, is given to nothing that a picture shows: such values have no label.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

_WRAPPERS = frozenset(["Vector", "Color", "Euler", "Quaternion", "tuple", "list", "float", "max", "min", "array"])
"""Calls whose argument means what their result is given to."""
_VAGUE = frozenset(["value", "val", "v", "x", "amount", "default_value", "data"])
"""Names of parameters that say nothing of a quantity."""
_LAYOUT = frozenset(
    ["location", "width", "height", "color", "label", "name", "hide", "location_absolute", "dimensions"]
)
"""Properties of nodes that only the node editor shows."""
NO_LABEL = "-"
"""Of what is under no name, or is no quantity: nothing below it is a parameter."""


class Labels:
    """Labels of one program."""

    def __init__(self, tree: ast.Module) -> None:
        nodes = list(ast.walk(tree))
        self._functions = {node.name: node for node in nodes if isinstance(node, ast.FunctionDef)}
        self._node_names = {
            ast.unparse(target)
            for node in nodes
            if isinstance(node, ast.Assign) and _makes_node(node.value)
            for target in node.targets
        }

    def children(self, node: ast.AST, label: str) -> Iterator[tuple[ast.AST, str]]:
        """Expressions below a node, and what each is given to."""
        if isinstance(node, ast.Assign):
            yield node.value, NO_LABEL if self._is_layout(node.targets[0]) else target_label(node.targets[0])
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign)) and node.value is not None:
            yield node.value, NO_LABEL if self._is_layout(node.target) else target_label(node.target)
        elif isinstance(node, ast.Call):
            yield node.func, ""
            yield from self._arguments(node, label)
        elif isinstance(node, (ast.FunctionDef, ast.Lambda)):
            names = _parameters(node)
            defaults = node.args.defaults
            yield from zip(defaults, names[len(names) - len(defaults) :], strict=True)
            yield from ((d, a.arg) for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if d)
            yield from ((child, "") for child in (node.body if isinstance(node.body, list) else [node.body]))
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                own = key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else label
                yield value, own
        elif isinstance(node, (ast.Tuple, ast.List)):
            yield from ((element, f"{label}[{index}]" if label else "") for index, element in enumerate(node.elts))
        elif isinstance(node, ast.BinOp):
            yield node.left, label
            if not isinstance(node.op, (ast.Pow, ast.Mod, ast.FloorDiv)):
                yield node.right, label
        elif isinstance(node, ast.UnaryOp):
            yield node.operand, label
        elif isinstance(node, ast.IfExp):
            yield node.body, label
            yield node.orelse, label
        elif isinstance(node, ast.For):
            yield node.iter, "" if isinstance(node.iter, ast.Call) else target_label(node.target)
            yield from ((child, "") for child in (*node.body, *node.orelse))
        elif isinstance(node, (ast.If, ast.While)):
            yield from ((child, "") for child in (*node.body, *node.orelse))
        elif isinstance(node, ast.Return) and node.value is not None:
            yield node.value, label
        elif isinstance(node, ast.Attribute):
            yield node.value, ""
        elif isinstance(node, (ast.Subscript, ast.Compare, ast.JoinedStr)):
            return  # an index, a condition and a text are no quantities
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return  # a docstring
        else:
            yield from ((child, "") for child in ast.iter_child_nodes(node))

    def _arguments(self, node: ast.Call, label: str) -> Iterator[tuple[ast.AST, str]]:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name == "setattr" and len(node.args) == 3 and isinstance(node.args[1], ast.Constant):
            yield node.args[2], str(node.args[1].value)
            return
        through = label if name in _WRAPPERS else ""
        texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        names = _parameters(self._functions[name]) if name in self._functions else []
        if names[:1] == ["self"] and isinstance(node.func, ast.Attribute):
            names = names[1:]
        for index, argument in enumerate(node.args):
            own = names[index] if index < len(names) else f"{name}({index})"
            if names and own in _VAGUE and texts:
                own = texts[-1]
            yield argument, through or own
        for keyword in node.keywords:
            yield keyword.value, NO_LABEL if self._is_place_in_editor(keyword) else keyword.arg or label

    def _is_layout(self, target: ast.AST) -> bool:
        while isinstance(target, ast.Subscript) or (isinstance(target, ast.Attribute) and target.attr in ("x", "y")):
            target = target.value
        return (
            isinstance(target, ast.Attribute)
            and target.attr in _LAYOUT
            and (ast.unparse(target.value) in self._node_names or _makes_node(target.value))
        )

    @staticmethod
    def _is_place_in_editor(keyword: ast.keyword) -> bool:
        """A place of two numbers is one in the node editor; places in the scene have three."""
        two = isinstance(keyword.value, (ast.Tuple, ast.List)) and len(keyword.value.elts) == 2
        return two and "loc" in (keyword.arg or "")


def target_label(node: ast.AST) -> str:
    """What a value is given to: the last names of the target, `default_value` and the like left out."""
    parts: list[str] = []
    while True:
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Subscript):
            key = node.slice.value if isinstance(node.slice, ast.Constant) else None
            if isinstance(key, str):
                parts.append(key)
            elif isinstance(key, int):
                parts.append(f"[{key}]")
            node = node.value
        elif isinstance(node, ast.Call):
            first = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
            if isinstance(node.func, ast.Attribute) and node.func.attr == "get" and isinstance(first, str):
                parts.append(first)  # as by an index
                node = node.func.value
            else:
                node = node.func
        else:
            if isinstance(node, ast.Name):
                parts.append(node.id)
            break
    quantity = [part for part in parts if part not in ("default_value", "value", "x", "y", "z")] or parts
    chosen = quantity[:1] if quantity and not quantity[0].startswith("[") else quantity[:2]
    if len(quantity) > 1 and quantity[1] in ("key_blocks", "inputs"):
        chosen = quantity[:2]
    if len(quantity) > 2 and quantity[2] == "elements" and quantity[1].startswith("["):
        chosen = quantity[:3]  # a stop of a ramp
    return ".".join(reversed(chosen)).replace(".[", "[")


def ramp_of(node: ast.AST) -> tuple[str, int] | None:
    """Of `RAMP.elements[INDEX].position`, the ramp and the index."""
    if not (isinstance(node, ast.Attribute) and node.attr == "position" and isinstance(node.value, ast.Subscript)):
        return None
    stops, index = node.value.value, node.value.slice
    if not (isinstance(stops, ast.Attribute) and stops.attr == "elements" and isinstance(index, ast.Constant)):
        return None
    return (ast.unparse(stops.value), index.value) if isinstance(index.value, int) else None


def _parameters(node: ast.FunctionDef | ast.Lambda) -> list[str]:
    return [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]


def _makes_node(node: ast.AST) -> bool:
    """Whether an expression is a node of a tree: new, or looked up."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr == "new_node":
            return True
        return node.func.attr in ("new", "get") and ast.unparse(node.func.value).endswith("nodes")
    return isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("nodes")
