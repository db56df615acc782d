"""A service is sent the person and the garment, and is paid once for both."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from editor3d.editors.try_on.service import TryOnServiceEditor
from editor3d.errors import ConfigError
from editor3d.types import Garment


@pytest.fixture
def dressing(ask):
    mask = torch.zeros(20, 20, dtype=torch.bool)
    mask[4:16, 4:16] = True
    return replace(ask, instruction="", garment=Garment(torch.rand(20, 20, 3), mask, "abc"))


def test_both_pictures_are_sent_and_the_answer_is_kept(settings, fake, dressing, spent):
    editor = TryOnServiceEditor(settings)
    editor.validate("", {}, [])
    edited = editor.edit(dressing)
    assert torch.equal(edited, editor.edit(dressing))
    (asked,) = fake.asked
    assert [picture.size for picture in asked.images] == [(96, 64), (20, 20)]
    assert asked.fields["prompt"].startswith("Dress the person")
    assert spent() == settings.price
    assert (edited - (1 - dressing.condition)).abs().mean() < 0.05


def test_another_garment_is_another_request(settings, fake, dressing):
    editor = TryOnServiceEditor(settings)
    editor.edit(dressing)
    editor.edit(replace(dressing, garment=replace(dressing.garment, picture=1 - dressing.garment.picture)))
    assert len(fake.asked) == 2


def test_without_a_garment_nothing_is_sent(settings, fake, dressing):
    with pytest.raises(ConfigError, match="--garment"):
        TryOnServiceEditor(settings).edit(replace(dressing, garment=None))
    assert fake.asked == []
