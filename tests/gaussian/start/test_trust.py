"""Whether a capture's own points are noticed where they are not those of its pictures."""

from __future__ import annotations

import pytest
import torch

from gaussian.start.trust import why_not_to_be_used

from .balls import RADIUS, textured


def true_points(count: int = 600) -> torch.Tensor:
    points = torch.randn(count, 3, generator=torch.Generator().manual_seed(0))
    return RADIUS * points / points.norm(dim=-1, keepdim=True)


def test_a_captures_own_points_are_used_where_they_lie_on_what_it_shows(textured_ball):
    points = true_points()
    colors = torch.from_numpy(textured((points / RADIUS).double().numpy())).clamp(0, 1).float()
    assert why_not_to_be_used(points, colors, *textured_ball) is None
    assert why_not_to_be_used(points, torch.full_like(colors, 0.5), *textured_ball) is None  # they have none
    wrong = colors[torch.randperm(len(colors), generator=torch.Generator().manual_seed(2))]
    assert "do not bear out" in why_not_to_be_used(points, wrong, *textured_ball)


@pytest.mark.parametrize(
    ("points", "told"),
    [
        (true_points(3), "only 3 sparse points"),
        (true_points() + torch.tensor([0.0, 0.0, 50.0]), "do not see"),
        (true_points() * 1e6, "too far away"),
        ((torch.rand(600, 3, generator=torch.Generator().manual_seed(1)) - 0.5) * 1.1, "do not bear out"),
        (true_points() * 0.3, "do not bear out"),
    ],
    ids=["three", "above all cameras", "far away", "of no scene", "of a smaller scene"],
)
def test_points_that_say_nothing_of_the_scene_are_noticed(textured_ball, points, told):
    assert told in why_not_to_be_used(points, torch.full_like(points, 0.5), *textured_ball)
