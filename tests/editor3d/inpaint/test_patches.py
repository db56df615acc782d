"""Holes in textures filled with what is around: known pixels stay, patterns go on."""

from __future__ import annotations

import numpy as np
import pytest

from editor3d.inpaint.patches import fill_texture


def checks(side: int = 64, cell: int = 8) -> np.ndarray:
    y, x = np.mgrid[:side, :side] // cell
    return np.where(((x + y) % 2 > 0)[..., None], [0.9, 0.8, 0.7], [0.2, 0.3, 0.5]).astype(np.float32)


def test_a_pattern_goes_on_and_what_is_known_stays():
    picture = checks()
    unknown = np.zeros((64, 64), bool)
    unknown[24:40, 26:42] = True
    damaged = np.where(unknown[..., None], 0.0, picture)
    filled = fill_texture(damaged, unknown, ~unknown)
    assert np.array_equal(filled[~unknown], picture[~unknown])
    error = np.square(filled - picture)[unknown].mean()
    flat = np.square(picture[~unknown].mean(0) - picture)[unknown].mean()
    assert error < 0.25 * flat


def test_what_is_neither_known_nor_unknown_is_not_copied():
    picture = checks()
    unknown, other = np.zeros((2, 64, 64), bool)
    unknown[28:36, 28:36] = True
    other[:, 44:] = True
    picture[other] = [1.0, 0.0, 0.0]
    filled = fill_texture(picture, unknown, ~unknown & ~other)
    assert np.array_equal(filled[other], picture[other])
    assert (filled[unknown][:, 1] > 0.2).all()


def test_a_smooth_shade_goes_on_smoothly():
    x = np.linspace(0.2, 0.8, 48, dtype=np.float32)
    picture = np.repeat(np.tile(x, (48, 1))[..., None], 3, -1)
    unknown = np.zeros((48, 48), bool)
    unknown[18:30, 18:30] = True
    filled = fill_texture(np.where(unknown[..., None], 0.0, picture), unknown, ~unknown)
    assert np.abs(filled - picture).max() < 0.08


def test_nothing_to_copy_from_is_refused():
    with pytest.raises(ValueError, match="known pixels"):
        fill_texture(np.zeros((16, 16, 3)), np.ones((16, 16), bool), np.zeros((16, 16), bool))
