"""The training loop: it learns, and a run that was killed goes on as if it had not been."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from editor3d.errors import ConfigError
from lab.training.loop import Stage, fit, learning_rate, load_average

STAGE = Stage("toy", steps=30, learning_rate=0.05, warmup=3, report_every=5, save_seconds=0.0)


class Killed(Exception):
    pass


def make():
    torch.manual_seed(0)
    return nn.Conv2d(2, 1, 3, padding=1).to(memory_format=torch.channels_last)


def loss_of(module, die_at=None):
    calls = [0]

    def loss(generator):
        if calls[0] == die_at:
            raise Killed
        calls[0] += 1
        x = torch.randn(4, 2, 5, 5, generator=generator)
        return {"error": (module(x) - x.sum(1, keepdim=True)).square().mean()}

    return loss


def quiet(line):
    pass


def test_the_loss_falls_and_the_curve_says_so(tmp_path):
    module = make()
    progress = fit(STAGE, {"toy": module}, loss_of(module), tmp_path / "toy.safetensors", quiet)
    errors = [point["error"] for point in progress.curve]
    assert [point["step"] for point in progress.curve] == [5, 10, 15, 20, 25, 30]
    assert errors[-1] < 0.2 * errors[0]


@pytest.mark.parametrize("die_at", [5, 12, 29])
def test_a_killed_run_ends_like_an_uninterrupted_one(tmp_path, die_at):
    module = make()
    whole = fit(STAGE, {"toy": module}, loss_of(module), tmp_path / "whole.safetensors", quiet)
    killed = make()
    with pytest.raises(Killed):
        fit(STAGE, {"toy": killed}, loss_of(killed, die_at), tmp_path / "killed.safetensors", quiet)
    torch.manual_seed(99)
    again = nn.Conv2d(2, 1, 3, padding=1).to(memory_format=torch.channels_last)
    resumed = fit(STAGE, {"toy": again}, loss_of(again), tmp_path / "killed.safetensors", quiet)
    assert again.weight.equal(module.weight)
    assert again.bias.equal(module.bias)
    assert [p["error"] for p in resumed.curve] == [p["error"] for p in whole.curve]


def test_a_finished_run_is_not_trained_further(tmp_path):
    module = make()
    fit(STAGE, {"toy": module}, loss_of(module), tmp_path / "toy.safetensors", quiet)
    again = make()
    fit(STAGE, {"toy": again}, loss_of(again, die_at=0), tmp_path / "toy.safetensors", quiet)
    assert again.weight.equal(module.weight)


def test_more_steps_go_on_from_where_a_run_stood(tmp_path):
    module = make()
    fit(STAGE, {"toy": module}, loss_of(module), tmp_path / "toy.safetensors", quiet)
    progress = fit(replace(STAGE, steps=40), {"toy": module}, loss_of(module), tmp_path / "toy.safetensors", quiet)
    assert progress.step == 40


def test_what_is_kept_is_the_average_of_the_weights(tmp_path):
    module = make()
    seen = []

    def loss(generator):
        seen.append(module.weight.detach().clone())
        return loss_of(module)(generator)

    fit(replace(STAGE, steps=4), {"toy": module}, loss, tmp_path / "toy.safetensors", quiet)
    others = make()
    load_average(tmp_path / "toy.safetensors", {"toy": others})
    assert others.weight.equal(module.weight)
    # after the warm-up of the average, one decay for each step: 1/10, 2/11, 3/12, 4/13 of the older value stay
    from safetensors.torch import load_file

    last = load_file(tmp_path / "toy.safetensors")["weight/toy.weight"]
    average = seen[0]
    for step, weight in enumerate([*seen[1:], last]):
        decay = (1 + step) / (10 + step)
        average = decay * average + (1 - decay) * weight
    torch.testing.assert_close(module.weight.detach(), average)


def test_a_checkpoint_of_other_modules_is_refused(tmp_path):
    module = make()
    fit(replace(STAGE, steps=1), {"toy": module}, loss_of(module), tmp_path / "toy.safetensors", quiet)
    with pytest.raises(ConfigError, match="must hold toy.weight"):
        load_average(tmp_path / "toy.safetensors", {"toy": nn.Conv2d(3, 1, 3)})


def test_the_learning_rate_rises_stays_and_falls():
    stage = Stage("any", steps=100, learning_rate=1.0, warmup=10, decay_share=0.25)
    rates = [learning_rate(stage, step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9:75] == [1.0] * 66
    assert all(a > b for a, b in zip(rates[75:], rates[76:], strict=False))
    assert rates[-1] == pytest.approx(0.04)
