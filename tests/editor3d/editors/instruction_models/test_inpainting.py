"""Editors that paint inside a mask."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from editor3d.editors import EDITORS, create_editor
from editor3d.editors.masking import names_in
from editor3d.errors import InstructionError

pytestmark = pytest.mark.usefixtures("one_thread")
INPAINTING = [name for name, entry in EDITORS.items() if entry.info.needs_mask]


@pytest.mark.parametrize("name", INPAINTING)
def test_inpainting_leaves_the_rest_bit_equal(tiny, ask, name):
    edited = tiny(name).edit(ask)
    assert torch.equal(edited[~ask.mask], ask.condition[~ask.mask])
    assert (edited[ask.mask] - ask.condition[ask.mask]).abs().mean() > 0.01


@pytest.mark.parametrize("name", ["sd-inpaint", "flux2-klein-inpaint"])
def test_inpainting_starts_from_the_render_inside_the_mask(tiny, ask, name, picture):
    """What the render shows outside the mask changes nothing; at a low noise level what it shows inside does."""
    editor = tiny(name)
    low = replace(ask, noise_level=0.5)
    outside = torch.where(ask.mask[..., None], ask.render, picture(40, 52, 9))
    inside = torch.where(ask.mask[..., None], picture(40, 52, 9), ask.render)
    assert torch.equal(editor.edit(replace(low, render=outside)), editor.edit(low))
    assert not torch.equal(editor.edit(replace(low, render=inside)), editor.edit(low))


def test_inpainting_takes_its_mask_from_a_named_object(tiny, ask):
    editor = tiny("sd-inpaint")
    named = replace(
        ask, instruction="turn the mug red", mask=None, objects={"cup": ask.mask, "table": torch.ones(40, 52) > 0}
    )
    assert torch.equal(editor.edit(named), editor.edit(replace(named, mask=ask.mask)))
    with pytest.raises(InstructionError, match="cup, table"):
        editor.edit(replace(named, instruction="turn it red"))
    with pytest.raises(InstructionError, match="works inside a mask"):
        editor.edit(replace(ask, mask=None))
    with pytest.raises(InstructionError, match="Expected the name of an object"):
        editor.validate("turn it red", ["cup"], [])
    editor.validate("turn the mug red", ["cup"], [])


def test_nothing_is_loaded_where_the_mask_is_empty(ask):
    editor = create_editor("sd-inpaint:someone/not-here")
    unchanged = editor.edit(replace(ask, mask=torch.zeros_like(ask.mask)))
    assert torch.equal(unchanged, ask.condition)


def test_all_named_objects_are_edited():
    objects = ["ball.001", "ball.002", "teapot"]
    assert set(names_in("make all balls and the teapot green", objects)) == set(objects)
    assert names_in("paint the teapot", objects) == ("teapot",)
    with pytest.raises(InstructionError, match="may mean"):
        names_in("make the ball green", objects)
