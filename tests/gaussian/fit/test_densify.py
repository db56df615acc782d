"""Gaussians are added and removed without breaking what is rendered, what is optimised, or the light."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest
import torch
from gsplat.strategy import DefaultStrategy
from torch import nn

from editor3d.errors import ConfigError
from gaussian.fit.densify import StrategyConfig, make_strategy, relocation
from gaussian.raster.rasterize import rasterization

COUNT = 40


def parameters(count: int = COUNT, seed: int = 0) -> nn.ParameterDict:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    return nn.ParameterDict(
        {
            "means": normal(count, 3) * 0.5 + torch.tensor([0.0, 0.0, 3.0]),
            "scales": normal(count, 3) * 0.5 - 3.0,
            "quats": normal(count, 4),
            "opacities": normal(count, 1) + 1.0,
            "features_dc": normal(count, 3),
        }
    )


def optimizers_of(params: nn.ParameterDict) -> dict[str, torch.optim.Optimizer]:
    return {name: torch.optim.Adam([value], lr=1e-3) for name, value in params.items()}


def draw(params: nn.ParameterDict, absgrad: bool = True) -> tuple[torch.Tensor, dict]:
    K = torch.tensor([[[40.0, 0.0, 24.0], [0.0, 40.0, 20.0], [0.0, 0.0, 1.0]]])
    picture, _, info = rasterization(
        params["means"], params["quats"], params["scales"].exp(), params["opacities"].sigmoid()[:, 0],
        params["features_dc"].sigmoid(), torch.eye(4)[None], K, 48, 40, packed=False, absgrad=absgrad,
    )  # fmt: skip
    info["means2d"].retain_grad()
    return picture, info


def step_of(params, optimizers, strategy, state, step: int, **more) -> None:
    """One training step, as the trainer does it."""
    picture, info = draw(params)
    picture.square().mean().backward()
    for name, optimizer in optimizers.items():
        assert optimizer.param_groups[0]["params"][0] is params[name]
        optimizer.step()
        optimizer.zero_grad()
    strategy.step_post_backward(params, optimizers, state, step, info, **more)


def config(kind: str, **changes) -> StrategyConfig:
    fast = StrategyConfig(
        kind=kind,
        refine_start=0,
        refine_every=2,
        refine_stop=100,
        reset_every=1000,
        grow_grad2d=1e-6,
        prune_opacity=0.3,
    )
    return replace(fast, **changes)


@pytest.mark.parametrize("kind", ["default", "mcmc"])
def test_optimisers_hold_what_is_rendered(kind):
    torch.manual_seed(0)
    params = parameters()
    optimizers = optimizers_of(params)
    strategy, state = make_strategy(config(kind, max_gaussians=60))
    more = {"lr": 1e-3} if kind == "mcmc" else {}
    counts = []
    for step in range(1, 8):
        step_of(params, optimizers, strategy, state, step, **more)
        counts.append(len(params["means"]))
        for name, optimizer in optimizers.items():
            (held,) = optimizer.param_groups[0]["params"]
            assert held is params[name]
            assert held.requires_grad
            assert list(optimizer.state) == [held]
            assert optimizer.state[held]["exp_avg"].shape == held.shape
            assert len(held) == counts[-1]
    assert len(set(counts)) > 1  # it did add, or remove
    # and the next step changes every one of them
    before = {name: value.detach().clone() for name, value in params.items()}
    picture, _ = draw(params)
    picture.square().mean().backward()
    for name, optimizer in optimizers.items():
        optimizer.step()
        assert not torch.equal(before[name], params[name]), name


def test_mcmc_moves_only_what_can_hardly_be_seen():
    params = parameters()
    with torch.no_grad():
        params["opacities"].fill_(0.05).logit_()
        params["opacities"][:3] = -8.0
    strategy, state = make_strategy(replace(StrategyConfig(), kind="mcmc"))
    assert strategy._relocate_gs(params, optimizers_with_moments(params), state) == 3


@pytest.mark.parametrize("bound", [COUNT, COUNT + 7, 10_000])
@pytest.mark.parametrize("kind", ["default", "mcmc"])
def test_no_more_gaussians_than_allowed(kind, bound):
    torch.manual_seed(0)
    params = parameters()
    optimizers = optimizers_of(params)
    strategy, state = make_strategy(config(kind, max_gaussians=bound, prune_opacity=0.005))
    more = {"lr": 1e-3} if kind == "mcmc" else {}
    for step in range(1, 11):
        step_of(params, optimizers, strategy, state, step, **more)
        assert len(params["means"]) <= bound
    if bound > COUNT:
        assert len(params["means"]) > COUNT


@pytest.mark.parametrize("screen_size_stop", [0, 9])
def test_without_a_bound_it_is_gsplats_own(screen_size_stop):
    """Number by number, over growing, splitting, pruning and setting opacities back."""
    settings = dict(
        refine_start=0, refine_every=2, refine_stop=20, reset_every=6, grow_grad2d=3e-5, prune_opacity=0.1,
        grow_scale3d=0.05, prune_scale3d=0.2, grow_scale2d=0.1, prune_scale2d=0.3, screen_size_stop=screen_size_stop,
        pause_after_reset=1, max_gaussians=None,
    )  # fmt: skip
    ours, _ = make_strategy(StrategyConfig(**settings))
    theirs = DefaultStrategy(**{f.name: getattr(ours, f.name) for f in fields(DefaultStrategy)})
    results = []
    for strategy in (ours, theirs):
        torch.manual_seed(0)
        params, state = parameters(), strategy.initialize_state()
        optimizers, counts = optimizers_of(params), []
        for step in range(1, 15):
            step_of(params, optimizers, strategy, state, step)
            counts.append(len(params["means"]))
        results.append((params, state, counts))
    (params, state, counts), (params_, state_, counts_) = results
    assert counts == counts_
    assert len(set(counts)) > 3
    for name, value in params.items():
        assert torch.equal(value, params_[name]), name
    assert state.keys() == state_.keys()
    for name in state.keys() - {"scene_scale"}:
        assert torch.equal(state[name], state_[name]), name


def test_wide_gaussians_are_split_and_removed_while_the_size_in_the_picture_counts():
    radii = torch.linspace(0.0, 0.4, COUNT)
    for step, wide in ((8, True), (12, False)):
        params = parameters()
        strategy, state = make_strategy(
            config("default", reset_every=5, prune_opacity=0.0, prune_scale3d=1e9, screen_size_stop=10)
        )
        state |= {"grad2d": torch.zeros(COUNT), "count": torch.ones(COUNT), "radii": radii.clone()}
        optimizers = optimizers_with_moments(params)
        large = int((radii > 0.05).sum())
        assert strategy._grow_gs(params, optimizers, state, step) == (0, large if wide else 0)
        state["radii"] = torch.linspace(0.0, 0.4, len(params["means"]))
        assert strategy._prune_gs(params, optimizers, state, step) == (
            int((torch.linspace(0.0, 0.4, COUNT + large) > 0.15).sum()) if wide else 0
        )


def test_the_bound_holds_for_wide_gaussians_too():
    params = parameters()
    strategy, state = make_strategy(config("default", max_gaussians=COUNT + 3, screen_size_stop=10))
    state |= {"grad2d": torch.ones(COUNT), "count": torch.ones(COUNT), "radii": torch.ones(COUNT)}
    strategy._grow_gs(params, optimizers_with_moments(params), state, 2)
    assert len(params["means"]) == COUNT + 3


def test_nothing_is_added_or_removed_until_every_view_was_seen_after_a_reset():
    strategy, _ = make_strategy(StrategyConfig(pause_after_reset=None, refine_every=100), views=41)
    assert strategy.pause_refine_after_reset == 141


def test_where_room_is_short_the_most_wanting_grow():
    params = parameters()
    with torch.no_grad():
        params["scales"].fill_(math.log(1e-3))  # small ones are cloned, which leaves the original where it is
    strategy, state = make_strategy(config("default", max_gaussians=COUNT + 3))
    wanting = torch.rand(COUNT, generator=torch.Generator().manual_seed(0)) + 1.0
    state |= {"grad2d": wanting.clone(), "count": torch.ones(COUNT)}
    means = params["means"].detach().clone()
    strategy._grow_gs(params, optimizers_with_moments(params), state, step=2)
    added = params["means"][COUNT:].detach()
    assert torch.equal(added, means[wanting.argsort(descending=True)[:3].sort().values])


def optimizers_with_moments(params: nn.ParameterDict) -> dict[str, torch.optim.Optimizer]:
    optimizers = optimizers_of(params)
    for name, optimizer in optimizers.items():
        params[name].grad = torch.zeros_like(params[name])
        optimizer.step()
    return optimizers


def test_nothing_happens_at_step_zero():
    params = parameters()
    before = {name: value.detach().clone() for name, value in params.items()}
    strategy, state = make_strategy(config("default", refine_start=-1, refine_every=1, reset_every=1))
    held = dict(params)
    picture, info = draw(params)
    picture.square().mean().backward()
    strategy.step_post_backward(params, optimizers_with_moments(params), state, 0, info)
    for name, value in params.items():
        assert value is held[name]
        assert torch.equal(value, before[name]), name


def test_faint_gaussians_are_removed_and_others_left_as_they_are():
    params = parameters()
    before = {name: value.detach().clone() for name, value in params.items()}
    strategy, state = make_strategy(config("default", prune_opacity=0.7))
    state |= {"grad2d": torch.zeros(COUNT), "count": torch.ones(COUNT)}
    kept = before["opacities"].sigmoid()[:, 0] >= 0.7
    assert 0 < kept.sum() < COUNT
    assert strategy._prune_gs(params, optimizers_with_moments(params), state, 2) == int((~kept).sum())
    for name, value in params.items():
        assert torch.equal(value, before[name][kept]), name


@pytest.mark.parametrize("kind", ["default", "mcmc"])
def test_what_is_frozen_stays_bit_by_bit(kind):
    torch.manual_seed(0)
    params = parameters()
    optimizers = optimizers_of(params)
    strategy, state = make_strategy(config(kind, reset_every=3))
    frozen = torch.arange(COUNT) % 2 == 0
    state["frozen"] = frozen.clone()
    before = {name: value.detach()[frozen].clone() for name, value in params.items()}
    more = {"lr": 1e-3} if kind == "mcmc" else {}
    for step in range(1, 8):
        picture, info = draw(params)
        picture.square().mean().backward()
        for name, optimizer in optimizers.items():
            params[name].grad[state["frozen"]] = 0.0
            optimizer.step()
            optimizer.zero_grad()
        strategy.step_post_backward(params, optimizers, state, step, info, **more)
    assert len(state["frozen"]) == len(params["means"]) != COUNT
    for name, value in params.items():
        assert torch.equal(value[state["frozen"]], before[name]), name


# relocation


def test_one_copy_is_the_original():
    opacities, scales = torch.tensor([0.01, 0.5, 0.99]), torch.rand(3, 3) + 0.1
    same, sizes = relocation(opacities, scales, torch.ones(3))
    torch.testing.assert_close(same, opacities)
    torch.testing.assert_close(sizes, scales)


@pytest.mark.parametrize("copies", [2, 3, 10, 51])
def test_copies_at_one_place_let_through_as_much_light(copies):
    opacities = torch.linspace(0.02, 0.98, 9, dtype=torch.float64)
    new, _ = relocation(opacities, torch.ones(9, 3, dtype=torch.float64), torch.full((9,), copies))
    torch.testing.assert_close((1 - new) ** copies, 1 - opacities)


@pytest.mark.parametrize("copies", [2, 3, 6])
def test_copies_hold_as_much_light_along_a_line(copies):
    """The scale is such that the integral of 1 - (1 - o' exp(-x^2 / 2 s'^2))^N is that of o exp(-x^2 / 2 s^2)."""
    opacities = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
    new, sizes = relocation(opacities, torch.ones(3, 3, dtype=torch.float64), torch.full((3,), copies))
    x = torch.linspace(-12, 12, 20_001, dtype=torch.float64)[:, None]
    together = 1 - (1 - new * torch.exp(-(x**2) / (2 * sizes[:, 0] ** 2))) ** copies
    one = opacities * torch.exp(-(x**2) / 2)
    torch.testing.assert_close(torch.trapezoid(together, x, dim=0), torch.trapezoid(one, x, dim=0), rtol=1e-6, atol=0)


def test_more_copies_than_the_papers_code_allows_count_as_so_many():
    opacities, scales = torch.tensor([0.5]), torch.ones(1, 3)
    limited, at_limit = (relocation(opacities, scales, torch.tensor([n])) for n in (1000, 51))
    torch.testing.assert_close(limited, at_limit)


def test_a_relocated_gaussian_looks_as_before():
    """Along a line through a wide Gaussian's picture the light is kept, and so, nearly, is every pixel."""
    K = torch.tensor([[[200.0, 0.0, 32.0], [0.0, 200.0, 32.0], [0.0, 0.0, 1.0]]])

    def picture(opacity: torch.Tensor, scales: torch.Tensor, copies: int) -> torch.Tensor:
        means = torch.tensor([[0.0, 0.0, 4.0]]).repeat(copies, 1)
        quats, colors = torch.tensor([[1.0, 0, 0, 0]]).repeat(copies, 1), torch.ones(copies, 1)
        drawn, _, _ = rasterization(
            means, quats, scales.repeat(copies, 1), opacity.repeat(copies), colors, torch.eye(4)[None], K, 64, 64
        )
        return drawn[0, ..., 0]

    opacity, scales = torch.tensor([0.7]), torch.tensor([[0.12, 0.2, 0.12]])
    one = picture(opacity, scales, 1)
    new = relocation(opacity, scales, torch.tensor([3]))
    three = picture(*new, 3)
    naive = picture(new[0], scales, 3)
    assert (one - three).abs().max() <= 0.06
    assert abs(three[32].sum() / one[32].sum() - 1) <= 0.02
    assert abs(naive[32].sum() / one[32].sum() - 1) > 0.05  # it is the scale that keeps the light


