"""The program in a model's answer: given whole, or as search/replace blocks.

Whole: one fenced block of Python. Blocks, any number of them, fenced or not:

    <<<<<<< SEARCH
    lines of the present program
    =======
    lines that take their place
    >>>>>>> REPLACE
"""

from __future__ import annotations

import re

from editor3d.errors import ConfigError
from editor3d.programs.syntax import Program

MOST_CHARACTERS = 200_000
_BLOCK = re.compile(
    r"^<{5,9} ?SEARCH[^\n]*\n(?P<old>.*?)^={5,9}[ \t]*\n(?P<new>.*?)^>{5,9} ?REPLACE", re.MULTILINE | re.DOTALL
)
_FENCE = re.compile(r"^[ \t]*```[ \t]*(?P<language>[\w+-]*)[^\n]*\n(?P<code>.*?)^[ \t]*```", re.MULTILINE | re.DOTALL)


class AnswerError(ValueError):
    """An answer that holds no program that can be used; the text tells the model what to put right."""


def program_of(answer: str, present: str) -> str:
    """The program that an answer stands for.

    Args:
        answer: the model's text.
        present: the program that search/replace blocks change.

    Raises:
        AnswerError: no program, blocks that do not fit the present one, no change, or not Python.
    """
    if len(answer) > MOST_CHARACTERS:
        raise AnswerError(f"the answer has more than {MOST_CHARACTERS} characters")
    blocks = list(_BLOCK.finditer(answer))
    source = _patched(present, blocks) if blocks else _whole(answer)
    try:
        Program(source)
    except ConfigError as error:
        raise AnswerError(f"the program is not Python ({error.__cause__})") from error
    if source.strip() == present.strip():
        raise AnswerError("the program is the present one, unchanged")
    return source


def _whole(answer: str) -> str:
    fenced = [match for match in _FENCE.finditer(answer) if match["language"].lower() in ("python", "py", "")]
    if not fenced:
        raise AnswerError("there is neither a fenced block of Python nor a complete SEARCH/REPLACE block")
    code = max(fenced, key=lambda match: len(match["code"]))["code"]
    if not code.strip():
        raise AnswerError("the block of Python is empty")
    return code


def _patched(present: str, blocks: list[re.Match[str]]) -> str:
    lines = present.splitlines()
    for block in blocks:
        old, new = block["old"].splitlines(), block["new"].splitlines()
        while old and not old[0].strip():
            old.pop(0)
        while old and not old[-1].strip():
            old.pop()
        if not old:
            raise AnswerError("a SEARCH part is empty")
        # Blanks at the ends of lines are not what a model sees.
        wanted = [line.rstrip() for line in old]
        places = [
            start
            for start in range(len(lines) - len(old) + 1)
            if [line.rstrip() for line in lines[start : start + len(old)]] == wanted
        ]
        if len(places) != 1:
            found = "is not in the program" if not places else f"is in the program {len(places)} times"
            raise AnswerError(f"the SEARCH part that begins with {wanted[0].strip()[:60]!r} {found}")
        lines[places[0] : places[0] + len(old)] = new
    return "\n".join(lines) + "\n"
