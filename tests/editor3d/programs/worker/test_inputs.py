"""What a scene says of the inputs of its modifiers, and that a program's values of each kind reach its picture."""

from __future__ import annotations

import numpy as np
import pytest

from editor3d.programs.core.contracts import RenderSettings
from editor3d.programs.language.syntax import Program
from editor3d.programs.language.vocabulary import Vocabulary
from editor3d.programs.rendering.pool import Workers

pytest.importorskip("bpy")
KINDS = {"Style": "word", "Count": "integer", "Step[0]": "number", "Turn[2]": "number", "Paint": "colour"}
OTHERS = (
    ('"Style", 2', '"Style", 3'), ('"Count", 3', '"Count", 2'), ("(1.1, 0.0, 0.0)", "(0.8, 0.5, 0.0)"),
    ("(0.0, 0.0, 0.2)", "(0.6, 0.0, 0.9)"), ("(0.7, 0.3, 0.2, 1.0)", "(0.1, 0.3, 0.6, 1.0)"), ("False", "True"),
)  # fmt: skip


def test_values_of_all_kinds_of_inputs_are_known_found_and_seen(blend, programs):
    source = programs["sockets"]
    with Workers(blend("sockets"), RenderSettings(48, 48, 1), allow_weaker_sandbox=True) as workers:
        before = workers.render(source)
        assert before.status == "ok", before.message
        for old, new in OTHERS:
            after = workers.render(source.replace(old, new))
            assert after.status == "ok", after.message
            assert np.abs(after.image.astype(int) - before.image).max() > 20, new
        vocabulary: Vocabulary = workers.vocabulary
    given = {entry.name: entry for entry in vocabulary.inputs}
    assert {name: entry.kind for name, entry in given.items()} == {
        "Style": "MENU", "Count": "INT", "Step": "VECTOR", "Turn": "ROTATION", "Paint": "RGBA", "Slab": "BOOLEAN",
    }  # fmt: skip
    assert given["Style"].choices == ("Box", "Rod", "Spike")
    assert (given["Count"].low, given["Count"].high) == (1, 9)
    found = {parameter.label: parameter for parameter in Program(source, vocabulary).parameters}
    assert {label: found[label].kind for label in KINDS} == KINDS
    assert (found["Slab"].kind, found["Style"].choices) == ("switch", given["Style"].numbers)
