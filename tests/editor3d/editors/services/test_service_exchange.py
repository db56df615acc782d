"""What is sent to the service, what comes back, and what is kept of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from editor3d.editors.services.editor import ServiceEditor
from editor3d.errors import ServiceError


def test_a_picture_is_sent_edited_and_put_back_without_shift(fake, settings, ask):
    edited = ServiceEditor(settings).edit(ask)
    assert edited.shape == ask.condition.shape
    assert edited.dtype == torch.float32
    torch.testing.assert_close(edited, 1.0 - ask.condition, atol=0.02, rtol=0)
    assert abs((edited - 1.0 + ask.condition).mean()) < 1e-3
    (asked,) = fake.asked
    assert asked.path == "/v1/images/edits"
    assert asked.authorization == f"Bearer {settings.key}"
    assert asked.fields == {"model": "gpt-image-2", "prompt": "make it gold", "n": "1", "size": "96x64"}
    assert asked.image.size == (96, 64)


def test_where_any_size_will_do_the_picture_goes_as_it_is(fake, settings, ask):
    edited = ServiceEditor(replace(settings, sizes=())).edit(ask)
    assert fake.asked[0].image.size == (56, 40)
    assert "size" not in fake.asked[0].fields
    torch.testing.assert_close(edited, 1.0 - ask.condition, atol=0.5 / 255 + 1e-6, rtol=0)


def test_outside_the_mask_the_picture_stays_bit_equal(fake, settings, ask):
    mask = torch.zeros(40, 56, dtype=torch.bool)
    mask[10:30, 20:40] = True
    edited = ServiceEditor(settings).edit(replace(ask, mask=mask))
    assert torch.equal(edited[~mask], ask.condition[~mask])
    torch.testing.assert_close(edited[mask], 1.0 - ask.condition[mask], atol=0.02, rtol=0)
    sent = fake.asked[0].mask
    assert sent.mode == "RGBA"
    assert sent.size == fake.asked[0].image.size
    transparent = np.array(sent)[..., 3] == 0
    assert abs(transparent[:, :90].mean() - mask.float().mean()) < 0.06


def test_pictures_are_fetched_without_the_key_where_the_answer_names_an_address(fake, settings, ask):
    fake.as_url = True
    edited = ServiceEditor(settings).edit(ask)
    torch.testing.assert_close(edited, 1.0 - ask.condition, atol=0.02, rtol=0)
    assert fake.fetched == [None]


def test_the_same_edit_is_paid_for_once(fake, settings, ask, spent):
    first = ServiceEditor(settings).edit(ask)
    again = ServiceEditor(settings)
    assert torch.equal(again.edit(replace(ask, seed=7, view="other")), first)
    assert len(fake.asked) == 1
    for other in (
        replace(ask, instruction="make it red"),
        replace(ask, condition=ask.condition.flip(1)),
        replace(ask, mask=torch.ones(40, 56, dtype=torch.bool)),
    ):
        again.edit(other)
    ServiceEditor(replace(settings, model="another")).edit(ask)
    assert len(fake.asked) == 5
    assert spent() == pytest.approx(5 * settings.price)


def test_a_broken_cache_is_asked_anew(fake, settings, ask):
    editor = ServiceEditor(settings)
    editor.edit(ask)
    (kept,) = settings.folder.glob("*.png")
    kept.write_bytes(kept.read_bytes()[:50])
    editor.edit(ask)
    assert len(fake.asked) == 2


def test_another_shape_is_refused_and_another_size_of_the_same_shape_is_scaled(fake, settings, ask):
    fake.edited = lambda asked: Image.new("RGB", (64, 64), "red")
    with pytest.raises(ServiceError, match="shape 96x64 .* but got 64x64; list the sizes"):
        ServiceEditor(settings).edit(ask)
    with pytest.raises(ServiceError, match="shape 96x64 .* but got 64x64; list the sizes"):
        ServiceEditor(settings).edit(ask)
    assert len(fake.asked) == 1  # it is paid for, and kept
    fake.edited = lambda asked: Image.new("RGB", (192, 128), (255, 0, 0))
    edited = ServiceEditor(settings).edit(replace(ask, instruction="make it red"))
    torch.testing.assert_close(edited, torch.tensor([1.0, 0.0, 0.0]).expand_as(edited), atol=1e-5, rtol=0)


def test_further_fields_are_sent_by_the_services_own_names(fake, settings, ask):
    ServiceEditor(replace(settings, extra={"quality": "low", "input_fidelity": "high"})).edit(ask)
    (asked,) = fake.asked
    assert asked.path == "/v1/images/edits"
    assert asked.fields == {
        **{"model": "gpt-image-2", "prompt": "make it gold", "n": "1", "size": "96x64"},
        **{"quality": "low", "input_fidelity": "high"},
    }
