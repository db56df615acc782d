"""Views whose garment disagrees with their neighbours' are found, and no others."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras

from gaussian.methods.vton.consistency import disagreements, look_of, neighbours_of, outliers

COUNT = 16


def _ring(count: int = COUNT) -> Cameras:
    poses = []
    for angle in np.linspace(0, 2 * np.pi, count, endpoint=False):
        back = np.array([np.cos(angle), np.sin(angle), 0.0])
        right = np.cross([0.0, 0.0, 1.0], back)
        poses.append(np.stack([right, [0.0, 0.0, 1.0], back, 2.0 * back], -1))
    return Cameras(torch.tensor(np.stack(poses)).float(), 30.0, 30.0, 16.0, 16.0, 32, 32)


def _view(color: tuple[int, int, int], light: float, stripe: int = 0) -> torch.Tensor:
    picture = np.full((48, 48, 3), 200.0)
    shade = light * (1.0 + 0.2 * np.sin(np.arange(28) / 4.0))
    picture[10:38, 12:36] = np.array(color) * shade[:, None, None]
    if stripe:
        picture[20:26, 12:36] = 250
    return torch.from_numpy(picture.clip(0, 255).astype(np.uint8))


@pytest.fixture
def mask() -> torch.Tensor:
    mask = torch.zeros(48, 48, dtype=torch.bool)
    mask[10:38, 12:36] = True
    return mask


def _found(pictures, mask):
    looks = [None if picture is None else look_of(picture, mask) for picture in pictures]
    return outliers(disagreements(looks, neighbours_of(_ring())))


def test_neighbours_stand_beside():
    assert [set(beside) for beside in neighbours_of(_ring())][5] == {3, 4, 6, 7}


def test_views_in_other_light_agree(mask):
    pictures = [_view((60, 130, 150), 0.8 + 0.3 * np.cos(2 * np.pi * i / COUNT), stripe=1) for i in range(COUNT)]
    assert _found(pictures, mask) == []


@pytest.mark.parametrize("wrong", [(150, 60, 60), (60, 150, 70), (30, 40, 45)])
def test_one_wrong_garment_is_found(mask, wrong):
    pictures = [_view((60, 130, 150), 0.8 + 0.3 * np.cos(2 * np.pi * i / COUNT)) for i in range(COUNT)]
    pictures[6] = _view(wrong, 0.9)
    assert _found(pictures, mask) == [6]


def test_a_wrong_pattern_of_like_colours_is_found_by_its_hash(mask):
    pictures = [_view((120, 130, 150), 1.0) for _ in range(COUNT)]
    pictures[3] = _view((120, 130, 150), 1.0, stripe=1)
    assert _found(pictures, mask) == [3]


def test_views_without_a_garment_are_left_out(mask):
    pictures = [_view((60, 130, 150), 1.0) for _ in range(COUNT)]
    pictures[2], pictures[6] = None, _view((180, 60, 60), 1.0)
    assert _found(pictures, mask) == [6]


def test_what_is_outside_of_the_region_does_not_count(mask):
    picture = _view((60, 130, 150), 1.0)
    other = torch.where(mask[..., None], picture, torch.tensor(7, dtype=torch.uint8))
    one, two = look_of(picture, mask), look_of(other, mask)
    np.testing.assert_array_equal(one.color, two.color)
    np.testing.assert_array_equal(one.hash, two.hash)
