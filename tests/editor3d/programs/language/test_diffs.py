"""Programs in a model's answers."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editor3d.programs.language.diffs import AnswerError, program_of
from editor3d.programs.vision.client import _read
from editor3d.programs.vision.evaluator import _choice

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


@pytest.mark.parametrize("other", ["\f", "\v", "\x1c", "\x85", "\u2028", "\u2029"])
def test_other_characters_than_ends_of_lines_stay(other):
    present = f"name = 'a{other}b'\n{PRESENT}"
    answer = block("light.energy = 10.0", f"light.name = 'c{other}d'")
    assert program_of(answer, present) == present.replace("light.energy = 10.0", f"light.name = 'c{other}d'")
    assert program_of(block(f"name = 'a{other}b'", "name = 'e'"), present) == f"name = 'e'\n{PRESENT}"


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_ends_of_lines_of_other_systems_become_plain_ones(end):
    answer = block("light.energy = 10.0", "light.energy = 2.5")
    wanted = PRESENT.replace("10.0", "2.5")
    assert program_of(answer, PRESENT.replace("\n", end)) == wanted
    assert program_of(answer.replace("\n", "\r\n"), PRESENT) == wanted


def test_a_search_that_fits_twice_changes_nothing():
    with pytest.raises(AnswerError, match="more than once"):
        program_of(block("x = 1", "x = 2"), "x = 1\ny = 0\nx = 1\n")


MARKS = ("```", "```python", "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE", "x = 1", *PRESENT.splitlines())


@given(st.lists(st.sampled_from(MARKS) | st.text(max_size=20), max_size=12).map("\n".join))
def test_any_answer_is_a_program_or_refused(text):
    with contextlib.suppress(AnswerError):
        program = program_of(text, PRESENT)
        assert program != PRESENT
        compile(program, "answer", "exec")


@pytest.mark.timeout(30)
@pytest.mark.parametrize("unit", [
    "<<<<<<< SEARCH\n", "<<<<<<< SEARCH\na\n=======\n", "=======\n", ">>>>>>> REPLACE\n", "```\n", "```python\n",
    " ```\n", "<<<<<<< SEARCH\nx\n=======\n>>>>>>> REPLACE\n", "{", "{\"nearer\": ", "\n", " ", "<<<<<", "[",
    "first second ",
])  # fmt: skip
def test_the_longest_answers_are_read_in_proportion_to_their_length(unit):
    text = unit * (199_000 // len(unit))
    _choice(text)
    with pytest.raises(AnswerError):
        program_of(text, PRESENT)


@pytest.mark.timeout(30)
def test_many_long_blocks_are_looked_for_quickly():
    present = "x = 1\n" * 10_000 + "y = 2\n"
    with pytest.raises(AnswerError):
        program_of(block("x = 1\n" * 9_000 + "y = 2", "z = 3") + block("x = 1\n" * 5_000 + "y = 9", "z = 3"), present)


def test_a_block_that_begins_anew_counts_from_there():
    broken = "<<<<<<< SEARCH\nsomething else\n" + block("light.energy = 10.0", "light.energy = 20.0")
    assert "light.energy = 20.0" in program_of(broken, PRESENT)


def test_an_answer_of_lines_that_end_as_on_windows_is_read():
    answer = block("light.energy = 10.0", "light.energy = 20.0").replace("\n", "\r\n")
    assert "light.energy = 20.0\n" in program_of(answer, PRESENT)


@pytest.mark.parametrize(("content", "text"), [("a\ud800b", "a?b"), ([{"text": "a"}, {"text": "\udfff"}], "a?")])
def test_halves_of_letters_become_question_marks(content, text):
    body = json.dumps({"choices": [{"message": {"content": content}}], "usage": {"total_tokens": 10**400}})
    assert _read(body.encode()) == (text, None)


def test_more_text_than_was_asked_for_is_no_answer():
    body = json.dumps({"choices": [{"message": {"content": "a" * 200_001}}]})
    with pytest.raises(ValueError, match="more text"):
        _read(body.encode())


def test_a_verdict_nested_deeply_is_no_verdict():
    assert _choice('{"nearer": ' + "[" * 50_000 + "]" * 50_000 + "}") == (None, "")
