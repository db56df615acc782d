"""What a program's comments say of its numbers: bounds, what stays, and which way a number goes for which words.

    key.energy = 12.0  # keep this below 15
    # Decrease for night scenes. Do not exceed 1.0.
    background.inputs["Strength"].default_value = 0.9

A comment behind a value, and the comments right above its statement, speak of it. A line of a comment or a docstring
such as `Left smile (ranges from -1 to 1): ...` speaks of what has that name.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

_NUMBER = r"(-?\d+(?:\.\d+)?)"
_SPAN = rf"{_NUMBER}\s*(?:to|and|\.\.\.?|,|–|-)\s*{_NUMBER}"
_RANGE = re.compile(
    rf"(?:rang\w+|between|within|from|bounds?)\s*(?:is|of|from|in|:)?\s*[\[(]?\s*{_SPAN}", re.IGNORECASE
)
_UPPER = (
    rf"no (?:more|greater|higher|larger) than\s*{_NUMBER}",
    rf"(?:not|n't|never) (?:exceed|go (?:above|over|beyond))\s*{_NUMBER}",
    rf"(?:at most|up to|maximum|max\.?)(?: of| is|:| =)?\s*{_NUMBER}",
)
_LOWER = (
    rf"no (?:less|lower|smaller) than\s*{_NUMBER}",
    rf"(?:not|n't|never) (?:go )?(?:below|under)\s*{_NUMBER}",
    rf"(?:at least|minimum|min\.?)(?: of| is|:| =)?\s*{_NUMBER}",
)
_PLAIN_UPPER = (rf"(?:below|under|less than|smaller than|<=?)\s*{_NUMBER}",)
_PLAIN_LOWER = (rf"(?:above|over|more than|greater than|larger than|>=?)\s*{_NUMBER}",)
_STAYS = re.compile(
    r"(?:do not|don't|never) (?:change|touch|move|edit|modify)"
    r"|(?:keep|leave) (?:this |it )?(?:fixed|constant|as it is)",
    re.IGNORECASE,
)
_DOWN, _UP = r"decrease|lower|reduce|dim|darken|shrink", r"increase|raise|brighten|strengthen|grow|enlarge"
_MOVES = re.compile(
    rf"\b(?:(?P<down>{_DOWN})|(?P<up>{_UP}))\b[^.;,]*?\b(?:for|if|when)\b(?P<words>[^.;]*)", re.IGNORECASE
)
_SETS = re.compile(
    rf"\bfor (?P<words>[^.,;]*),? *(?:set|use)\b(?: this| it)?(?: to)? {_NUMBER}[ .;]*(?P<more>\([^)]*\))?",
    re.IGNORECASE,
)
_NAMED = re.compile(r"^\W*(?P<name>[A-Za-z][\w .-]*?)\s*\((?P<range>[^()]*)\)", re.MULTILINE)
_IGNORED = frozenset(
    re.findall(
        r"\w+",
        "a an the of in it is more less make scene scenes you want with like this that and or to be light coming",
    )
)
"""Words that say nothing of what an instruction is about."""


@dataclass(frozen=True)
class Direction:
    """For an instruction with one of these words, a number goes down or up, or to a value."""

    words: frozenset[str]
    """Stems, see `stems`."""
    sign: int
    """-1 or 1; 0 where a value is given."""
    value: float | None = None


@dataclass(frozen=True)
class Hint:
    """What comments say of a value."""

    low: float | None = None
    high: float | None = None
    stays: bool = False
    directions: tuple[Direction, ...] = ()


class Comments:
    """The comments of one program."""

    def __init__(self, source: str, tree: ast.AST) -> None:
        self._tree = tree
        self._behind: dict[int, str] = {}
        self._alone: dict[int, str] = {}
        try:
            for token in tokenize.generate_tokens(io.StringIO(source).readline):
                if token.type == tokenize.COMMENT:
                    alone = not token.line[: token.start[1]].strip()
                    (self._alone if alone else self._behind)[token.start[0]] = token.string.lstrip("# ")
        except (tokenize.TokenError, IndentationError, SyntaxError):
            pass  # where Python reads a text otherwise than its own tokenizer, there are no comments

    def of(self, line: int, first: int) -> Hint:
        """What is said of a value that ends in a line, in a statement that begins in another."""
        above, at = [], first - 1
        while at in self._alone:
            above.insert(0, self._alone[at])
            at -= 1
        return hint(" ".join([*above, self._behind.get(line, "")]))

    @cached_property
    def named(self) -> dict[str, Hint]:
        """What lines of comments and docstrings say of a name, in small letters."""
        texts = [node.value for node in ast.walk(self._tree) if isinstance(node, ast.Constant)]
        texts = [text for text in texts if isinstance(text, str) and "\n" in text]
        lines = "\n".join([*texts, *self._alone.values()])
        found = {match["name"].lower(): hint(match["range"]) for match in _NAMED.finditer(lines)}
        return {name: said for name, said in found.items() if said.low is not None or said.high is not None}


def hint(text: str) -> Hint:
    """What a comment says."""
    low = high = None
    span = _RANGE.search(text)
    if span is not None:
        low, high = sorted((float(span[1]), float(span[2])))
    rest = text
    for patterns, is_upper in ((_UPPER, True), (_LOWER, False), (_PLAIN_UPPER, True), (_PLAIN_LOWER, False)):
        for pattern in patterns:
            for match in re.finditer(pattern, rest, re.IGNORECASE):
                value = float(match[1])
                low, high = (low, value if high is None else min(high, value)) if is_upper else (
                    value if low is None else max(low, value), high
                )  # fmt: skip
            rest = re.sub(pattern, " ", rest, flags=re.IGNORECASE)
    if low is not None and high is not None and low >= high:
        low = high = None  # it speaks of something else
    return Hint(low, high, _STAYS.search(text) is not None, tuple(_directions(text)))


def _directions(text: str) -> Iterator[Direction]:
    for match in _SETS.finditer(text):
        words = stems(f"{match['words']} {match['more'] or ''}")
        yield Direction(words, 0, float(match[2]))
    for match in _MOVES.finditer(text):
        words = stems(match["words"])
        if words:
            yield Direction(words, -1 if match["down"] else 1)


def stems(text: str) -> frozenset[str]:
    """Words without the ends that do not change what they are about."""
    words = re.findall(r"[a-z]+", text.lower())
    return frozenset(re.sub(r"(?:er|est|s)$", "", word) for word in words if word not in _IGNORED)
