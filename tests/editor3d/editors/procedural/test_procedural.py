"""The procedural editor as an `Editor`: deterministic, and bit-equal outside the named objects."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from editor3d.editors import create_editor
from editor3d.editors.procedural.editor import blend_inside
from editor3d.editors.procedural.effects import apply
from editor3d.errors import InstructionError
from editor3d.language.vocabulary import BY_EFFECT
from editor3d.types import EditRequest


def disc(height: int, width: int, y: float, x: float, radius: float) -> torch.Tensor:
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return (rows - y) ** 2 + (columns - x) ** 2 < radius**2


@pytest.fixture
def image(natural_picture) -> torch.Tensor:
    return natural_picture(11)


@pytest.fixture
def masks(image) -> dict[str, torch.Tensor]:
    height, width = image.shape[:2]
    return {
        "teapot": disc(height, width, 60, 60, 30),
        "cube": disc(height, width, 100, 140, 25),
        "hidden": torch.zeros(height, width, dtype=torch.bool),
    }


def edit(
    instruction: str, image: torch.Tensor, objects: dict[str, torch.Tensor] | None = None, **fields
) -> torch.Tensor:
    return create_editor("procedural").edit(EditRequest("view", instruction, image, objects=objects or {}, **fields))


def test_the_whole_picture_gets_the_effect(image, masks):
    assert torch.equal(edit("make it look like winter", image, masks), apply("winter", image))


def test_neither_seed_nor_render_nor_schedule_matter(image):
    expected = edit("make it gold", image)
    other = edit("make it gold", image, seed=9, noise_level=0.1, render=torch.rand_like(image), guidance_scale=1.0)
    assert torch.equal(other, expected)


@pytest.mark.parametrize("effect", BY_EFFECT)
def test_outside_the_object_nothing_changes(image, masks, effect):
    edited = edit(f"make the teapot {effect}", image, masks)
    teapot = masks["teapot"]
    assert torch.equal(edited[~teapot], image[~teapot])
    core = disc(*image.shape[:2], 60, 60, 25)
    assert torch.equal(edited[core], apply(effect, image)[core])


def test_the_border_is_feathered_inside(image, masks):
    edited, full = edit("make the teapot gold", image, masks), apply("gold", image)
    rim = masks["teapot"] & ~disc(*image.shape[:2], 60, 60, 29)
    torch.testing.assert_close(edited[rim], (image + 5.0 * full)[rim] / 6.0, atol=0.15, rtol=0)
    assert (edited[rim] - image[rim]).abs().mean() > 0.02


def test_objects_in_turn(image, masks):
    edited = edit("make the teapot gold and the cube blue", image, masks)
    assert torch.equal(edited[~(masks["teapot"] | masks["cube"])], image[~(masks["teapot"] | masks["cube"])])
    by_hand = edit("make the cube blue", edit("make the teapot gold", image, masks), masks)
    assert torch.equal(edited, by_hand)


def test_steps_are_applied_in_order(image):
    assert torch.equal(edit("make it winter and then night", image), apply("night", apply("winter", image)))


def test_an_object_out_of_sight_changes_nothing(image, masks):
    assert torch.equal(edit("make the hidden gold", image, masks), image)


def test_an_object_without_mask_is_refused(image, masks):
    with pytest.raises(InstructionError, match="'dragon'.*cube, hidden, teapot"):
        edit("make the dragon gold", image, masks)
    with pytest.raises(InstructionError, match="no masks"):
        create_editor("procedural").validate("make the dragon gold", [], [])


def test_validate_accepts_what_edit_can_do(image, masks):
    editor = create_editor("procedural")
    editor.validate("make the teapot gold", masks.keys(), ["view"])
    with pytest.raises(InstructionError, match="empty"):
        editor.validate("", masks.keys(), ["view"])


def test_other_layouts_and_types_are_taken(image):
    expected = edit("make it gold", image)
    strided = image.transpose(0, 1).contiguous().transpose(0, 1)
    assert torch.equal(edit("make it gold", strided), expected)
    assert edit("make it gold", image.double()).dtype == torch.float32
    assert edit("make it gold", image.clone().requires_grad_()).requires_grad is False


@settings(max_examples=20, deadline=None)
@given(st.floats(-1.0, 1.0), st.floats(-1.0, 1.0), st.floats(8.0, 18.0))
def test_the_border_gets_as_much_of_an_edit_as_the_object_covers_of_it(right, down, radius):
    side, fine = 48, 8
    x, y = torch.meshgrid(*[(torch.arange(side * fine) + 0.5) / fine - side / 2] * 2, indexing="xy")
    disc = ((x - right) ** 2 + (y - down) ** 2 < radius**2).float()
    covered = torch.nn.functional.avg_pool2d(disc[None, None], fine)[0, 0]
    mask = covered >= 0.5
    nothing = torch.zeros(side, side, 3)
    weight = blend_inside(nothing, nothing + 1.0, mask)[..., 0]
    rim = mask & (weight < 1.0)
    assert float((weight - covered)[rim].abs().mean()) < 0.2
    assert abs(float((weight - covered)[rim].mean())) < 0.1


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 1.0))
def test_any_mask_keeps_its_outside(seed, share):
    generator = torch.Generator().manual_seed(seed)
    image, edited = torch.rand(2, 12, 17, 3, generator=generator)
    mask = torch.rand(12, 17, generator=generator) < share
    blended = blend_inside(image, edited, mask)
    assert torch.equal(blended[~mask], image[~mask])
    low, high = torch.minimum(image, edited), torch.maximum(image, edited)
    assert ((blended >= low - 1e-6) & (blended <= high + 1e-6)).all()


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_pictures_on_a_device_come_back_there(image, masks):
    on_device = {name: mask.cuda() for name, mask in masks.items()}
    edited = edit("make the teapot gold", image.cuda(), on_device)
    assert edited.device.type == "cuda"
    assert torch.equal(edited.cpu(), edit("make the teapot gold", image, masks))
