"""Padding mirrors without shifting, for any size."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from editor3d.editors.sizing import mirrored, padded, resized, shrunk


@given(st.integers(2, 40), st.integers(0, 100))
def test_mirroring_equals_numpys_reflection(length, extra):
    expected = np.pad(np.arange(length), (0, extra), mode="reflect")
    np.testing.assert_array_equal(mirrored(length, extra).numpy(), expected)


def test_a_single_pixel_repeats():
    assert mirrored(1, 3).tolist() == [0, 0, 0, 0]


@given(st.integers(1, 30), st.integers(1, 30), st.sampled_from([1, 4, 8]))
def test_padding_keeps_the_picture_in_place(height, width, multiple):
    image = torch.rand(height, width, 3)
    out = padded(image, multiple)
    assert out.shape[0] % multiple == out.shape[1] % multiple == 0
    assert out.shape[0] - height < multiple
    assert torch.equal(out[:height, :width], image)


def test_shrinking_keeps_the_aspect_and_the_mean():
    image = torch.rand(100, 300, 3, generator=torch.Generator().manual_seed(0))
    small = shrunk(image, 150)
    assert small.shape == (50, 150, 3)
    assert abs(small.mean() - image.mean()) < 0.01
    assert shrunk(image, 300) is image
    assert shrunk(image, None) is image


def test_resizing_does_not_shift():
    """A ramp goes through the same values at the same places at any size."""
    ramp = ((torch.arange(64) + 0.5) / 64)[None, :, None].expand(64, 64, 3)
    for size in (32, 48, 128):
        expected = (torch.arange(size) + 0.5) / size
        inner = slice(size // 8, -size // 8)
        torch.testing.assert_close(resized(ramp, size, size)[0, inner, 0], expected[inner], atol=2e-3, rtol=0)
