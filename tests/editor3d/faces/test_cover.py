"""Faces and number plates, covered before they are sent, and put back."""

from __future__ import annotations

import io

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from editor3d.editors.services.editor import ServiceEditor
from editor3d.editors.services.settings import ServiceSettings
from editor3d.faces.cover import cover, cover_boxes
from editor3d.faces.find import Box, find
from editor3d.run.consent import consenting
from editor3d.types import EditRequest


@pytest.fixture(scope="module")
def person() -> np.ndarray:
    return skimage.data.astronaut()[:300].astype(np.float32) / 255


def test_a_face_is_found_and_no_longer_found_when_covered(person):
    covered = cover(person)
    assert covered.said == "1 face"
    assert not [box for box in find((covered.picture * 255).astype(np.uint8)) if box.kind == "face"]
    untouched = (covered.picture == person).all(-1)
    assert 0.7 < untouched.mean() < 0.95


def test_a_picture_without_faces_stays():
    picture = skimage.data.coffee().astype(np.float32)[::2, ::2] / 255
    covered = cover(picture)
    assert covered.boxes == ()
    assert np.array_equal(covered.picture, picture)
    assert np.array_equal(covered.restored(picture), picture)


def test_what_is_left_of_a_face_says_little():
    noise = np.random.default_rng(0).random((64, 64, 3), dtype=np.float32)
    covered = cover_boxes(noise, [Box("number plate", 16, 16, 32, 32)])
    inside = covered.picture[10:54, 10:54]
    assert inside.std() < 0.2 * noise.std()


@pytest.mark.parametrize("gain", [1.0, 0.5, 0.2])
def test_the_face_comes_back_in_the_light_of_the_edit(person, gain):
    covered = cover(person)
    back = covered.restored(gain * covered.picture)
    close = np.abs(back - gain * person).max(-1) < 0.03
    assert close.mean() > 0.97


def test_what_is_sent_to_a_service_elsewhere_has_no_face(person, tmp_path, capsys, monkeypatch):
    sent = []

    def answer(self, order, size):
        with Image.open(io.BytesIO(order.pictures[0][1])) as picture:
            sent.append(np.asarray(picture.convert("RGB")))
            return picture.convert("RGB")

    monkeypatch.setattr(ServiceEditor, "_answer", answer)
    editor = ServiceEditor(ServiceSettings(url="https://images.example/v1", sizes=(), folder=tmp_path, key="k"))
    request = EditRequest("frame_1", "make it night", torch.from_numpy(person))
    edited = editor.edit(request)
    assert not find(sent[0])
    assert "frame_1: 1 face found, and blurred before the picture is sent to images.example" in capsys.readouterr().err
    assert (np.abs(edited.numpy() - person).max(-1) < 0.05).mean() > 0.98  # it came back unedited, its face is there
    with consenting(True, None, faces=True):
        editor.edit(request)
    assert find(sent[1])
    here = ServiceEditor(ServiceSettings(url="http://127.0.0.1:9/v1", sizes=(), folder=tmp_path))
    here.edit(request)
    assert find(sent[2])
    assert capsys.readouterr().err == ""
