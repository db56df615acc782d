"""Which parts of the sky points see: a floor with a plate over a part of it."""

from __future__ import annotations

import pytest
import torch

from editor3d.geometry.scene.sky import CELL, SkyMaps
from editor3d.types import ObjectFrame

AXES = torch.eye(3, dtype=torch.float64)
UP = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
HEIGHT, HALF = 0.5, 0.4
"""Of the plate over the floor, and half its side."""


def grid(half: float, height: float) -> torch.Tensor:
    """Points of a level square, closer than a cell: [H, W, 3]."""
    along = torch.arange(-half, half, 0.4 * CELL, dtype=torch.float64)
    x, y = torch.meshgrid(along, along, indexing="ij")
    return torch.stack([x, y, torch.full_like(x, height)], -1)


def yard(scale: float = 1.0, turn: torch.Tensor = AXES, stray: bool = False) -> SkyMaps:
    """The sky over the floor and the plate, in a scene that is scaled and turned."""
    parts = [grid(1.8, 0.0), grid(HALF, HEIGHT)]
    points = torch.cat([part.reshape(-1, 3) for part in parts])
    if stray:  # a few points in the air, as reconstructions have them
        points = torch.cat([points, torch.tensor([[-1.2, -1.2, 0.9], [-1.2, -1.18, 0.95], [-1.18, -1.2, 1.1]])])
    return SkyMaps.of(points.float().numpy(), ObjectFrame(torch.zeros(3).double(), turn.T, scale, 0.5))


def share(sky: SkyMaps, place: tuple[float, float, float], scale: float = 1.0, turn: torch.Tensor = AXES) -> float:
    point = scale * turn @ torch.tensor(place, dtype=torch.float64)
    return float(sky.share(point[None, None], (turn @ UP)[None, None].float()))


def test_what_lies_under_a_plate_sees_little_of_the_sky_and_what_lies_on_it_sees_all() -> None:
    sky = yard()
    under, on_top, beside, far = (share(sky, (x, 0.0, z)) for x, z in ((0, 0), (0, HEIGHT), (0.6, 0), (1.5, 0)))
    assert on_top > 0.99
    assert far > 0.9
    assert under < 0.5 < beside < far


def test_a_cast_shadow_lies_on_the_side_away_from_the_light() -> None:
    sky = yard()
    light = torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64)
    floor, up = grid(1.4, 0.0), UP.float().expand(*grid(1.4, 0.0).shape)
    dark = 1.0 - sky.reached(floor, up, light)
    middle = (dark[..., None] * floor).sum((0, 1)) / dark.sum()
    assert float(middle[0]) < -0.2
    assert float(sky.reached(grid(HALF, HEIGHT), UP.float().expand(*grid(HALF, HEIGHT).shape), light).min()) > 0.9


@pytest.mark.parametrize("scale", [0.01, 100.0])
def test_scaling_and_turning_the_scene_changes_nothing(scale: float) -> None:
    turn = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2)))[0]
    for place in ((0.0, 0.0, 0.0), (0.6, 0.1, 0.0), (0.2, 0.2, HEIGHT)):
        assert share(yard(scale, turn), place, scale, turn) == pytest.approx(share(yard(), place), abs=1e-3)


def test_stray_points_shade_nothing() -> None:
    assert share(yard(stray=True), (-1.2, -1.2, 0.0)) == pytest.approx(share(yard(), (-1.2, -1.2, 0.0)), abs=0.1)


def test_an_empty_scene_is_open() -> None:
    sky = SkyMaps.of(torch.zeros(0, 3).numpy(), ObjectFrame(torch.zeros(3).double(), AXES, 1.0, 0.5))
    assert share(sky, (0.0, 0.0, 0.0)) == pytest.approx(1.0)
