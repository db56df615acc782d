"""Strengths are bit-equal at the ends; stacks of edits of different parts come apart and together again."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from editor3d.errors import ConfigError
from gaussian.change.mix import mixed, restacked
from gaussian.splats import Splats, concatenate, select


def equal(one: Splats, other: Splats) -> bool:
    return all(torch.equal(values, other.tensors[name]) for name, values in one.tensors.items())


def painted(splats: Splats, which: torch.Tensor, by: float) -> Splats:
    sh = splats.sh.clone()
    sh[which, 0] += by
    return replace(splats, sh=sh)


def as_set(splats: Splats) -> set[tuple[float, ...]]:
    return {tuple(row) for row in torch.cat([v.reshape(len(splats), -1) for v in splats.tensors.values()], 1).tolist()}


def test_the_ends_are_bit_equal_and_the_middle_lies_between(ball):
    edit = replace(painted(ball, ball.means[:, 0] > 0, 0.5), quats=-ball.quats)
    assert equal(mixed(ball, edit, 0), ball)
    assert equal(mixed(ball, edit, 1), edit)
    half = mixed(ball, edit, 0.5)
    assert torch.allclose(half.sh, (ball.sh + edit.sh) / 2)
    along = (half.quats * torch.nn.functional.normalize(ball.quats, dim=1)).sum(1).abs()
    assert torch.allclose(along, torch.ones(len(ball)), atol=1e-6)
    more = mixed(ball, edit, 1.25)
    assert torch.allclose(more.sh - ball.sh, 1.25 * (edit.sh - ball.sh), atol=1e-6)
    untouched = ball.means[:, 0] <= 0
    assert torch.equal(half.sh[untouched], ball.sh[untouched])


def test_what_an_edit_takes_away_or_makes_fades(ball):
    gone, n = torch.arange(len(ball)) < 50, len(ball)
    new = replace(select(ball, gone), means=ball.means[gone] + 1)
    edit = concatenate([select(ball, ~gone), new])
    half = mixed(ball, edit, 0.5)
    assert len(half) == n + 50
    assert equal(select(half, torch.arange(n - 50)), select(ball, ~gone))
    fading = half.opacities[n - 50 : n].double()
    assert torch.allclose((1 - fading) ** 2, 1 - ball.opacities[gone].double(), atol=1e-5)
    assert equal(mixed(ball, edit, 0.0), ball)
    assert equal(mixed(ball, edit, 1.0), edit)
    with pytest.raises(ConfigError, match="0 to 1"):
        mixed(ball, edit, 1.2)


@pytest.mark.parametrize("strength", [-0.6, 1.6, float("nan")])
def test_strengths_far_beyond_are_refused(ball, strength):
    with pytest.raises(ConfigError, match=r"-0\.5 to 1\.5"):
        mixed(ball, ball, strength)


def test_edits_of_different_parts_are_left_out_and_reordered(ball):
    left, right = ball.means[:, 0] < -0.1, ball.means[:, 0] > 0.1
    first = painted(ball, left, 0.3)
    second = painted(first, right, -0.2)
    scenes = [ball, first, second]
    assert equal(restacked(scenes, [1, 2]), second)
    assert equal(restacked(scenes, [1]), first)
    assert equal(restacked(scenes, []), ball)
    assert as_set(restacked(scenes, [2])) == as_set(painted(ball, right, -0.2))
    assert as_set(restacked(scenes, [2, 1])) == as_set(second)


def test_edits_of_the_same_part_are_not_taken_apart(ball):
    all_of_it = torch.ones(len(ball), dtype=torch.bool)
    first = painted(ball, all_of_it, 0.3)
    scenes = [ball, first, painted(first, all_of_it, 0.1)]
    assert equal(restacked(scenes, [1]), first)
    with pytest.raises(ConfigError, match="edit 2 changes what an earlier one made"):
        restacked(scenes, [2])
