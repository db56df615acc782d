"""Find the changeable parts of a Blender program: its numbers, colours, words, switches and node links.

Found in the syntax tree and changed in the text, so that everything else, comments included, stays as it was written.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from editor3d.errors import ConfigError
from editor3d.programs.language.bounds import (
    COLOUR,
    COLOUR_NAME,
    NEVER,
    Bounds,
    integer_bounds,
    number_bounds,
    word_choices,
)

Kind = Literal["number", "integer", "colour", "word", "switch"]
Value = float | int | str | bool | tuple[float, ...]
DIGITS = 5
"""Significant digits of a number that is written into a program."""


@dataclass(frozen=True)
class Parameter:
    """One value in a program."""

    label: str
    """What it is given to: `inputs.Roughness`, `location[2]`, `energy`, `new(0)`."""
    kind: Kind
    value: Value
    start: int
    end: int
    """Bytes of the UTF-8 text that hold it."""
    bounds: Bounds | None = None
    """Of numbers, whole numbers and a colour's channels."""
    choices: tuple[str, ...] = ()
    """Of words."""

    @property
    def limits(self) -> Bounds:
        """The bounds of what has some."""
        assert self.bounds is not None
        return self.bounds


def number_of(value: Value) -> float:
    """The value of a number."""
    assert not isinstance(value, tuple)
    return float(value)


def channels_of(value: Value) -> tuple[float, ...]:
    """The value of a colour."""
    assert not isinstance(value, float | int | str)
    return tuple(value)


@dataclass(frozen=True)
class Link:
    """A statement that links two sockets: `links.new(A.outputs[OUT], B.inputs[IN])`."""

    output: str | None
    """The name of the output socket, where it is written out."""
    input: str | None
    start: int
    end: int
    """Bytes of the whole statement."""
    output_at: tuple[int, int] | None = None
    input_at: tuple[int, int] | None = None
    """Bytes of the two names, quotes included."""


class Program:
    """One program, parsed."""

    def __init__(self, source: str) -> None:
        """
        Raises:
            ConfigError: it is not Python.
        """
        self.source = source
        self._bytes = source.encode("utf-8", "surrogatepass")
        try:
            self.tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = getattr(error, "lineno", None)
            where = f" in line {line}" if line else ""
            raise ConfigError(
                f"Expected a program in Python, got one that is not ({getattr(error, 'msg', None) or error}{where}): "
                "correct it."
            ) from error
        starts, position = [0], self._bytes.find(b"\n")
        while position >= 0:
            starts.append(position + 1)
            position = self._bytes.find(b"\n", position + 1)
        self._starts = starts

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """All values that a search may change, in the order of the text."""
        return tuple(sorted(self._found(self.tree, ""), key=lambda p: p.start))

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """All statements that link two node sockets, in the order of the text."""
        found = []
        for node in ast.walk(self.tree):
            call = node.value if isinstance(node, ast.Expr) else None
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "new"):
                continue
            if len(call.args) >= 2 and "link" in ast.unparse(call.func.value).lower():
                (out, out_at), (into, into_at) = (self._socket(argument) for argument in call.args[:2])
                found.append(Link(out, into, *self._span(node), out_at, into_at))
        return tuple(sorted(found, key=lambda link: link.start))

    @property
    def structure(self) -> str:
        """The text with every number and colour taken out: equal for programs that differ in those alone."""
        return self.replaced({(p.start, p.end): "?" for p in self.parameters if p.kind in _GRADUAL})

    def with_values(self, values: Mapping[int, Value]) -> str:
        """The source with other values.

        Args:
            values: new values by the index in `parameters`; numbers are brought within their bounds.
        """
        texts = {}
        for index, value in values.items():
            parameter = self.parameters[index]
            texts[parameter.start, parameter.end] = written(parameter, value)
        return self.replaced(texts)

    def replaced(self, texts: Mapping[tuple[int, int], str]) -> str:
        """The source with other text in place of some stretches of bytes, which may not overlap."""
        pieces, at = [], 0
        for (start, end), text in sorted(texts.items()):
            pieces += [self._bytes[at:start], text.encode("utf-8", "surrogatepass")]
            at = end
        return b"".join([*pieces, self._bytes[at:]]).decode("utf-8", "surrogatepass")

    def _span(self, node: ast.AST) -> tuple[int, int]:
        assert isinstance(node, ast.stmt | ast.expr)
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self._starts[node.lineno - 1] + node.col_offset,
            self._starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def _socket(self, node: ast.expr) -> tuple[str | None, tuple[int, int] | None]:
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            name = node.slice.value
            if isinstance(name, str):
                return name, self._span(node.slice)
        return None, None

    def _found(self, node: ast.AST, label: str) -> Iterator[Parameter]:
        """Walk down; `label` names what the expression at hand is given to."""
        value = _literal(node)
        if value is not None:
            yield from self._parameter(node, label, value)
            return
        colour = _colour(node, label)
        if colour is not None:
            yield Parameter(label, "colour", colour, *self._span(node), bounds=COLOUR)
            return
        for child, child_label in _children(node, label):
            yield from self._found(child, child_label)

    def _parameter(self, node: ast.AST, label: str, value: float | int | str | bool) -> Iterator[Parameter]:
        if not label or NEVER.search(label):
            return
        span = self._span(node)
        if isinstance(value, bool):
            yield Parameter(label, "switch", value, *span)
        elif isinstance(value, str):
            choices = word_choices(label, value)
            if choices:
                yield Parameter(label, "word", value, *span, choices=choices)
        elif isinstance(value, int):
            yield Parameter(label, "integer", value, *span, bounds=integer_bounds(value))
        else:
            yield Parameter(label, "number", value, *span, bounds=number_bounds(label, value))


