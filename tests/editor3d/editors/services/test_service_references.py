"""References that are sent to the service beside the picture to edit."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from editor3d.editors import create_editor
from editor3d.editors.services.editor import ServiceEditor
from editor3d.types import Reference


@pytest.fixture
def asked_with(ask, picture):
    """A request with an anchor of another shape and a warped picture that is unknown on the left."""
    mask = torch.zeros(40, 56, dtype=torch.bool)
    mask[:, 28:] = True
    anchor = Reference(picture(60, 40, 1), "anchor")
    return replace(ask, references=(anchor, Reference(picture(40, 56, 2), "warped", mask)))


def test_they_follow_the_picture_in_their_order(fake, settings, asked_with):
    edited = ServiceEditor(settings).edit(asked_with)
    torch.testing.assert_close(edited, 1.0 - asked_with.condition, atol=0.02, rtol=0)
    (asked,) = fake.asked
    assert [image.size for image in asked.images] == [(96, 64), (64, 64), (96, 64)]
    warped = np.asarray(asked.images[2]).astype(int)
    assert abs(warped[:, :38] - 128).max() <= 1  # the picture takes 90 of the 96 columns
    assert abs(warped[:, 52:] - 128).mean() > 10
    prompt = asked.fields["prompt"]
    assert prompt.startswith("Edit picture 1: make it gold. Picture 2 shows")
    assert prompt.index("Picture 2") < prompt.index("another side") < prompt.index("Picture 3") < prompt.index("grey")


def test_no_more_are_sent_than_the_settings_say(fake, settings, asked_with):
    ServiceEditor(replace(settings, references=1)).edit(asked_with)
    assert len(fake.asked[-1].images) == 2
    assert "Picture 3" not in fake.asked[-1].fields["prompt"]
    ServiceEditor(replace(settings, references=0)).edit(asked_with)
    assert fake.asked[-1].images == []
    assert fake.asked[-1].fields["prompt"] == "make it gold"


def test_they_are_part_of_what_is_paid_for(fake, settings, asked_with, spent):
    """Other references are another edit; the same ones are paid for once, also by another process."""
    first, second = asked_with.references
    others = [
        asked_with,
        replace(asked_with, references=()),
        replace(asked_with, references=(first,)),
        replace(asked_with, references=(second, first)),
        replace(asked_with, references=(first, replace(second, mask=~second.mask))),
        replace(asked_with, references=(replace(first, picture=first.picture.flip(0)), second)),
    ]
    for request in (*others, *others):
        ServiceEditor(settings).edit(request)
    assert len(fake.asked) == len(others)
    assert spent() == pytest.approx(len(others) * settings.price)
    payments = [json.loads(line) for line in (settings.folder / "spent.jsonl").read_text().splitlines()]
    kept = {path.stem for path in settings.folder.glob("*.png")}
    assert {payment["request"] for payment in payments} == kept
    assert len(kept) == len(others)


def test_the_environment_says_how_many_are_sent(monkeypatch):
    monkeypatch.setenv("EDITOR3D_SERVICE_REFERENCES", "5")
    assert create_editor("service:http://localhost:1/v1").info.references == 5
    monkeypatch.delenv("EDITOR3D_SERVICE_REFERENCES")
    assert create_editor("service:http://localhost:1/v1").info.references == 2
