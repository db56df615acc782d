"""Programs in a model's answers."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editor3d.programs.diffs import AnswerError, program_of

PRESENT = "import bpy\n\nlight = bpy.data.lights['Key']\nlight.energy = 10.0\nlight.color = (1, 1, 1)\n"


def block(old: str, new: str) -> str:
    return f"<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n"


def test_a_whole_program():
    assert program_of("Better:\n```python\nx = 2\n```\nDone.", PRESENT) == "x = 2\n"
    assert program_of("```\nx = 2\n```", PRESENT) == "x = 2\n"


def test_the_longest_block_is_the_program():
    assert program_of("```python\nx = 2\n```\nor\n```python\nx = 2\ny = 3\n```", PRESENT) == "x = 2\ny = 3\n"


def test_blocks_change_what_they_name():
    answer = "I dim it.\n" + block("light.energy = 10.0", "light.energy = 2.5")
    assert program_of(answer, PRESENT) == PRESENT.replace("10.0", "2.5")


def test_blocks_in_a_fence_and_several():
    answer = (
        "```\n"
        + block("light.energy = 10.0  ", "light.energy = 1.0\n")
        + block("import bpy", "import bpy, math")
        + "```"
    )
    changed = program_of(answer, PRESENT)
    assert "light.energy = 1.0\n\nlight.color" in changed
    assert changed.startswith("import bpy, math\n")


def test_a_replacement_may_be_empty():
    answer = "<<<<<<< SEARCH\nlight.energy = 10.0\n=======\n>>>>>>> REPLACE"
    assert "energy" not in program_of(answer, PRESENT)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("", "neither a fenced block"),
        ("make it red", "neither a fenced block"),
        ("```python\n\n```", "empty"),
        ("```python\nx = (\n```", "not Python"),
        ("```python\nx = 2", "neither a fenced block"),
        (f"```python\n{PRESENT}```", "unchanged"),
        (block("nothing = 1", "x = 2"), "is not in the program"),
        ("<<<<<<< SEARCH\nlight.energy = 10.0\n=======\nlight.ener", "neither a fenced block"),
        (block("", "x = 2"), "SEARCH part is empty"),
        (block("light.energy = 10.0", "light.energy = = 2"), "not Python"),
        ("```python\n" + "x = 1\n" * 50000 + "```", "more than"),
    ],
)
def test_what_cannot_be_used_is_told(answer, told):
    with pytest.raises(AnswerError, match=told):
        program_of(answer, PRESENT)


def test_a_search_that_fits_twice_changes_nothing():
    with pytest.raises(AnswerError, match="2 times"):
        program_of(block("x = 1", "x = 2"), "x = 1\ny = 0\nx = 1\n")


MARKS = ("```", "```python", "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE", "x = 1", *PRESENT.splitlines())


@given(st.lists(st.sampled_from(MARKS) | st.text(max_size=20), max_size=12).map("\n".join))
def test_any_answer_is_a_program_or_refused(text):
    with contextlib.suppress(AnswerError):
        program = program_of(text, PRESENT)
        assert program != PRESENT
        compile(program, "answer", "exec")
