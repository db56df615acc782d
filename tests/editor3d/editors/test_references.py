"""What is sent of the references of a request, and what is said of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from editor3d.editors.references import HOLE, digest_of, prompt_with, references_for, without_holes
from editor3d.types import EditorInfo, EditRequest, Reference


@pytest.fixture
def anchor(picture) -> Reference:
    return Reference(picture(30, 40, 1), "anchor")


@pytest.fixture
def warped(picture) -> Reference:
    mask = torch.zeros(20, 28, dtype=torch.bool)
    mask[5:15, 4:20] = True
    return Reference(picture(20, 28, 2), "warped", mask)


def test_no_more_are_sent_than_the_editor_takes(anchor, warped, picture):
    request = EditRequest("v", "make it gold", picture(20, 28, 0), references=(anchor, warped))
    for most, sent in ((0, ()), (1, (anchor,)), (2, (anchor, warped)), (5, (anchor, warped))):
        assert references_for(request, EditorInfo("a", "", "", references=most)) == sent


def test_holes_are_grey_and_the_rest_stays(anchor, warped):
    assert torch.equal(without_holes(anchor), anchor.picture)
    filled = without_holes(warped)
    assert torch.equal(filled[warped.mask], warped.picture[warped.mask])
    assert (filled[~warped.mask] == HOLE).all()


def test_the_prompt_says_what_each_picture_is(anchor, warped):
    assert prompt_with("make it gold", ()) == "make it gold"
    text = prompt_with("make it gold.", (anchor, warped))
    assert text.startswith("Edit picture 1: make it gold. ")
    second, third = text.index("Picture 2"), text.index("Picture 3")
    assert "from another side" in text[second:third]
    assert "from exactly the viewpoint of picture 1" in text[third:]
    assert "grey" in text[third:]
    assert "grey" not in text[:third]
    swapped = prompt_with("make it gold", (warped, anchor))
    assert swapped.index("exactly the viewpoint") < swapped.index("another side")
    whole = replace(warped, mask=torch.ones_like(warped.mask))
    assert "grey" not in prompt_with("make it gold", (whole,))


def test_other_references_have_another_digest(anchor, warped, picture):
    given = (anchor, warped)
    others = [
        (),
        (anchor,),
        (warped, anchor),
        (replace(anchor, kind="warped"), warped),
        (replace(anchor, picture=picture(30, 40, 9)), warped),
        (anchor, replace(warped, mask=~warped.mask)),
        (anchor, replace(warped, mask=None)),
    ]
    digests = [digest_of(references) for references in (given, *others)]
    assert len(set(digests)) == len(digests)
    unseen = torch.where(warped.mask[..., None], warped.picture, torch.zeros(()))
    assert digest_of((anchor, replace(warped, picture=unseen))) == digests[0]
