"""What samples show of a change is carried over: by colour everywhere, by place where it was seen."""

from __future__ import annotations

import torch

from editor3d.update.color_change import ColorChange


def samples(count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, generator=generator), torch.rand(count, 3, generator=generator)


def curve(colors: torch.Tensor) -> torch.Tensor:
    return colors.pow(0.5).flip(-1)


def test_a_change_by_colour_holds_where_nothing_was_seen():
    points, colors = samples(4000)
    seen = ColorChange.of(points, colors, curve(colors) - colors, torch.ones(4000))
    elsewhere, others = samples(500, seed=1)
    found = others + seen(elsewhere + 20.0, others)
    assert (curve(others) - others).abs().mean() > 0.2
    assert (found - curve(others)).abs().mean() < 0.02


def test_a_change_in_one_place_stays_there():
    points, colors = samples(6000)
    colored = torch.tensor([0.4, -0.2, 0.0])
    change = (points[:, :1] > 0.3).float() * colored
    seen = ColorChange.of(points, colors, change, torch.ones(6000))
    others = samples(500, seed=1)[1]
    there, away = (seen(torch.tensor([x, 0.0, 0.0]).expand(500, 3), others) for x in (1.2, -1.2))
    assert (there - colored).abs().mean() < 0.05
    assert away.abs().mean() < 0.05


def test_no_change_is_no_change():
    points, colors = samples(300)
    seen = ColorChange.of(points, colors, torch.zeros(300, 3), torch.ones(300))
    assert not seen(*samples(50, seed=1)).any()


def test_what_weighs_nothing_says_nothing():
    points, colors = samples(2000)
    change = torch.full((2000, 3), 0.1)
    wrong = torch.arange(2000) % 2 == 1
    change[wrong] = -0.9
    seen = ColorChange.of(points, colors, change, (~wrong).float())
    torch.testing.assert_close(seen(points, colors), torch.full((2000, 3), 0.1), atol=1e-3, rtol=0.0)


def test_one_sample_is_enough():
    seen = ColorChange.of(torch.zeros(1, 3), torch.full((1, 3), 0.5), torch.full((1, 3), 0.2), torch.ones(1))
    torch.testing.assert_close(
        seen(torch.zeros(1, 3), torch.full((1, 3), 0.5)), torch.full((1, 3), 0.2), atol=0.01, rtol=0
    )
