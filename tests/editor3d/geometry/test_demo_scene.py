"""Photographs of the demo scene warped into each other by its exact depth, and the keys that cover it."""

from __future__ import annotations

import math

import pytest
import torch

from editor3d.datasets import load_posed_images
from editor3d.datasets.demo import demo_path
from editor3d.datasets.views.images import read_depth, read_image
from editor3d.geometry.camera import Camera
from editor3d.geometry.coverage import choose_keys
from editor3d.geometry.matching import matches, warp
from editor3d.geometry.surface import SeenSurface
from editor3d.types import PosedImages

SIDE = 96


@pytest.fixture(scope="module")
def posed() -> PosedImages:
    return load_posed_images(demo_path())


@pytest.fixture(scope="module")
def surfaces(posed) -> list[SeenSurface]:
    found = [SeenSurface.of_depth(Camera.of_view(v), read_depth(v, posed.depth_scale)) for v in posed.train_views[:16]]
    return [*found[:3], *(surface.reduced(SIDE) for surface in found[3:])]


def test_a_neighbours_photograph_is_this_one_where_both_see_the_same(posed, surfaces):
    one, other = (read_image(view).float() / 255 for view in posed.train_views[:2])
    match = matches(surfaces[0], surfaces[1])
    seen = match.weight > 0
    assert match.share > 0.5
    assert -10 * math.log10((warp(other, match) - one)[seen].square().mean().item()) > 31  # of one it is 21 dB
    assert -10 * math.log10((other - one).square().mean().item()) < 22


def test_a_picture_of_another_size_is_warped_alike(posed, surfaces):
    photo = read_image(posed.train_views[1]).float() / 255
    half = torch.nn.functional.avg_pool2d(photo.permute(2, 0, 1), 2).permute(1, 2, 0)
    match = matches(surfaces[0], surfaces[1])
    seen = match.weight > 0
    assert (warp(half, match) - warp(photo, match))[seen].abs().mean() < 0.02


def test_half_of_a_rings_views_cover_what_it_shows(surfaces):
    keys = choose_keys([surface.reduced(SIDE) for surface in surfaces])
    assert keys.covered[-1] >= 0.9
    assert len(keys.order) <= 8
