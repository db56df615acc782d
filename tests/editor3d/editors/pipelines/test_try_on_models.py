"""Models that are shown a person and a garment."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from editor3d.editors import create_editor, resolve_auto_try_on
from editor3d.editors.try_on.models import garment_on, grown, instruction_of
from editor3d.errors import ConfigError, EditorUnavailableError
from editor3d.types import Garment

pytestmark = pytest.mark.usefixtures("one_thread")
MODELS = ["qwen-try-on", "flux2-klein-try-on", "catvton-inpaint"]


@pytest.fixture
def dressing(ask, picture):
    """A request with a garment, and no instruction."""
    mask = torch.zeros(30, 24, dtype=torch.bool)
    mask[4:26, 5:20] = True
    return replace(ask, instruction="", garment=Garment(picture(30, 24, 7), mask, "abc"))


@pytest.mark.parametrize("name", MODELS)
def test_a_person_is_dressed_near_what_is_worn_and_nowhere_else(tiny, dressing, name):
    edited = tiny(name).edit(dressing)
    far = ~grown(dressing.mask)
    assert edited.shape == dressing.condition.shape
    assert torch.equal(edited[far], dressing.condition[far])
    assert (edited[dressing.mask] - dressing.condition[dressing.mask]).abs().mean() > 0.01


@pytest.mark.parametrize("name", MODELS)
def test_the_garment_reaches_the_model(tiny, dressing, picture, name):
    editor = tiny(name)
    other = replace(dressing, garment=replace(dressing.garment, picture=1 - dressing.garment.picture))
    assert torch.equal(editor.edit(dressing), editor.edit(dressing))
    assert not torch.equal(editor.edit(dressing), editor.edit(other))


@pytest.mark.parametrize("name", MODELS)
def test_without_a_garment_nothing_is_edited(tiny, dressing, name):
    with pytest.raises(ConfigError, match="--garment"):
        tiny(name).edit(replace(dressing, garment=None))


def test_inpainting_needs_to_know_what_is_worn(tiny, dressing):
    with pytest.raises(ConfigError, match="gaussian-vton"):
        tiny("catvton-inpaint").edit(replace(dressing, mask=None))


def test_an_empty_instruction_will_do_and_missing_weights_are_said(tiny):
    tiny("flux2-klein-try-on").validate("", {}, [])
    with pytest.raises(EditorUnavailableError, match="lacks"):
        create_editor("qwen-try-on:./not-here").validate("", {}, [])


def test_auto_needs_no_weights(monkeypatch):
    monkeypatch.setattr("editor3d.diffusion.weights.find_weights", lambda hub_id: None)
    assert resolve_auto_try_on()[0] == "try-on"
    monkeypatch.setattr(
        "editor3d.diffusion.weights.find_weights", lambda hub_id: "here" if "FLUX.2" in hub_id else None
    )
    assert resolve_auto_try_on()[0] == "flux2-klein-try-on"


def test_words_come_after_what_is_always_said(dressing):
    told = instruction_of(replace(dressing, instruction="tuck it in"))
    assert told.startswith("Dress the person")
    assert told.endswith("tuck it in")


def test_a_garment_stands_in_the_middle_before_white(dressing):
    shown = garment_on(dressing.garment, 64, 40)
    assert shown.shape == (64, 40, 3)
    assert bool((shown[0] == 1).all() and (shown[-1] == 1).all())
    assert bool((shown[32] != 1).any())
