"""Points to start from, of pictures alone."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from editor3d.plugin.train.pictures import TrainingPictures
from editor3d.types import View
from gaussian.start.points import points_from_pictures

from .balls import RADIUS, cameras_round, captured, on_ball, textured

BLACK = (0.0, 0.0, 0.0)


@pytest.mark.parametrize(("scene", "off"), [("textured_ball", 0.03), ("plain_ball", 0.06)])
def test_points_lie_on_the_surface(scene, off, request):
    start = points_from_pictures(*request.getfixturevalue(scene), background=BLACK, steps=200)
    distance = on_ball(start.points)
    assert len(start.points) > 400
    assert distance.median() < off
    assert (distance < 0.15).float().mean() > 0.9


def test_points_have_the_colours_of_their_places(textured_ball):
    start = points_from_pictures(*textured_ball, background=BLACK, steps=200)
    true = torch.from_numpy(textured((start.points / RADIUS).double().numpy())).clamp(0, 1)
    assert (start.colors - true).abs().median() < 0.1


def test_all_that_pictures_show_has_points(plain_ball):
    start = points_from_pictures(*plain_ball, background=BLACK, steps=200)
    directions = torch.nn.functional.normalize(start.points, dim=-1)
    generator = torch.Generator().manual_seed(0)
    asked = torch.nn.functional.normalize(torch.randn(500, 3, generator=generator), dim=-1)
    asked = asked[asked[:, 2].abs() < 0.8]  # the poles are seen at a slant by all
    assert (asked @ directions.T).max(1).values.min() > 0.95


def test_the_colour_behind_everything_gets_no_points(plain_ball):
    behind = points_from_pictures(*plain_ball, background=BLACK, steps=200)
    white = points_from_pictures(*plain_ball, background=(1.0, 1.0, 1.0), steps=200)
    black = (white.colors.sum(1) < 0.02).float().mean()
    assert black > 0.2
    assert (behind.colors.sum(1) < 0.02).float().mean() < 0.4 * black


def test_the_same_points_every_time_whatever_else_is_random(plain_ball):
    torch.manual_seed(1)
    one = points_from_pictures(*plain_ball, background=BLACK, steps=48)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    other = points_from_pictures(*plain_ball, background=BLACK, steps=48)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(one.points, other.points)
    assert torch.equal(one.colors, other.colors)


@pytest.mark.parametrize("steps", [1, 35])
def test_too_short_a_training_looks_for_no_points(plain_ball, steps):
    assert points_from_pictures(*plain_ball, background=BLACK, steps=steps) is None


def test_one_picture_tells_no_depth(tmp_path):
    assert points_from_pictures(*captured(tmp_path, cameras_round(1), textured), background=BLACK, steps=200) is None


def test_nothing_but_background_gives_no_points(tmp_path):
    cameras = cameras_round(4)
    pictures = captured(tmp_path, cameras, lambda where: 0 * where)
    assert points_from_pictures(*pictures, background=BLACK, steps=200) is None


def test_what_masks_leave_out_gets_no_points(tmp_path):
    pictures, cameras = captured(tmp_path, cameras_round(16), textured)
    mask = torch.zeros(64, 64, dtype=torch.uint8)
    mask[:32] = 255
    Image.fromarray(mask.numpy()).save(tmp_path / "mask.png")
    views = [View(**{**vars(view), "mask_path": tmp_path / "mask.png"}) for view in pictures.views]
    masked = TrainingPictures(views, cameras)
    masked.read_all()
    start = points_from_pictures(masked, cameras, background=BLACK, steps=200)
    everything = points_from_pictures(pictures, cameras, background=BLACK, steps=200)
    assert (everything.points[:, 2] < -0.1).float().mean() > 0.2
    assert (start.points[:, 2] < -0.1).float().mean() < 0.02


@pytest.mark.parametrize(
    "lens", [{"distortion": (0.3, 0.0, 0.0, 0.0, 0.0, 0.0)}, {"fisheye": True}], ids=["distorted", "fisheye"]
)
def test_bent_lenses_are_made_straight(tmp_path, lens):
    start = points_from_pictures(
        *captured(tmp_path, cameras_round(24, 96, **lens), textured), background=BLACK, steps=99
    )
    distance = on_ball(start.points)
    assert distance.median() < 0.03
    assert (distance < 0.15).float().mean() > 0.9
