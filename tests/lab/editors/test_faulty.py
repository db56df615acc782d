"""Planted faults: as many as are said, where they are said, and of the kind that is said."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch

from editor3d.editors import create_editor
from editor3d.types import EditRequest
from lab.editors.entries import FAULTY
from lab.editors.faulty import FaultyEditor, planted_fault


@pytest.fixture
def faulty() -> FaultyEditor:
    return create_editor("faulty")


@pytest.fixture
def ask() -> EditRequest:
    picture = torch.rand(40, 52, 3, generator=torch.Generator().manual_seed(1))
    return EditRequest("view", "make it look like winter", picture)


def seeds_with(fault: str, view: str = "view") -> list[int]:
    return [seed for seed in range(200) if planted_fault(view, seed) == fault]


def test_one_edit_in_five_has_a_fault_of_one_of_three_kinds():
    counts = Counter(planted_fault(f"train_{n:03d}", 7) for n in range(3000))
    assert counts[""] == pytest.approx(2400, abs=90)
    for fault in ("style", "blur", "nothing"):
        assert counts[fault] == pytest.approx(200, abs=55)


def test_another_seed_or_view_is_another_draw():
    assert 0 < len(seeds_with("")) < 200
    assert seeds_with("") != seeds_with("", "another")


def test_good_edits_are_the_other_editors_and_bad_ones_are_what_they_are_called(faulty, ask):
    clean = create_editor("procedural").edit(ask)
    for seed in seeds_with("")[:3]:
        assert torch.equal(faulty.edit(replace(ask, seed=seed)), clean)
    for seed in seeds_with("nothing")[:3]:
        assert torch.equal(faulty.edit(replace(ask, seed=seed)), ask.condition)
    for seed in seeds_with("blur")[:3]:
        blurred = faulty.edit(replace(ask, seed=seed))
        assert blurred.diff(dim=1).abs().mean() < 0.6 * clean.diff(dim=1).abs().mean()
        torch.testing.assert_close(blurred.mean((0, 1)), clean.mean((0, 1)), atol=0.02, rtol=0)
    for seed in seeds_with("style")[:5]:
        restyled = faulty.edit(replace(ask, seed=seed))
        assert (restyled - clean).abs().mean() > 0.05
        assert (restyled - ask.condition).abs().mean() > 0.05


def test_the_style_that_was_asked_for_is_no_fault(faulty, ask):
    clean = create_editor("procedural").edit(replace(ask, instruction="make it sepia"))
    for seed in seeds_with("style")[:12]:
        assert not torch.equal(faulty.edit(replace(ask, instruction="make it sepia", seed=seed)), clean)


def test_faults_keep_to_the_named_objects(faulty, ask):
    mask = torch.zeros(40, 52, dtype=torch.bool)
    mask[10:30, 12:40] = True
    asked = replace(ask, instruction="make the cup gold", objects={"cup": mask})
    for fault in ("style", "blur", "nothing"):
        edited = faulty.edit(replace(asked, seed=seeds_with(fault)[0]))
        assert torch.equal(edited[~mask], ask.condition[~mask])


def test_it_is_what_the_other_editor_is(faulty):
    clean = create_editor("procedural").info
    own = {"varies_with_seed": True, "effortless": False, "uses_geometry": False}
    assert faulty.info == replace(clean, name="faulty", summary=FAULTY.info.summary, **own)
    assert create_editor("faulty:tiny-ip2p").info.uses_render
