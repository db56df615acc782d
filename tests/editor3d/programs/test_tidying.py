"""The winning program is readable: nothing in it is without effect or changed for nothing."""

from __future__ import annotations

import re

import numpy as np
import pytest

from editor3d.programs.core.budget import BudgetSpentError
from editor3d.programs.core.contracts import Candidate
from editor3d.programs.search.tidying import Simpler, changed_values, rounded, without

FIRST = """import bpy

# The old look
old = bpy.data.materials["Ball"]
old.roughness = 0.5

key.energy = 100.0
key.angle = 0.3
"""


def picture(source: str) -> np.ndarray:
    """Of the last energy and the last roughness that a program sets; the angle has no effect."""
    energy, rough = (float(re.findall(rf"{name} = ([\d.]+)", source)[-1]) for name in ("energy", "roughness"))
    return np.full((4, 4, 3), [min(energy, 255.0), 200 * rough, 7], np.uint8)


def seen(source: str, goal: float = 180.0) -> Candidate:
    image = picture(source)
    return Candidate(source, image, abs(float(image[0, 0, 0]) - goal) / 255.0, "a change")


def simpler(best: str, most: int = 100) -> tuple[str, int]:
    rendered = []

    def look(source: str, note: str) -> Candidate | None:
        if len(rendered) == most:
            raise BudgetSpentError("spent")
        rendered.append(source)
        try:
            compile(source, "", "exec")
            if "new.roughness" in source and "new =" not in source:
                return None  # it fails
            return seen(source)
        except IndexError:
            return None

    found = Simpler(seen(FIRST), seen(best), look)
    if most < 100:
        with pytest.raises(BudgetSpentError):
            found.run()
    else:
        found.run()
    return found.best.source, len(rendered)


def test_what_was_changed_for_nothing_is_as_it_was():
    best = FIRST.replace("100.0", "179.31").replace("0.3", "0.77123")
    source, rendered = simpler(best)
    assert "angle = 0.3\n" in source
    assert "energy = 180.0" in source  # two digits are enough
    assert "# The old look" in source
    assert rendered < 12


def test_lines_that_another_structure_made_useless_are_gone():
    best = f'{FIRST}\nnew = bpy.data.materials["Ball"]\nnew.roughness = 0.9\n'.replace("100.0", "180.0")
    source, _ = simpler(best)
    assert "old" not in source
    assert "new.roughness = 0.9" in source
    assert "key.energy = 180.0" in source
    assert source.startswith("import bpy\n")


def test_a_program_that_did_not_change_stays():
    assert simpler(FIRST) == (FIRST, 0)


def test_a_spent_budget_leaves_what_was_reached():
    best = FIRST.replace("100.0", "179.31").replace("0.3", "0.77123")
    source, rendered = simpler(best, most=1)
    assert rendered == 1
    assert seen(source).loss == pytest.approx(seen(best).loss, abs=0.01)


def test_the_least_changed_values_come_first():
    best = FIRST.replace("100.0", "900.0").replace("0.3", "0.31").replace("0.5", "0.9")

    places = changed_values(FIRST, best)
    assert places[0][1] == "0.3"
    assert len(places) == 3
    assert changed_values(FIRST, best + "more = 1.0\n") == []


def test_numbers_of_the_first_program_keep_their_digits():
    first = "key.energy = 123.456\nkey.size = 1.0\n"
    best = "key.energy = 123.456\nkey.size = 1.98765\n"
    assert rounded(first, best, 2) == "key.energy = 123.456\nkey.size = 2.0\n"


def test_a_statement_goes_with_its_comment():
    import ast

    node = ast.parse(FIRST).body[1]
    assert "old look" not in without(FIRST, [node])
    assert "old.roughness" in without(FIRST, [node])
