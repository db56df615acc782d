"""Depth of whole pictures."""

from __future__ import annotations

import numpy as np
import pytest

from gaussian.start.sweep import swept_depth
from gaussian.start.views import SmallView

WIDTH, HEIGHT, FOCAL = 60, 44, 50.0
K = np.array([[FOCAL, 0, WIDTH / 2], [0, FOCAL, HEIGHT / 2], [0, 0, 1]])


def paint(where: np.ndarray) -> np.ndarray:
    """Colours [..., 3] of places [..., 2] on a wall."""
    generator = np.random.default_rng(0)
    waves = [np.sin(where @ generator.normal(size=2) * 4 * 1.5**k + generator.uniform(0, 6)) for k in range(6)]
    return 128 + 35 * np.stack([waves[0] + waves[4], waves[1] + waves[5], waves[2] + waves[3]], -1)


def wall(x: float, slope: float = 0.0, square: bool = False) -> tuple[SmallView, np.ndarray]:
    """A view from (x, 0, 0) along z of a wall at z = 3 + slope x, and its depth; `square` is plain but for a near,
    plain square at z = 2."""
    pose = np.concatenate([np.eye(3), [[x], [0.0], [0.0]]], 1)
    view = SmallView(np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.ones((HEIGHT, WIDTH), bool), K, pose)
    depth = (3 + slope * x) / (1 - slope * view.rays[..., 0])
    where = view.origin + view.rays * depth[..., None]
    pixels = paint(where[..., :2])
    if square:
        nearer = view.origin + view.rays * 2
        inside = (np.abs(nearer[..., :2]) < 0.4).all(-1)
        pixels = np.where(inside[..., None], [200, 60, 40], [90, 120, 90])
        depth = np.where(inside, 2.0, 3.0)
    return SmallView(pixels.clip(0, 255).astype(np.uint8), view.seen, K, pose), depth


@pytest.mark.parametrize("slope", [0.0, 0.4])
def test_a_textured_wall_lies_where_it_is(slope):
    view, depth = wall(0.0, slope)
    found = swept_depth(view, [wall(x, slope)[0] for x in (-0.4, -0.2, 0.2, 0.4)], 1.0, 8.0)
    assert np.median(np.abs(found / depth - 1)) < 0.02
    assert (np.abs(found / depth - 1) < 0.06).mean() > 0.9


def test_a_plain_square_has_the_depth_of_its_edges():
    view, depth = wall(0.0, square=True)
    found = swept_depth(view, [wall(x, square=True)[0] for x in (-0.4, -0.2, 0.2, 0.4)], 1.0, 8.0)
    inside = depth == 2.0
    assert (np.abs(found[inside] / 2.0 - 1) < 0.06).mean() > 0.9


def test_one_neighbour_will_do():
    view, depth = wall(0.0)
    found = swept_depth(view, [wall(0.3)[0]], 1.0, 8.0)
    assert np.median(np.abs(found / depth - 1)) < 0.03


def test_what_a_neighbour_does_not_hold_says_nothing():
    view, _ = wall(0.0)
    others = [wall(x)[0] for x in (-0.4, 0.2, 0.4)]
    blind, inverted = (
        SmallView(pixels, np.zeros_like(view.seen), K, others[0].pose) for pixels in (view.pixels, 255 - view.pixels)
    )
    one, other = (swept_depth(view, [first, *others[1:]], 1.0, 8.0) for first in (blind, inverted))
    assert np.array_equal(one, other)


def test_depths_stay_between_the_ends():
    view, _ = wall(0.0)
    found = swept_depth(view, [wall(0.3)[0]], 4.0, 8.0)
    assert found.min() >= 4.0 - 1e-9
    assert found.max() <= 8.0 + 1e-9