_WRAPPERS = frozenset(["Vector", "Color", "Euler", "Quaternion", "tuple", "list", "float", "max", "min"])
"""Calls whose argument means what their result is given to."""
_GRADUAL = ("number", "integer", "colour")


def written(parameter: Parameter, value: Value) -> str:
    """A value as Python text, of the parameter's own type and within its bounds."""
    if parameter.kind == "number":
        return _float_text(_clipped(parameter, number_of(value)))
    if parameter.kind == "integer":
        return repr(int(round(_clipped(parameter, number_of(value)))))
    if parameter.kind == "colour":
        channels = [_float_text(_clipped(parameter, float(channel))) for channel in channels_of(value)[:3]]
        channels += [_float_text(float(alpha)) for alpha in channels_of(parameter.value)[3:]]
        return f"({', '.join(channels)})"
    if parameter.kind == "word":
        return repr(str(value))
    return repr(bool(value))


def _clipped(parameter: Parameter, value: float) -> float:
    return min(max(value, parameter.limits.low), parameter.limits.high)


def _float_text(value: float) -> str:
    return repr(float(f"{value:.{DIGITS}g}"))


def _literal(node: ast.AST) -> float | int | str | bool | None:
    """The value of a literal, a sign before it included; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float, str)):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        inner = node.operand.value if isinstance(node.operand, ast.Constant) else None
        if isinstance(inner, (int, float)) and not isinstance(inner, bool):
            return -inner if isinstance(node.op, ast.USub) else inner
    return None


def _colour(node: ast.AST, label: str) -> tuple[float, ...] | None:
    """The channels of a tuple or list that is a colour by its name and its values."""
    if not isinstance(node, (ast.Tuple, ast.List)) or len(node.elts) not in (3, 4) or not COLOUR_NAME.search(label):
        return None
    values = [_literal(element) for element in node.elts]
    numbers = tuple(float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool) and 0 <= v <= 1)
    return numbers if len(numbers) == len(values) else None


def _children(node: ast.AST, label: str) -> Iterator[tuple[ast.AST, str]]:
    """Expressions below a node, and what each is given to."""
    if isinstance(node, ast.Assign):
        yield node.value, _target_label(node.targets[0])
    elif isinstance(node, (ast.AnnAssign, ast.AugAssign)) and node.value is not None:
        yield node.value, _target_label(node.target)
    elif isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        yield node.func, ""
        through = label if name in _WRAPPERS else ""
        yield from ((argument, through or f"{name}({index})") for index, argument in enumerate(node.args))
        yield from ((keyword.value, keyword.arg or label) for keyword in node.keywords)
    elif isinstance(node, (ast.FunctionDef, ast.Lambda)):
        names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
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
        if isinstance(node.iter, ast.Call):
            yield node.iter, ""
        else:
            yield node.iter, _target_label(node.target)
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


def _target_label(node: ast.AST) -> str:
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
            node = node.func
        else:
            if isinstance(node, ast.Name):
                parts.append(node.id)
            break
    quantity = [part for part in parts if part not in ("default_value", "value", "x", "y", "z")] or parts
    chosen = quantity[:1] if quantity and not quantity[0].startswith("[") else quantity[:2]
    if len(quantity) > 1 and quantity[1] in ("key_blocks", "inputs"):
        chosen = quantity[:2]
    text = ".".join(reversed(chosen)).replace(".[", "[")
    return text
