"""Pictures and masks are brought to the sizes that models work at, without shifting, for any size."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from editor3d.diffusion.sizing import around, mask_resized, mirrored, padded, resized, shrunk, working_size
from editor3d.editors import EDITORS
from editor3d.editors.pipelines.diffusers_edit import whole_steps


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


@given(st.integers(40, 4000), st.integers(40, 4000))
def test_working_sizes_are_fixed_points_inside_their_range(height, width):
    if not 0.2 <= width / height <= 5.0:
        return
    for multiple, pixels in [(16, (512 * 512, 1_000_000)), (32, (1024 * 1024, 1024 * 1024)), (8, (512 * 512,) * 2)]:
        size = working_size(height, width, multiple, pixels)
        assert working_size(*size, multiple, pixels) == size
        assert size[0] % multiple == size[1] % multiple == 0
        assert 0.9 * pixels[0] <= size[0] * size[1] <= 1.1 * pixels[1]
        assert abs(size[1] / size[0] / (width / height) - 1.0) < 0.1


@given(st.integers(40, 4000), st.integers(40, 4000))
def test_flux2_never_scales_a_second_time(height, width):
    """Its pipeline scales pictures of more than 1024 * 1024 pixels by itself, to sizes that are no multiples."""
    if 0.2 <= width / height <= 5.0:
        for name in ("flux2-klein", "flux2-klein-inpaint"):
            info = EDITORS[name].info
            size = working_size(height, width, info.multiple_of, info.working_pixels)
            assert size[0] * size[1] <= 1024 * 1024


@given(st.integers(1, 60), st.integers(1, 60))
def test_a_mask_is_never_lost_by_scaling(height, width):
    mask = torch.zeros(40, 52, dtype=torch.bool)
    mask[17, 33] = True
    scaled = mask_resized(mask, height, width)
    assert scaled.any()
    rows, columns = torch.nonzero(scaled, as_tuple=True)
    assert abs((rows.float().mean() + 0.5) / height - 17.5 / 40) <= 1.0 / height + 1e-6
    assert abs((columns.float().mean() + 0.5) / width - 33.5 / 52) <= 1.0 / width + 1e-6


def test_surroundings_hold_the_mask_and_its_margin():
    mask = torch.zeros(100, 100, dtype=torch.bool)
    mask[40:60, 90:95] = True
    rows, columns = around(mask, 0.5, least=4)
    assert (rows.start, rows.stop) == (30, 70)
    assert (columns.start, columns.stop) == (80, 100)


@given(st.floats(0.0, 1.0), st.integers(1, 60))
def test_strengths_give_whole_steps(level, steps):
    strength = whole_steps(level, steps)
    assert 0.0 < strength <= 1.0
    taken = min(int(steps * strength), steps)
    assert 1 <= taken <= steps
    assert abs(taken - level * steps) <= 0.5 or taken == 1
