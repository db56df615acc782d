"""Cloth is made fine, and takes the colours of the pictures."""

from __future__ import annotations

import math

import pytest
import torch

from gaussian.draw.selection import PosedPinhole
from gaussian.methods.vton.cloth import MOST, make_ready, seen_colors
from gaussian.model.parameters import PARAMETERS
from gaussian.splats import SH_C0, Splats


def _wall(count: int) -> Splats:
    """Opaque Gaussians side by side, facing the camera."""
    x = torch.linspace(-0.9, 0.9, count)
    means = torch.stack([x, torch.zeros(count), torch.full((count,), 2.0)], -1)
    scales = torch.full((count, 3), math.log(0.35 / count))
    quats = torch.tensor([[1.0, 0, 0, 0]]).repeat(count, 1)
    return Splats(means, scales, quats, torch.full((count,), 6.0), torch.zeros(count, 1, 3))


def _camera() -> PosedPinhole:
    return PosedPinhole(torch.eye(4), torch.tensor([[30.0, 0, 32], [0, 30.0, 32], [0, 0, 1]]), 64, 64)


def test_each_gaussian_has_the_colour_of_its_pixels():
    picture = torch.zeros(64, 64, 3)
    picture[:, :32, 0], picture[:, 32:, 2] = 1.0, 1.0
    colors, seen = seen_colors(_wall(4), [(_camera(), picture, torch.ones(64, 64, dtype=torch.bool))])
    assert bool((seen > 1).all())
    torch.testing.assert_close(colors[0], torch.tensor([1.0, 0.0, 0.0]), atol=1e-3, rtol=0)
    torch.testing.assert_close(colors[3], torch.tensor([0.0, 0.0, 1.0]), atol=1e-3, rtol=0)


def test_pixels_that_do_not_count_do_not_colour():
    counts = torch.zeros(64, 64, dtype=torch.bool)
    counts[:, :32] = True
    colors, seen = seen_colors(_wall(4), [(_camera(), torch.full((64, 64, 3), 0.3), counts)])
    assert float(seen[3]) < 1e-3 < float(seen[0])
    torch.testing.assert_close(colors[0], torch.full((3,), 0.3), atol=1e-4, rtol=0)


def test_views_are_averaged_by_what_they_see():
    every = torch.ones(64, 64, dtype=torch.bool)
    views = [(_camera(), torch.full((64, 64, 3), value), every) for value in (0.2, 0.6)]
    colors, _ = seen_colors(_wall(3), views)
    torch.testing.assert_close(colors, torch.full((3, 3), 0.4), atol=1e-4, rtol=0)


@pytest.fixture
def trainer(try_on, start):
    return start(try_on(steps=1))


def test_cloth_is_split_and_the_rest_keeps_every_bit(trainer):
    model = trainer.pipeline.model
    frozen = model.strategy_state["frozen"].clone()
    before = {name: model.gauss_params[name].detach().clone() for name in PARAMETERS}
    held = {name: trainer.optimizers.optimizers[name] for name in PARAMETERS}
    added = make_ready(model, held, pixel=0.004)
    still = model.strategy_state["frozen"]
    assert 0 < added <= MOST * int((~frozen).sum()) + 1
    assert len(still) == len(frozen) + added
    for name in PARAMETERS:
        assert torch.equal(model.gauss_params[name].detach()[still], before[name][frozen]), name
        assert held[name].param_groups[0]["params"][0] is model.gauss_params[name]
    largest = model.gauss_params["scales"].detach().exp().amax(-1)[~still].mean()
    assert largest < before["scales"].exp().amax(-1)[~frozen].mean()


def test_before_the_first_step_cloth_has_the_colours_of_the_edits(trainer):
    pipeline = trainer.pipeline
    pipeline.updater.on_progress = lambda done, due: None
    pipeline.updater.before_step(0)
    model = pipeline.model
    free = ~model.strategy_state["frozen"]
    assert not bool(model.gauss_params["features_rest"].detach()[free].any())
    colors = 0.5 + SH_C0 * model.gauss_params["features_dc"].detach()[free]
    red = (colors[:, 0] > colors[:, 1] + 0.15) & (colors[:, 0] > colors[:, 2] + 0.15)
    assert float(red.float().mean()) < 0.15  # teal, cream, and an emblem of orange: no red shirt is left
