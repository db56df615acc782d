"""Planted floaters, needles and fog are found, and little else; thinning out costs less than leaving out."""

from __future__ import annotations

import pytest
import torch

from editor3d.errors import ConfigError
from gaussian.change import stray
from gaussian.change.decimate import decimated
from gaussian.draw.selection import PosedPinhole
from gaussian.raster.rasterize import rasterization
from gaussian.splats import Splats, concatenate

K = torch.tensor([[60.0, 0, 32], [0, 60, 32], [0, 0, 1]])


@pytest.fixture
def cameras() -> list[PosedPinhole]:
    """Eight round the ball, looking a little down."""
    found = []
    for angle in torch.linspace(0, 6.283, 9)[:-1]:
        eye = torch.tensor([3 * angle.cos(), 3 * angle.sin(), 1.2])
        away = torch.nn.functional.normalize(-eye, dim=0)
        right = torch.nn.functional.normalize(torch.linalg.cross(away, torch.tensor([0.0, 0, 1])), dim=0)
        rotation = torch.stack([right, torch.linalg.cross(away, right), away])
        viewmat = torch.eye(4)
        viewmat[:3, :3], viewmat[:3, 3] = rotation, -rotation @ eye
        found.append(PosedPinhole(viewmat, K, 64, 64))
    return found


def few(*places: tuple[float, float, float], scale: float = -3.2) -> Splats:
    n = len(places)
    return Splats(
        torch.tensor(places), torch.full((n, 3), scale), torch.tensor([[1.0, 0, 0, 0]]).repeat(n, 1),
        torch.full((n,), 1.0), torch.zeros(n, 16, 3),
    )  # fmt: skip


def test_floaters_are_found_and_surfaces_stay(ball, cameras):
    planted = few((1.2, 0.3, 0.6), (1.22, 0.3, 0.6), (-0.9, 1.1, 0.7), (0.2, -1.3, 0.8), (0.3, 0.2, 1.1))
    found = stray.floaters(concatenate([ball, planted]), cameras)
    assert found[len(ball) :].all()
    assert found[: len(ball)].float().mean() <= 0.005


def test_a_scene_without_floaters_keeps_all(ball, cameras):
    assert stray.floaters(ball, cameras).float().mean() <= 0.005


def test_needles_fog_and_background(ball, cameras):
    eye = torch.linalg.inv(cameras[0].viewmat)[:3, 3]
    planted = few(tuple((0.95 * eye).tolist()), (0.0, 0.0, 40.0), (0.0, 0.9, 0.2))
    scales = planted.log_scales.clone()
    scales[2] = torch.tensor([-0.5, -6.0, -6.0])
    planted = Splats(planted.means, scales, *list(planted.tensors.values())[2:])
    both, n = concatenate([ball, planted]), len(ball)
    assert stray.fog(both, cameras).nonzero().flatten().tolist() == [n]
    assert stray.background(both, cameras, 3.0).nonzero().flatten().tolist() == [n + 1]
    assert stray.needles(both, 3.0).nonzero().flatten().tolist() == [n + 2]


def test_merging_costs_less_than_leaving_out(ball, cameras):
    generator = torch.Generator().manual_seed(1)
    twice = concatenate([ball, Splats(ball.means + 0.01, *list(ball.tensors.values())[1:])])
    thin = decimated(twice, len(ball))
    assert len(thin) == len(ball)
    kept = torch.randperm(len(twice), generator=generator)[: len(ball)]
    left = Splats(*(values[kept] for values in twice.tensors.values()))

    def error(splats: Splats) -> float:
        pictures = []
        for one in (twice, splats):
            args = (one.means, one.quats, one.scales, one.opacities, one.sh)
            view = cameras[0]
            pictures.append(rasterization(*args, view.viewmat[None], view.K[None], 64, 64, sh_degree=3)[0])
        return float((pictures[0] - pictures[1]).square().mean())

    assert error(thin) < 0.5 * error(left)
    assert decimated(ball, len(ball)) is ball
    with pytest.raises(ConfigError, match="to be left"):
        decimated(ball, 0)
