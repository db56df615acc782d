"""Read the program in a model's answer: given whole, or as search/replace blocks.

Whole: one fenced block of Python. Blocks, any number of them, fenced or not:

    <<<<<<< SEARCH
    lines of the present program
    =======
    lines that take their place
    >>>>>>> REPLACE
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from editor3d.errors import ConfigError
from editor3d.programs.language.syntax import Program

MOST_CHARACTERS = 200_000
"""Of an answer's text; what is longer is no answer."""
MOST_BLOCKS = 200
_SEARCH = re.compile(r"<{5,9} ?SEARCH")
_BETWEEN = re.compile(r"={5,9}\s*$")
_REPLACE = re.compile(r">{5,9} ?REPLACE")
_FENCE = re.compile(r"[ \t]*```[ \t]*(?P<language>[\w+-]*)")


class AnswerError(ValueError):
    """An answer that holds no program that can be used; the text says to the model what to correct."""


def program_of(answer: str, present: str) -> str:
    """The program that an answer stands for. Takes time in proportion to the answer's length.

    Args:
        answer: the model's text.
        present: the program that search/replace blocks change.

    Raises:
        AnswerError: no program, blocks that do not fit the present one, no change, or not Python.
    """
    if len(answer) > MOST_CHARACTERS:
        raise AnswerError(f"the answer has more than {MOST_CHARACTERS} characters")
    lines = answer.split("\n")
    blocks = list(_blocks(lines))
    if len(blocks) > MOST_BLOCKS:
        raise AnswerError(f"the answer has more than {MOST_BLOCKS} SEARCH/REPLACE blocks")
    source = _patched(present, blocks) if blocks else _whole(lines)
    try:
        Program(source)
    except ConfigError as error:
        raise AnswerError(f"the program is not Python ({error.__cause__})") from error
    if source.strip() == present.strip():
        raise AnswerError("the program is the present one, unchanged")
    return source


def _blocks(lines: list[str]) -> Iterator[tuple[list[str], list[str]]]:
    """Lines to look for and lines that take their place, of each block that is complete."""
    old: list[str] | None = None
    new: list[str] | None = None
    for line in lines:
        if _SEARCH.match(line) and new is None:  # one that comes too early begins the block anew
            old = []
        elif old is not None and new is None and _BETWEEN.match(line):
            new = []
        elif old is not None and new is not None and _REPLACE.match(line):
            yield old, new
            old = new = None
        elif new is not None:
            new.append(line)
        elif old is not None:
            old.append(line)


def _whole(lines: list[str]) -> str:
    """The longest fenced block of Python."""
    fenced: list[list[str]] = []
    inside: list[str] | None = None
    python = False
    for line in lines:
        fence = _FENCE.match(line)
        if fence is None:
            if inside is not None:
                inside.append(line)
        elif inside is None:
            inside, python = [], fence["language"].lower() in ("python", "py", "")
        else:
            if python:
                fenced.append(inside)
            inside = None
    if not fenced:
        raise AnswerError("there is neither a fenced block of Python nor a complete SEARCH/REPLACE block")
    code = "".join(f"{line}\n" for line in max(fenced, key=lambda block: sum(map(len, block)) + len(block)))
    if not code.strip():
        raise AnswerError("the block of Python is empty")
    return code


def _patched(present: str, blocks: list[tuple[list[str], list[str]]]) -> str:
    """The present program with the lines that each block looks for replaced by its own."""
    # Other characters at which `str.splitlines` splits, a form feed for one, are no ends of lines to Python.
    lines = present.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")
    for old, new in blocks:
        # Blanks at the ends of lines are not what a model sees.
        wanted = [line.rstrip() for line in old]
        while wanted and not wanted[0]:
            wanted.pop(0)
        while wanted and not wanted[-1]:
            wanted.pop()
        if not wanted:
            raise AnswerError("a SEARCH part is empty")
        text, sought = _joined(line.rstrip() for line in lines), _joined(wanted)
        first = text.find(sought)
        if first < 0 or text.find(sought, first + 1) >= 0:
            found = "is not in the program" if first < 0 else "is in the program more than once"
            raise AnswerError(f"the SEARCH part that begins with {wanted[0].strip()[:60]!r} {found}")
        place = text.count("\n", 0, first + 1) - 1
        lines[place : place + len(wanted)] = [line.rstrip("\r") for line in new]
        if sum(map(len, lines)) > MOST_CHARACTERS:
            raise AnswerError(f"the program would have more than {MOST_CHARACTERS} characters")
    return "\n".join(lines) + "\n"


def _joined(lines: Iterable[str]) -> str:
    """Lines, each between two ends of lines, so that whole lines can be looked for."""
    return "\n" + "".join(f"{line}\n" for line in lines)
