"""The table of colours that says most of an edit follows the keys that it is asked for with."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

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
