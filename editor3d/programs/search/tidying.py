"""Make a winning program readable: no lines without effect, no values changed for nothing, no needless digits.

Each simplification is rendered and kept where the picture is as good: the very same without lines that were taken out,
and nearly as near to the target with other values.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from editor3d.errors import ConfigError
from editor3d.programs.core.contracts import Candidate
from editor3d.programs.language.syntax import Parameter, Program, Value, channels_of, number_of

TOLERANCE = 0.01
"""The part of what a search has gained that a simpler program may lose."""
MOST_LINES, MOST_VALUES = 12, 8
"""Renders for lines, and for values."""
DIGITS = (2, 3)
Look = Callable[[str, str], Candidate | None]
"""Renders a program; see `Search.look`."""


def allowed_loss(first: Candidate, best: Candidate) -> float:
    """The loss that a simpler program may have."""
    assert first.loss is not None
    assert best.loss is not None
    return best.loss + TOLERANCE * max(first.loss - best.loss, 0.0)


class Simpler:
    """Simplifications of one program."""

    def __init__(self, first: Candidate, best: Candidate, look: Look) -> None:
        """
        Args:
            first: the program as it was given.
            best: the winner; both have a loss.
        """
        self._first, self._look, self._allowed = first, look, allowed_loss(first, best)
        self.best = best
        """The simplest so far."""

    def run(self) -> None:
        """Try all.

        Raises:
            BudgetSpentError: renders or seconds do not allow it.
        """
        if self.best.source == self._first.source:
            return
        if Program(self.best.source).structure != Program(self._first.source).structure:
            self._without_lines()
        self._with_values_as_given()
        for digits in DIGITS:
            if self._is_kept(rounded(self._first.source, self.best.source, digits)):
                return

    def _without_lines(self) -> None:
        """Take out the first program's statements that another structure has made useless: many at once, then fewer."""
        given = {ast.unparse(node) for node in ast.parse(self._first.source).body}
        left = MOST_LINES
        waiting = [[node for node in _statements(self.best.source) if ast.unparse(node) in given]]
        while waiting and left:
            group = waiting.pop(0)
            if not group:
                continue
            left -= 1
            # the others are found again by what they say: lines have moved
            texts = {ast.unparse(node) for node in group}
            still = [node for node in _statements(self.best.source) if ast.unparse(node) in texts]
            source = without(self.best.source, still)
            seen = self._look(source, self.best.note) if source is not None else None
            if seen is not None and np.array_equal(seen.image, self.best.image):
                self.best = seen
            elif len(group) > 1:
                middle = len(group) // 2
                waiting += [group[:middle], group[middle:]]

    def _with_values_as_given(self) -> None:
        """Give values back that were changed for nothing: all at once, then fewer, the least changed ones first."""
        waiting, left = [changed_values(self._first.source, self.best.source)], MOST_VALUES
        while waiting and left:
            group = waiting.pop(0)
            if not group:
                continue
            left -= 1
            program = Program(self.best.source)
            places = {(program.parameters[i].start, program.parameters[i].end): was for i, was in group}
            if not self._is_kept(program.replaced(places)) and len(group) > 1:
                middle = len(group) // 2
                waiting += [group[:middle], group[middle:]]

    def _is_kept(self, source: str) -> bool:
        if source == self.best.source:
            return True
        seen = self._look(source, self.best.note)
        if seen is None or seen.loss is None or seen.loss > self._allowed:
            return False
        self.best = seen
        return True


def changed_values(first: str, best: str) -> list[tuple[int, str]]:
    """Values of a program that differ from the first one's of the same structure: their index, and what stood there.

    The least changed come first. None where the structures differ.
    """
    given, now = Program(first), Program(best)
    if given.structure != now.structure:
        return []
    found = []
    text = first.encode("utf-8", "surrogatepass")
    for index, (old, new) in enumerate(zip(given.parameters, now.parameters, strict=True)):
        if old.value != new.value:
            found.append((_distance(old, new), index, text[old.start : old.end].decode("utf-8")))
    return [(index, was) for _, index, was in sorted(found)]


def rounded(first: str, best: str, digits: int) -> str:
    """A program whose numbers have no more significant digits than that, those of the first program left alone."""
    given, program = Program(first), Program(best)
    old = {(parameter.label, parameter.value) for parameter in given.parameters}
    values: dict[int, Value] = {}
    for index, parameter in enumerate(program.parameters):
        if parameter.kind not in ("number", "colour") or (parameter.label, parameter.value) in old:
            continue
        if parameter.kind == "colour":
            values[index] = tuple(_rounded(channel, digits) for channel in channels_of(parameter.value))
        else:
            values[index] = _rounded(number_of(parameter.value), digits)
    return program.with_values(values)


def without(source: str, nodes: Sequence[ast.stmt]) -> str | None:
    """A program without some of its statements, and the comments right above them; None where that is no program."""
    lines = source.splitlines(keepends=True)
    gone: set[int] = set()
    for node in nodes:
        first = min([node.lineno, *(entry.lineno for entry in getattr(node, "decorator_list", []))]) - 1
        while first > 0 and lines[first - 1].lstrip().startswith("#"):
            first -= 1
        gone |= set(range(first, node.end_lineno or node.lineno))
    kept = [line for number, line in enumerate(lines) if number not in gone]
    text = "".join(line for number, line in enumerate(kept) if line.strip() or number == 0 or kept[number - 1].strip())
    try:
        Program(text)
    except ConfigError:
        return None
    return text.lstrip("\n")


def _statements(source: str) -> Iterator[ast.stmt]:
    """Statements of a program that may be useless, each on lines of its own."""
    body = ast.parse(source).body
    for index, node in enumerate(body):
        alone = index == 0 or (body[index - 1].end_lineno or 0) < node.lineno
        if alone and not isinstance(node, ast.Import | ast.ImportFrom):
            yield node


def _distance(old: Parameter, new: Parameter) -> float:
    """How far a value has moved, by its bounds."""
    if old.kind == "colour":
        pairs = list(zip(channels_of(old.value), channels_of(new.value), strict=True))
        return max(abs(a - b) for a, b in pairs)
    span = old.limits.high - old.limits.low
    return abs(number_of(new.value) - number_of(old.value)) / max(span, 1e-9)


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")
