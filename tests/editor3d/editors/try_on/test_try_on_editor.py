"""The try-on editor: right where the garment is worn, bit-equal everywhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from skimage.color import deltaE_ciede2000, rgb2lab

from editor3d.datasets.views.images import read_image
from editor3d.editors import create_editor
from editor3d.editors.try_on import landmarks
from editor3d.editors.try_on.light import luminance_of, shading
from editor3d.errors import ConfigError, DataError, EditorUnavailableError
from lab.subject import worn_path

needs_mediapipe = pytest.mark.skipif(not landmarks.available(), reason="needs mediapipe")


@pytest.fixture
def editor():
    return create_editor("try-on")


def _difference(name: str, picture: torch.Tensor, mask: torch.Tensor) -> float:
    truth = read_image(worn_path() / f"{name}.jpg").numpy() / 255
    return float(np.median(deltaE_ciede2000(rgb2lab(picture.numpy()), rgb2lab(truth))[mask.numpy()]))


@pytest.mark.parametrize("name", [f"test_{i:02d}" for i in range(8)])
def test_it_looks_as_if_truly_worn_from_every_side(editor, request_of, name):
    request = request_of(name)
    dressed = editor.edit(request)
    assert _difference(name, request.condition, request.mask) > 25
    assert _difference(name, dressed, request.mask) < 6


def test_all_but_the_garment_keeps_every_bit(editor, request_of):
    request = request_of("test_06")
    dressed = editor.edit(request)
    assert dressed.dtype == torch.float32
    assert torch.equal(dressed[~request.mask], request.condition[~request.mask])
    assert not torch.equal(dressed[request.mask], request.condition[request.mask])


def test_it_is_behind_the_arm(editor, request_of):
    request = request_of("test_07")
    arms = request.objects["arms"]
    between = arms & (torch.arange(256)[:, None] > 140)
    assert int(between.sum()) > 200
    assert torch.equal(editor.edit(request)[arms], request.condition[arms])


def test_the_emblem_is_in_front_and_not_on_the_back(editor, request_of):
    def orange(name: str) -> int:
        picture = editor.edit(request_of(name))
        red, green, blue = picture.unbind(-1)
        return int(((red > 1.3 * green) & (green > 1.5 * blue) & request_of(name).mask).sum())

    assert orange("test_00") > 80
    assert orange("test_03") == orange("test_04") == 0


def test_folds_stay(editor, request_of, garment):
    """Before a garment of one colour the light of the photograph is what is left."""
    request = request_of("test_00")
    plain = replace(garment, picture=torch.full_like(garment.picture, 0.5), worn=0.1187)
    dressed = editor.edit(replace(request, garment=plain))
    mask = request.mask.numpy()
    before, after = luminance_of(request.condition.numpy())[mask], luminance_of(dressed.numpy())[mask]
    assert np.corrcoef(before, after)[0, 1] > 0.9
    assert after.std() / after.mean() > 0.6 * before.std() / before.mean()


def test_light_of_an_even_picture_is_one():
    picture, worn = np.full((40, 40, 3), 0.4), np.zeros((40, 40), bool)
    worn[10:30, 10:30] = True
    np.testing.assert_allclose(shading(picture, worn, None)[worn], 1.0)


def test_a_request_without_a_garment_is_refused(editor, request_of):
    with pytest.raises(ConfigError, match="--garment"):
        editor.edit(replace(request_of("test_00"), garment=None))


def test_masks_of_the_data_need_no_mediapipe(editor, subject, monkeypatch):
    monkeypatch.setattr(landmarks, "available", lambda: False)
    editor.validate("", subject.objects, ["a"])
    with pytest.raises(EditorUnavailableError, match="mediapipe"):
        editor.validate("", {"table": 1}, ["a"])


@needs_mediapipe
def test_without_masks_the_person_is_found(editor, request_of):
    """The models' own segmentation finds most of what the data's labels say, and the face."""
    from editor3d.editors.try_on.segment import parts_of

    request = request_of("test_00")
    parts = parts_of(request.condition, {})
    truth = request.mask.numpy()
    overlap = (parts.garment & truth).sum() / (parts.garment | truth).sum()
    assert overlap > 0.6
    assert (parts.face & request.objects["face"].numpy()).sum() > 0.5 * parts.face.sum()


@needs_mediapipe
def test_a_picture_without_a_person_is_refused(editor, request_of):
    nobody = torch.rand(128, 128, 3, generator=torch.Generator().manual_seed(0))
    with pytest.raises(DataError, match="Expected a person"):
        editor.edit(request_of("test_00", condition=nobody, objects={}, mask=None))
