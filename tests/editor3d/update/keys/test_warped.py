"""What keys say of another view: a table of colours that follows them, and what stays where the shape changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from editor3d.geometry.camera import Camera
from editor3d.geometry.lens import Lens
from editor3d.geometry.surface import SeenSurface
from editor3d.types import EditedKey
from editor3d.update.keys.warped import WarpPropagator


@pytest.fixture
def propagator() -> WarpPropagator:
    def unseen(view: int):
        raise AssertionError("a table of colours needs no geometry")

    return WarpPropagator(unseen)


def key(view: int, level: float) -> EditedKey:
    """A key whose edit makes everything one grey."""
    original = torch.rand(24, 24, 3, generator=torch.Generator().manual_seed(view))
    return EditedKey(view, original, torch.full((24, 24, 3), level), None, 1.0)


def test_other_keys_give_another_table(propagator):
    """Also where the pictures of the earlier ones are gone, and new ones may lie where they lay."""
    for level in (0.2, 0.8, 0.4, 0.6):
        made = propagator.guess([key(0, level)])(key(0, level).original)
        assert float(made.mean()) == pytest.approx(level, abs=0.03)


def test_keys_that_count_less_say_less(propagator):
    dark, bright = key(0, 0.1), replace(key(0, 0.9), view=1)
    even = propagator.guess([dark, bright])(dark.original).mean()
    darker = propagator.guess([dark, replace(bright, trust=0.1)])(dark.original).mean()
    assert darker < even - 0.05


def test_the_same_keys_are_fitted_once(propagator):
    keys = [key(0, 0.5)]
    assert propagator.guess(keys) is propagator.guess(list(keys))


def ahead(place: float, distance: float, side: int = 48) -> SeenSurface:
    """A wall at a distance, seen from a place beside others."""
    pose = torch.tensor([[1.0, 0, 0, place], [0, 1, 0, 0], [0, 0, 1, 0]], dtype=torch.float64)
    camera = Camera(Lens(side, side, float(side), float(side), side / 2, side / 2), pose)
    return SeenSurface.of_depth(camera, torch.full((side, side), distance))


@pytest.fixture
def wall() -> tuple[WarpPropagator, Tensor, list[EditedKey]]:
    """Three views of a grey wall, on which two of them show a red square."""
    propagator = WarpPropagator(lambda view: ahead(0.1 * view, 2.0))
    propagator.look(keeps_shape=False)
    grey = torch.full((48, 48, 3), 0.5)
    keys = []
    for view in (0, 2):
        edited = grey.clone()
        edited[16:32, 16 - round(2.4 * view) : 32 - round(2.4 * view)] = torch.tensor([0.9, 0.1, 0.1])
        keys.append(EditedKey(view, grey, edited))
    return propagator, grey, keys


def test_what_keys_do_not_show_to_change_stays_and_nothing_is_said_of_the_rest_yet(wall):
    propagator, grey, keys = wall
    same = propagator.unchanged(1, grey, keys)
    assert not bool(same[18:30, 16:28].any())
    assert bool(same[:12].all() and same[36:].all())
    carried = propagator.carry(1, grey, keys, ~same)
    assert torch.equal(carried.picture, grey)
    assert torch.equal(carried.weight, same.float())


def test_what_keys_agree_on_is_carried_over_by_the_shape_that_was_fitted(wall):
    propagator, grey, keys = wall
    propagator.look(keeps_shape=False, fitted=True)
    carried = propagator.carry(1, grey, keys)
    inside = carried.picture[18:30, 16:28]
    assert float((inside - torch.tensor([0.9, 0.1, 0.1])).abs().max()) < 0.05
    assert float(carried.weight[18:30, 16:28].min()) > 0.5
    assert float(carried.weight.max()) < 1.0
    other = replace(keys[1], edited=1.0 - keys[1].edited)
    doubted = propagator.carry(1, grey, [keys[0], other])
    assert float(doubted.weight[18:30, 16:28].max()) < 0.1


def test_an_edit_of_everything_leaves_nothing_as_it_was(wall):
    propagator, grey, keys = wall
    assert propagator.unchanged(1, grey, [replace(key, edited=1.0 - grey * 0.2) for key in keys]) is None
    assert propagator.changes(keys) is None
