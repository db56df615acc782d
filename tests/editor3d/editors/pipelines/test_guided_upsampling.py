"""A small edit carried over to the full-size picture."""

from __future__ import annotations

import pytest
import torch

from editor3d.diffusion.sizing import resized
from editor3d.editors.pipelines.guided_upsampling import upsample_edit
from editor3d.editors.procedural.effects import apply
from editor3d.metrics.image import psnr


@pytest.fixture
def picture():
    """[200, 240, 3]: smooth shapes under fine detail."""
    y, x = torch.meshgrid(torch.linspace(0, 6, 200), torch.linspace(0, 7, 240), indexing="ij")
    smooth = torch.stack([torch.sin(x) * torch.cos(y), torch.sin(1.3 * y), torch.cos(0.8 * x + y)], -1)
    detail = 0.12 * torch.sin(40 * x + 23 * y)[..., None]
    return (0.5 + 0.25 * smooth + detail).clamp(0, 1)


def small(picture):
    return resized(picture, 64, 64)


def test_no_edit_gives_the_picture_back(picture):
    before = small(picture)
    torch.testing.assert_close(upsample_edit(picture, before, before), picture, atol=1e-5, rtol=0)


def test_an_affine_map_of_colour_is_carried_over_exactly(picture):
    matrix = torch.tensor([[0.6, 0.1, 0.0], [0.0, 0.5, 0.2], [0.1, 0.0, 0.4]])

    def edit(image):
        return image @ matrix + torch.tensor([0.05, 0.1, 0.2])

    out = upsample_edit(picture, small(picture), edit(small(picture)))
    torch.testing.assert_close(out, edit(picture), atol=2e-3, rtol=0)


def test_a_tone_curve_is_carried_over(picture):
    """A map of colour that bends, of detail that the small copy does not have."""
    wanted = picture**2.2
    assert psnr(upsample_edit(picture, small(picture), small(picture) ** 2.2), wanted) > 45


def test_a_tone_curve_in_one_part_leaves_the_other(picture):
    before = small(picture)
    after = before.clone()
    after[:, :24] = before[:, :24] ** 2.2
    out = upsample_edit(picture, before, after)
    torch.testing.assert_close(out[:, 160:], picture[:, 160:], atol=0.01, rtol=0)
    wanted = picture[:, :64] ** 2.2
    assert psnr(out[:, :64], wanted) > psnr(picture[:, :64], wanted) + 5


@pytest.mark.parametrize("effect", ["night", "winter", "sepia", "negative"])
def test_detail_survives(picture, effect):
    """Nearer to the edit made at full size than scaling up the small edit is."""
    wanted = apply(effect, picture)
    before, after = small(picture), resized(wanted, 64, 64)
    guided = psnr(upsample_edit(picture, before, after), wanted)
    assert guided > psnr(resized(after, 200, 240), wanted) + 3


def test_what_the_small_model_loses_is_not_lost(picture):
    """Before and after blurred alike, as by an autoencoder: the edit is no edit, so the picture stays."""
    blurred = resized(resized(picture, 24, 24), 64, 64)
    torch.testing.assert_close(upsample_edit(picture, blurred, blurred), picture, atol=1e-5, rtol=0)


def test_a_local_edit_stays_local(picture):
    before = small(picture)
    after = before.clone()
    after[20:40, 20:40] = after[20:40, 20:40] * 0.3
    out = upsample_edit(picture, before, after)
    changed = (out - picture).abs().amax(-1) > 0.02
    assert changed[80:110, 90:140].all()
    assert not changed[:, 200:].any()
    assert not changed[160:].any()
