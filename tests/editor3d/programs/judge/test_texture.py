"""What a surface is like counts beside where its marks lie."""

from __future__ import annotations

import numpy as np
import pytest

from editor3d.programs.judge.picture_loss import PictureLoss, pyramid
from editor3d.programs.judge.texture import Texture

SIDE = 64


def veins(shift: float, frequency: float = 0.35, turn: float = 0.5) -> np.ndarray:
    """Dark veins on white."""
    down, across = np.mgrid[:SIDE, :SIDE].astype(float)
    along = np.cos(turn) * across + np.sin(turn) * down
    wave = np.sin(frequency * along + shift + 1.5 * np.sin(0.1 * (down - across)))
    light = np.where(wave > 0.75, 60.0, 225.0)
    return np.repeat(light[..., None], 3, axis=-1).astype(np.uint8)


def plain(like: np.ndarray) -> np.ndarray:
    """A smooth surface of the mean colour, with a grain that is hardly seen."""
    grain = np.random.default_rng(0).normal(0.0, 3.0, like.shape)
    return np.clip(like.mean() + grain, 0, 255).astype(np.uint8)


def test_veins_elsewhere_are_nearer_than_none():
    """A loss without the texture says the opposite."""
    target, others = veins(0.0), veins(3.0)
    loss, before = PictureLoss(target), PictureLoss(target, photometric=0.4, structure=0.4, colour=0.2, texture=0.0)
    assert loss(others) < loss(plain(target))
    assert before(others) > before(plain(target))


@pytest.mark.parametrize("change", [{"turn": 1.6}, {"frequency": 1.2}], ids=["direction", "size"])
def test_other_directions_and_sizes_are_other_textures(change):
    target = Texture(pyramid(veins(0.0)))
    moved, other = Texture(pyramid(veins(2.0))), Texture(pyramid(veins(0.0, **change)))
    assert other.difference(target) > 1.2 * moved.difference(target)


def test_it_is_a_difference():
    one, other = (Texture(pyramid(picture)) for picture in (veins(0.0), plain(veins(0.0))))
    assert one.difference(one) == 0.0
    assert one.difference(other) == pytest.approx(other.difference(one))
    assert 0.0 < one.difference(other) <= 1.0