def test_dead_gaussians_move_onto_living_ones_and_the_picture_stays():
    torch.manual_seed(0)
    params = parameters()
    with torch.no_grad():
        params["opacities"][::5] = -9.0
        params["scales"].clamp_(max=-3.5)
    before, _ = draw(params)
    strategy, state = make_strategy(config("mcmc", max_gaussians=COUNT, prune_opacity=0.005))
    optimizers = optimizers_with_moments(params)
    assert strategy._relocate_gs(params, optimizers, state) == COUNT // 5
    assert len(params["means"]) == COUNT
    assert (params["opacities"].sigmoid() > 0.005).all()
    alive = torch.arange(COUNT) % 5 != 0
    places = (params["means"][~alive][:, None] == params["means"][alive]).all(-1)
    assert places.any(1).all()
    after, _ = draw(params)
    assert (after - before).abs().mean() <= 0.1 * before.mean()


# configuration


@pytest.mark.parametrize("name", ["refine_every", "reset_every", "max_gaussians"])
def test_impossible_settings_are_refused(name):
    with pytest.raises(ConfigError, match=name.replace("_", "-")):
        make_strategy(replace(StrategyConfig(), **{name: 0}))


def test_no_strategy_and_no_regularization():
    assert make_strategy(StrategyConfig(kind="none")) == (None, {})
    assert StrategyConfig(kind="default").regularization(parameters()) == {}


def test_mcmc_pulls_opacities_and_scales_down():
    params = parameters()
    losses = StrategyConfig(kind="mcmc", opacity_reg=0.5, scale_reg=0.25).regularization(params)
    torch.testing.assert_close(losses["opacity_reg"], 0.5 * params["opacities"].sigmoid().mean())
    torch.testing.assert_close(losses["scale_reg"], 0.25 * params["scales"].exp().mean())
