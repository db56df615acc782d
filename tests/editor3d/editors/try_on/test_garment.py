"""Pictures of garments: cut out, and known by their content."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from editor3d.editors.try_on.garment import digest_of, read_garment
from editor3d.errors import DataError


def _picture(background: tuple[int, int, int], size: int = 90) -> np.ndarray:
    pixels = np.full((size, size, 3), background, np.uint8)
    pixels[20:70, 30:60] = (40, 90, 160)
    return pixels


def test_transparency_says_where_it_is(tmp_path):
    pixels = np.dstack([_picture((40, 90, 160)), np.zeros((90, 90), np.uint8)])
    pixels[20:70, 30:60, 3] = 255
    Image.fromarray(pixels).save(tmp_path / "g.png")
    found = read_garment(tmp_path / "g.png")
    assert torch.equal(found.mask.nonzero()[0], torch.tensor([20, 30]))
    assert int(found.mask.sum()) == 50 * 30


@pytest.mark.parametrize("background", [(255, 255, 255), (230, 225, 220), (20, 20, 20)])
def test_a_plain_background_is_left_out(tmp_path, background):
    Image.fromarray(_picture(background)).save(tmp_path / "g.png")
    mask = read_garment(tmp_path / "g.png").mask
    assert bool(mask[22:68, 32:58].all())
    assert not bool(mask[:18].any() | mask[:, :28].any() | mask[:, 62:].any())


def test_what_is_as_light_as_the_background_inside_stays(tmp_path):
    pixels = _picture((255, 255, 255))
    pixels[35:50, 40:50] = 255
    Image.fromarray(pixels).save(tmp_path / "g.png")
    assert bool(read_garment(tmp_path / "g.png").mask[35:50, 40:50].all())


def test_large_pictures_are_read_smaller(tmp_path):
    Image.fromarray(_picture((255, 255, 255))).resize((2000, 2000)).save(tmp_path / "g.png")
    assert max(read_garment(tmp_path / "g.png").mask.shape) == 768


def test_the_digest_is_of_the_content(tmp_path):
    Image.fromarray(_picture((255, 255, 255))).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    Image.fromarray(_picture((254, 255, 255))).save(tmp_path / "c.png")
    assert digest_of(tmp_path / "a.png") == digest_of(tmp_path / "b.png") != digest_of(tmp_path / "c.png")


def test_what_is_no_garment_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match="--garment"):
        read_garment(tmp_path / "none.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(DataError, match="--garment"):
        read_garment(tmp_path / "text.png")
    Image.fromarray(np.full((50, 50, 3), 255, np.uint8)).save(tmp_path / "white.png")
    with pytest.raises(DataError, match="stands out"):
        read_garment(tmp_path / "white.png")
