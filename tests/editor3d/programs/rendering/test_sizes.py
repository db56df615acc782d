"""Pictures of the scene's own shape and of smaller sizes; without noise, and the same each time."""

from __future__ import annotations

import numpy as np
import pytest

from editor3d.programs.core.contracts import RenderSettings
from editor3d.programs.rendering.pool import Workers
from editor3d.programs.rendering.sizes import SmallRenders, shaped

CLEAN = RenderSettings(width=64, height=64, samples=8, noise=0.05, denoise=True, own_shape=True)


@pytest.mark.parametrize(
    ("aspect", "side", "size"),
    [(1.0, 256, (256, 256)), (16 / 9, 256, (256, 144)), (9 / 16, 256, (144, 256)), (3.0, 101, (100, 34))],
)
def test_a_shape_has_even_sides_of_which_the_longer_one_is_given(aspect, side, size):
    assert shaped(aspect, side) == size


def test_denoised_renders_are_the_same_whatever_was_rendered_between(blend, programs):
    """The scene's own pictures are 1920 by 1080."""
    with Workers(blend("lighting"), CLEAN, allow_weaker_sandbox=True) as workers:
        assert (workers.settings.width, workers.settings.height) == (64, 36)
        first = workers.render(programs["lighting"]).image
        small = SmallRenders(workers, 50).render(programs["lighting"]).image
        again = workers.render(programs["lighting"]).image
    assert first is not None
    assert small is not None
    assert first.shape == (36, 64, 3)
    assert small.shape == (18, 32, 3)
    assert np.array_equal(first, again)
