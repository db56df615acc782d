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
    SEEDS,
    Bounds,
    input_bounds,
    integer_bounds,
    is_gradual,
    narrowed,
    number_bounds,
    word_choices,
)
from editor3d.programs.language.comments import Comments, Direction, Hint
from editor3d.programs.language.labels import NO_LABEL, Labels, ramp_of
from editor3d.programs.language.vocabulary import NOTHING, Input, Vocabulary

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
    choices: tuple[str | int, ...] = ()
    """Of words; numbers where a menu's words are kept so."""
    directions: tuple[Direction, ...] = ()
    """Which way comments say that it goes, and for which words."""
    stop: tuple[str, int] | None = None
    """Of the position of a ramp's stop: the ramp and the stop's index."""

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

    def __init__(self, source: str, vocabulary: Vocabulary = NOTHING) -> None:
        """
        Args:
            source: the text.
            vocabulary: of its scene, whose inputs have limits of their own.

        Raises:
            ConfigError: it is not Python.
        """
        self.source, self.vocabulary = source, vocabulary
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

    def again(self, source: str) -> Program:
        """Another program of the same scene."""
        return Program(source, self.vocabulary)

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """All values that a search may change, in the order of the text."""
        return tuple(sorted(self._found(self.tree, ""), key=lambda p: p.start))

    @cached_property
    def _labels(self) -> Labels:
        return Labels(self.tree)

    @cached_property
    def _comments(self) -> Comments:
        return Comments(self.source, self.tree)

    @cached_property
    def _statements(self) -> dict[int, ast.stmt]:
        """The innermost statement of each line."""
        found: dict[int, ast.stmt] = {}
        for node in ast.walk(self.tree):  # those inside come after those around them
            if isinstance(node, ast.stmt):
                found.update(dict.fromkeys(range(node.lineno, (node.end_lineno or node.lineno) + 1), node))
        return found

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
        colour, known = _colour(node), self.vocabulary.by_label.get(label)
        if colour is not None and (COLOUR_NAME.search(label) or (known is not None and known.kind == "RGBA")):
            if not self._hint(node, label).stays:
                yield Parameter(label, "colour", colour, *self._span(node), bounds=COLOUR)
            return
        for child, child_label in self._labels.children(node, label):
            if not child_label.startswith(NO_LABEL):
                yield from self._found(child, child_label)

    def _parameter(self, node: ast.AST, label: str, value: float | int | str | bool) -> Iterator[Parameter]:
        known = self.vocabulary.by_label.get(label.partition("[")[0])
        if not label or (NEVER if known is None else SEEDS).search(label if known is None else known.name):
            return
        span, hint = self._span(node), self._hint(node, label)
        if hint.stays:
            return
        if isinstance(value, bool) or (known is not None and known.kind == "BOOLEAN" and value in (0, 1)):
            yield Parameter(label, "switch", bool(value), *span)
        elif isinstance(value, str):
            choices = known.choices if known is not None else word_choices(label, value)
            if choices:
                yield Parameter(label, "word", value, *span, choices=choices)
        elif known is not None and known.kind == "MENU":
            if value in known.numbers:
                yield Parameter(label, "word", int(value), *span, choices=known.numbers)
        elif isinstance(value, int) and (known.kind == "INT" if known is not None else not is_gradual(label)):
            bounds = narrowed(integer_bounds(value), *_limits(known, hint), value)
            yield Parameter(label, "integer", value, *span, bounds, directions=hint.directions)
        else:
            usual = number_bounds(label, float(value)) if known is None else input_bounds(known, float(value))
            bounds = narrowed(usual, *_limits(known, hint), float(value))
            stop = self._stop(node)
            yield Parameter(label, "number", float(value), *span, bounds, directions=hint.directions, stop=stop)

    def _hint(self, node: ast.AST, label: str) -> Hint:
        """What comments say of a value."""
        line, end = getattr(node, "lineno", 0), getattr(node, "end_lineno", 0)
        statement = self._statements.get(line)
        said = self._comments.of(end, statement.lineno if statement is not None else line)
        named = self._comments.named.get(label.rpartition(".")[2].lower())
        return said if named is None or said.low is not None or said.high is not None else named

    def _stop(self, node: ast.AST) -> tuple[str, int] | None:
        statement = self._statements.get(getattr(node, "lineno", 0))
        return ramp_of(statement.targets[0]) if isinstance(statement, ast.Assign) and statement.value is node else None


def _limits(known: Input | None, hint: Hint) -> tuple[float | None, float | None]:
    """The narrower of what a scene and what comments say."""
    if known is None:
        return hint.low, hint.high
    low = known.low if hint.low is None else max(hint.low, known.low if known.low is not None else hint.low)
    high = known.high if hint.high is None else min(hint.high, known.high if known.high is not None else hint.high)
    return low, high


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
        return repr(value)
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


def _colour(node: ast.AST) -> tuple[float, ...] | None:
    """The channels of a tuple or list that may be a colour by its values."""
    if not isinstance(node, (ast.Tuple, ast.List)) or len(node.elts) not in (3, 4):
        return None
    values = [_literal(element) for element in node.elts]
    numbers = tuple(float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool) and 0 <= v <= 1)
    return numbers if len(numbers) == len(values) else None
