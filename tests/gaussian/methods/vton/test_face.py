"""The face is put back exactly, and what an edit has moved is moved back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from editor3d.datasets import load_posed_images
from editor3d.datasets.views.images import read_image, read_object_masks
from editor3d.editors.try_on import landmarks
from gaussian.methods.vton.face import restore_face
from lab.subject import subject_path


@pytest.fixture(scope="module")
def seen():
    """A picture [H, W, 3] uint8 from in front, and where its face is."""
    posed = load_posed_images(subject_path())
    view = next(view for view in posed.views if view.name == "train_00")
    return read_image(view), read_object_masks(view, posed.objects)["face"]


def _moved(picture: torch.Tensor, x: int, y: int) -> torch.Tensor:
    return torch.roll(picture, (y, x), (0, 1))


def test_inside_the_face_every_bit_is_the_originals(seen):
    picture, face = seen
    edited = (picture.float() * 0.7 + 20).to(torch.uint8)
    restored = restore_face(picture, edited, face)
    assert torch.equal(restored.picture[face], picture[face])
    far = torch.ones_like(face)
    rows, columns = face.nonzero().unbind(-1)
    far[rows.min() - 8 : rows.max() + 9, columns.min() - 8 : columns.max() + 9] = False
    assert torch.equal(restored.picture[far], edited[far])


def test_an_untouched_face_costs_nothing(seen):
    picture, face = seen
    edited = picture.clone()
    edited[~face] = 0
    restored = restore_face(picture, edited, face)
    assert restored.picture is edited
    assert restored.shift == 0.0


def test_without_a_face_the_edit_stays(seen):
    picture, face = seen
    edited = 255 - picture
    assert torch.equal(restore_face(picture, edited, torch.zeros_like(face)).picture, edited)


@pytest.mark.skipif(not landmarks.available(), reason="needs mediapipe")
def test_a_head_that_was_moved_is_moved_back(seen):
    picture, face = seen
    edited = _moved(picture, 5, 3)
    restored = restore_face(picture, edited, face)
    assert restored.shift == pytest.approx(np.hypot(5, 3), abs=1.5)
    assert torch.equal(restored.picture[face], picture[face])
    rows, columns = face.nonzero().unbind(-1)
    around = torch.zeros_like(face)
    around[rows.min() - 5 : rows.max() + 4, columns.min() - 4 : columns.max() + 5] = True
    around &= ~face
    before = (edited[around].float() - picture[around].float()).abs().mean()
    after = (restored.picture[around].float() - picture[around].float()).abs().mean()
    assert after < 0.6 * before
