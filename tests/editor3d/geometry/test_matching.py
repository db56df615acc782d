"""Where views see the same, and pictures warped by that: exact surfaces, hidden ones, lenses, and other units."""

from __future__ import annotations

import math

import pytest
import torch

from editor3d.geometry.camera import Camera
from editor3d.geometry.matching import matches, warp
from editor3d.geometry.surface import SeenSurface

from .room import BALL, LENSES, RADIUS, cast, looking, painted, seen

HERE, ASIDE, BEYOND = (2.5, 0.3, 1.3), (2.1, 1.4, 1.5), (-2.4, -0.5, 1.4)


def db(a: torch.Tensor, b: torch.Tensor, where: torch.Tensor) -> float:
    return -10 * math.log10((a - b)[where].double().square().mean().item())


@pytest.mark.parametrize("kind", LENSES)
@pytest.mark.parametrize("ball", [False, True])
def test_a_warped_texture_is_that_of_the_target(kind, ball):
    target, source = seen(looking(HERE, kind=kind), ball), seen(looking(ASIDE, kind="pinhole"), ball)
    for one, other in ((target, source), (source, target)):
        match = matches(one, other)
        assert match.share > 0.4
        warped = warp(painted(other.points), match)
        assert db(warped, painted(one.points), match.weight > 0) >= 40


@pytest.mark.parametrize("kind", LENSES)
def test_the_warp_to_the_same_view_is_exact(kind):
    surface = seen(looking(HERE, kind=kind))
    match = matches(surface, surface)
    picture = torch.rand(96, 96, 3, generator=torch.Generator().manual_seed(0))
    where = match.weight > 0
    assert where.float().mean() > 0.6
    assert torch.equal(warp(picture, match)[where], picture[where])
    square = where & (surface.cosine > 0.3)
    assert torch.allclose(match.weight[square], surface.cosine[square], atol=0.02)


def test_what_something_hides_has_no_weight():
    target, source = seen(looking(HERE), ball=False), seen(looking(BEYOND), ball=True)
    match = matches(target, source)
    offset = torch.tensor(BALL).double() - source.camera.origin
    rays = torch.nn.functional.normalize(target.points - source.camera.origin, dim=-1)
    hidden = target.valid & ((rays @ offset) ** 2 > offset.square().sum() - RADIUS**2)
    assert hidden.float().mean() > 0.05
    assert (match.weight[hidden] == 0).all()
    without = matches(target, seen(looking(BEYOND), ball=False))
    assert (without.weight[hidden] > 0).float().mean() > 0.5


def test_what_is_behind_outside_or_grazed_has_no_weight():
    target = seen(looking(HERE), ball=False)
    away = SeenSurface.of_distance(looking((2.5, 0.3, 1.3), at=(9.0, 0.3, 0.5)), torch.ones(96, 96))
    assert matches(target, away).share == 0
    low = looking((3.0, 0.0, 0.05), at=(0.0, 0.0, 0.0))
    grazing = matches(target, seen(low, ball=False))
    cosine = (0.05 / (target.points - low.origin).norm(dim=-1))[grazing.weight > 0]
    assert not len(cosine) or cosine.min() > 0.11


def test_the_far_side_of_a_thin_plate_is_another_surface():
    above, below = looking((0.1, 0.0, 2.0), at=(0.0, 0.0, 0.0)), looking((0.1, 0.0, -2.0), at=(0.0, 0.0, 0.0))
    surfaces = []
    for camera, height in ((above, 0.005), (below, -0.005)):
        rays = camera.lens.directions().double() @ camera.c2w[:, :3].T
        surfaces.append(SeenSurface.of_distance(camera, ((height - camera.origin[2]) / rays[:, 2]).view(96, 96)))
    assert matches(*surfaces).share == 0


def test_depth_edges_of_the_source_are_not_drawn_on():
    source, target = seen(looking(HERE)), seen(looking(ASIDE))
    silhouette = source.edges & source.valid
    assert 0 < silhouette.float().mean() < 0.2
    match = matches(target, source)
    nearest = (match.pixels.long().clamp(0, 95))[match.weight > 0]
    assert not source.edges[nearest[:, 1], nearest[:, 0]].any()


@pytest.mark.parametrize("scale", [100.0, 0.01])
def test_units_and_the_frame_do_not_matter(scale):
    angle = torch.tensor(0.7, dtype=torch.float64)
    turn = torch.tensor([[angle.cos(), -angle.sin(), 0], [angle.sin(), angle.cos(), 0], [0, 0, 1.0]]).double()
    shift = torch.tensor([3.0, -20.0, 7.0]).double()

    def moved(surface: SeenSurface) -> SeenSurface:
        pose = torch.cat(
            [turn @ surface.camera.c2w[:, :3], scale * (turn @ surface.camera.c2w[:, 3:] + shift[:, None])], 1
        )
        return SeenSurface.of_distance(Camera(surface.camera.lens, pose), scale * cast(surface.camera))

    one, other = seen(looking(HERE)), seen(looking(ASIDE))
    match, same = matches(one, other), matches(moved(one), moved(other))
    both = (match.weight > 0) & (same.weight > 0)
    assert both.sum() >= 0.995 * max((match.weight > 0).sum(), (same.weight > 0).sum())
    assert torch.allclose(match.pixels[both], same.pixels[both], atol=1e-3)
    assert torch.allclose(match.weight[both], same.weight[both], atol=1e-3)


@pytest.mark.parametrize("kind", LENSES)
def test_normals_and_depths_are_those_of_the_plane(kind):
    surface = seen(looking(HERE, kind=kind), ball=False)
    up = surface.normals[surface.valid & (surface.cosine > 0.12)]
    assert torch.allclose(up, torch.tensor([0.0, 0.0, 1.0]).expand_as(up), atol=1e-3)
    again = SeenSurface.of_depth(surface.camera, surface.depth)
    assert torch.allclose(again.distance, surface.distance, rtol=1e-5)
    smaller = surface.reduced(32)
    inner = smaller.valid & (cast(smaller.camera, ball=False) > 0)
    off = (smaller.distance / cast(smaller.camera, ball=False) - 1)[inner].abs()
    assert off.max() < 0.2  # at the horizon
    assert off[smaller.cosine[inner] > 0.12].max() < 1e-3


def test_normals_of_a_ball_point_outwards_and_keep_its_edge():
    surface = seen(looking(HERE))
    on_ball = surface.valid & (surface.points[..., 2] > 0.05) & ~surface.edges & (surface.cosine > 0.3)
    outward = torch.nn.functional.normalize(surface.points - torch.tensor(BALL).double(), dim=-1)[on_ball].float()
    assert ((surface.normals[on_ball] * outward).sum(-1) > 0.99).float().mean() > 0.98


def test_a_distance_of_another_size_is_refused():
    with pytest.raises(ValueError, match="96x96"):
        SeenSurface.of_distance(looking(HERE), torch.ones(10, 10))
