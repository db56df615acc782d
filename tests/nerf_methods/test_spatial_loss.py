"""The spatial loss: its formula, and that a neural field is held to the original, also by a run that goes on."""

from __future__ import annotations

from copy import deepcopy
from math import exp

import pytest
import torch

from editor3d.plugin.results.runs import open_run
from nerf_methods.spatial_loss import spatial_loss


def test_it_is_the_paper_s_formula_in_float64():
    generator = torch.Generator().manual_seed(0)

    def draw(channels):
        return torch.rand(5, 7, channels, generator=generator, dtype=torch.float64) * 3

    fields = [draw(1), draw(3), draw(1), draw(1), draw(3), draw(1)]
    outside = torch.rand(5, 7, generator=generator) < 0.6
    sigma, rgb, w, sigma0, rgb0, w0 = (values.tolist() for values in fields)
    terms = []
    for i in range(5):
        for j in range(7):
            if not outside[i, j]:
                continue
            opacity = (exp(-sigma[i][j][0]) - exp(-sigma0[i][j][0])) ** 2
            color = sum((a - b) ** 2 for a, b in zip(rgb[i][j], rgb0[i][j], strict=True))
            terms.append((100 * opacity + 10 * color) * (w[i][j][0] + w0[i][j][0]))
    wanted = 10 * sum(terms) / len(terms)
    assert spatial_loss(*fields, outside).item() == pytest.approx(wanted, rel=1e-12)


def test_it_is_nothing_for_the_original_and_where_nothing_is_outside():
    fields = [torch.rand(4, 3, channels, requires_grad=True) for channels in (1, 3, 1)]
    everywhere = torch.ones(4, 3, dtype=torch.bool)
    assert spatial_loss(*fields, *fields, everywhere) == 0.0
    others = [torch.rand(4, 3, channels) for channels in (1, 3, 1)]
    loss = spatial_loss(*fields, *others, ~everywhere)
    assert loss == 0.0
    loss.backward()
    assert torch.equal(fields[0].grad, torch.zeros_like(fields[0]))


@pytest.fixture
def neural(small_nerfacto, nerfacto_base, tmp_path):
    """Makes a tiny insertion into a tiny nerfacto."""
    from nerf_methods.nerf_insert.method import nerf_insert

    def make(output: str = "runs", steps: int = 6):
        config = small_nerfacto(deepcopy(nerf_insert.config), steps)
        config.output_dir, config.timestamp, config.load_dir = tmp_path / output, "run", nerfacto_base
        config.choose(instruction="a red ball", region="box:0,0,0,1.1,1.1,1.1", force=True)  # a few steps
        config.turntable_frames = 0
        config.pipeline.edit_rate, config.pipeline.min_mask = 3, 0.0
        config.check()
        config.save_config()
        edit = config.setup(local_rank=0, world_size=1)
        edit.prepare()
        return edit

    return make, open_run(nerfacto_base)[1].model


def test_a_resumed_run_is_held_to_the_original_and_ends_as_one_that_was_not(neural, stop_before):
    make, base = neural
    whole = make()
    losses = whole.pipeline.get_train_loss_dict(0)[1]
    assert losses["spatial_loss"] == 0.0  # nothing has changed yet
    whole = make("whole")
    assert whole.fit()
    stopped = make("again")
    stop_before(stopped, 4)
    assert not stopped.fit()
    again = make("again")
    original = again.pipeline.model.confinement.original.state_dict()
    for name, value in base.state_dict().items():
        assert torch.equal(original[name], value), name
    weight = "field.mlp_head.layers.0.weight"
    assert not torch.equal(again.pipeline.model.state_dict()[weight], original[weight])
    assert again.fit()
    for name, value in whole.pipeline.model.state_dict().items():
        assert torch.equal(again.pipeline.model.state_dict()[name], value), name


def test_the_original_is_no_part_of_what_is_saved(neural):
    make, base = neural
    edit = make()
    assert set(edit.pipeline.model.state_dict()) == set(base.state_dict())
