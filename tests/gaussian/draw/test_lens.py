"""Photographs are brought to a pinhole canvas and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from editor3d.geometry.lens import Lens
from gaussian.draw.lens import canvas_of

PINHOLE = Lens(60, 44, 50.0, 52.0, 29.0, 23.0)
MILD = Lens(60, 44, 50.0, 52.0, 29.0, 23.0, (0.05, -0.02, 0.0, 0.0, 0.003, -0.002))
BARREL = Lens(60, 44, 50.0, 52.0, 29.0, 23.0, (-0.15, 0.02, 0.0, 0.0, 0.0, 0.0))
FISHEYE = Lens(60, 44, 55.0, 56.0, 29.0, 23.0, fisheye=True)
LENSES = [MILD, BARREL, FISHEYE]


def smooth(lens: Lens) -> torch.Tensor:
    """[H, W, 3] uint8 without edges."""
    y, x = torch.meshgrid(torch.arange(lens.height) + 0.5, torch.arange(lens.width) + 0.5, indexing="ij")
    waves = torch.stack([(x / 9).sin() * (y / 11).cos(), (x / 13 + y / 10).sin(), (y / 8).cos()], -1)
    return ((waves * 0.4 + 0.5) * 255).round().to(torch.uint8)


def test_a_pinhole_is_its_own_canvas():
    canvas = canvas_of(PINHOLE)
    picture = smooth(PINHOLE)
    assert (canvas.width, canvas.height) == (60, 44)
    assert canvas.flatten(picture) is picture
    assert canvas.seen(44, 60) is None
    drawn = picture / 255.0
    assert canvas.bend(drawn) is drawn
    torch.testing.assert_close(canvas.K, torch.tensor([[50.0, 0, 29.0], [0, 52.0, 23.0], [0, 0, 1]]))


def test_equal_lenses_share_a_canvas():
    assert canvas_of(MILD) is canvas_of(Lens(**vars(MILD)))


def test_a_capture_may_have_a_lens_a_view():
    """And every training step asks for one's canvas."""
    lenses = [Lens(20, 16, 18.0 + 0.01 * i, 18.0, 10.0, 8.0, (0.05, 0.0, 0.0, 0.0, 0.0, 0.0)) for i in range(300)]
    canvases = [canvas_of(lens) for lens in lenses]
    assert all(canvas_of(lens) is canvas for lens, canvas in zip(lenses, canvases, strict=True))


@pytest.mark.parametrize("lens", LENSES)
def test_flattened_and_bent_again_is_the_photograph(lens):
    canvas = canvas_of(lens)
    picture = smooth(lens)
    again = canvas.bend(canvas.flatten(picture) / 255.0)
    assert again.shape == picture.shape
    off = (again - picture / 255.0).abs()
    assert off[2:-2, 2:-2].max() <= 0.02
    assert off.mean() <= 0.004


@pytest.mark.parametrize("lens", LENSES)
def test_the_canvas_holds_all_that_the_lens_sees(lens):
    canvas = canvas_of(lens)
    assert canvas.to_picture.abs().max() <= 1.0 + 1e-5
    # no edge of the canvas is wasted
    for axis in range(2):
        edge = 2.0 * 2 / (canvas.width, canvas.height)[axis]
        assert canvas.to_picture[..., axis].min() <= -1 + edge
        assert canvas.to_picture[..., axis].max() >= 1 - edge


@pytest.mark.parametrize("lens", [PINHOLE, *LENSES])
def test_intrinsics_send_each_ray_to_where_its_pixel_is_looked_up(lens):
    canvas = canvas_of(lens)
    rays = lens.directions().view(lens.height, lens.width, 3)
    forward = -rays[..., 2]
    x = canvas.K[0, 0] * rays[..., 0] / forward + canvas.K[0, 2]
    y = -canvas.K[1, 1] * rays[..., 1] / forward + canvas.K[1, 2]
    if canvas.to_picture is None:
        columns, rows = np.meshgrid(np.arange(lens.width) + 0.5, np.arange(lens.height) + 0.5)
        found = torch.from_numpy(np.stack([columns, rows], -1)).float()
    else:
        found = (canvas.to_picture + 1) / 2 * torch.tensor([canvas.width, canvas.height])
    assert (found - torch.stack([x, y], -1)).abs().max() <= 0.01


@pytest.mark.parametrize("lens", LENSES)
def test_what_the_lens_does_not_see_is_told(lens):
    canvas = canvas_of(lens)
    seen = canvas.seen(lens.height, lens.width)
    assert seen.shape == (canvas.height, canvas.width)
    assert 0.4 < seen.float().mean() <= 1.0
    # the middle of the canvas is what the axis of the lens looks at
    assert seen[int(canvas.K[1, 2]), int(canvas.K[0, 2])]
    flat = canvas.flatten(torch.full((lens.height, lens.width, 3), 200, dtype=torch.uint8))
    assert (flat[seen] >= 199).all()


def test_a_lens_wider_than_any_pinhole_gets_a_bounded_canvas():
    wide = Lens(60, 60, 18.0, 18.0, 30.0, 30.0, fisheye=True)
    canvas = canvas_of(wide)
    assert canvas.width <= 2 * wide.width + 2
    assert canvas.height <= 2 * wide.height + 2
    picture = smooth(wide)
    again = canvas.bend(canvas.flatten(picture) / 255.0)
    middle = slice(22, 38)
    assert (again - picture / 255.0).abs()[middle, middle].max() <= 0.05
