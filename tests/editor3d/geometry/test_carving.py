"""What may have changed in a view by what others show: no change is missed, and most of the rest is known."""

from __future__ import annotations

import math

import pytest
import torch

from editor3d.geometry.carving import (
    Change,
    alike_pixels,
    changed_pixels,
    gone_places,
    hull_points,
    possible_changes,
)
from editor3d.geometry.surface import SeenSurface

from .room import BALL, RADIUS, cast, looking, painted, seen


def ring(count: int, turned: float = 0.0, side: int = 112) -> list:
    angles = [turned + 2 * math.pi * place / count for place in range(count)]
    return [looking((2.4 * math.cos(a), 2.4 * math.sin(a), 1.3), side=side) for a in angles]


@pytest.mark.parametrize("added", [True, False], ids=["added", "removed"])
def test_what_comes_or_goes_is_found_and_most_of_the_rest_is_known(added):
    before = {"ball": not added}
    sources = ring(8)
    surfaces = [seen(camera, **before) for camera in sources]
    pictures = [[painted(seen(camera, ball).points) for ball in (True, False)] for camera in sources]
    changed = [changed_pixels(*pair, surface) for pair, surface in zip(pictures, surfaces, strict=True)]
    for camera in ring(3, turned=0.2):
        truly = cast(camera, True) != cast(camera, False)
        said = possible_changes(seen(camera, **before), surfaces, changed)
        assert float((said[truly] == Change.POSSIBLE).float().mean()) > 0.97
        rest = said[~truly]
        assert float((rest == Change.NONE).float().mean()) > 0.55
        assert float((rest == Change.POSSIBLE).float().mean()) < 0.3


def test_nothing_changes_where_nothing_did_and_nothing_is_known_of_what_no_view_sees():
    sources = [seen(camera) for camera in ring(6)]
    still = [torch.zeros_like(surface.valid) for surface in sources]
    said = possible_changes(seen(ring(1, turned=0.3)[0]), sources, still)
    assert not bool((said == Change.POSSIBLE).any())
    away = looking((2.4, 0.0, 1.3), side=64, at=(30.0, 0.0, 0.0))
    assert bool((possible_changes(seen(away), sources[2:4], still[2:4]) == Change.UNKNOWN).any())


def test_pixels_change_by_more_than_noise_and_a_gap_is_closed():
    surface = seen(looking((2.4, 0.0, 1.3), side=64))
    before = painted(surface.points)
    noisy = before + 0.008 * torch.randn(before.shape, generator=torch.Generator().manual_seed(0))
    assert not bool(changed_pixels(before, noisy, surface).any())
    after = before.clone()
    after[20:40, 20:40] = 1.0 - before[20:40, 20:40]
    found = changed_pixels(before, after, surface)
    assert bool(found[21:39, 21:39].all())
    assert int(found.sum()) < 26 * 26


def red(surface: SeenSurface, camera) -> torch.Tensor:
    """The painted floor with a red ball."""
    ball = cast(camera, True) != cast(camera, False)
    return torch.where(ball[..., None], torch.tensor([0.8, 0.1, 0.1]), painted(surface.points))


def test_points_of_what_is_new_lie_in_it_and_have_its_colour():
    cameras = ring(8)
    surfaces = [seen(camera, ball=False) for camera in cameras]
    pictures = [red(surface, camera) for surface, camera in zip(surfaces, cameras, strict=True)]
    changed = [
        changed_pixels(painted(surface.points), picture, surface)
        for surface, picture in zip(surfaces, pictures, strict=True)
    ]
    points, colors = hull_points(surfaces, changed, pictures, most=500)
    assert 200 < len(points) <= 500
    away = (points - torch.tensor(BALL)).norm(dim=-1) / RADIUS
    assert float((away < 1.25).float().mean()) > 0.9
    assert float((colors - torch.tensor([0.8, 0.1, 0.1])).abs().amax(-1).median()) < 0.05
    still = [torch.zeros_like(mask) for mask in changed]
    assert len(hull_points(surfaces, still, pictures)[0]) == 0


def test_what_is_taken_away_is_gone_and_what_was_in_its_shade_is_not():
    cameras = ring(8)
    surfaces = [seen(camera, ball=True) for camera in cameras]
    floors = [0.9 * painted(seen(camera, ball=False).points) for camera in cameras]
    before = [red(seen(camera, ball=False), camera) for camera in cameras]
    changed = [changed_pixels(*pair, s) for *pair, s in zip(before, floors, surfaces, strict=True)]
    shell = torch.nn.functional.normalize(torch.randn(200, 3, generator=torch.Generator().manual_seed(0)), dim=-1)
    shell = shell[shell[:, 2] > 0.2] * RADIUS + torch.tensor(BALL)
    floor = torch.tensor([[x, y, 0.0] for x in (-1.2, -0.9, 0.9, 1.2) for y in (-1.2, -0.9, 0.9, 1.2)])
    assert float(gone_places(shell, surfaces, changed, before, floors).float().mean()) > 0.9
    assert not bool(gone_places(floor, surfaces, changed, before, floors).any())
    still = [torch.zeros_like(mask) for mask in changed]
    assert not bool(gone_places(shell, surfaces, still, before, before).any())


def test_pixels_that_look_much_the_same_are_alike():
    surface = seen(looking((2.4, 0.0, 1.3), side=64))
    picture = painted(surface.points)
    assert bool(alike_pixels(picture, 0.97 * picture, surface).all())
    assert not bool(alike_pixels(picture, 1.0 - picture.round(), surface).all())
