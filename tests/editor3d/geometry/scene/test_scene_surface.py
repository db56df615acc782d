"""The geometry that editors get: what the views of a ball on a floor know together."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor

from editor3d.editors.procedural.basis.surface import Surface
from editor3d.errors import DataError
from editor3d.geometry.camera import Camera
from editor3d.geometry.scene.scene_surface import SceneSurface, SeenView
from editor3d.geometry.surface import SeenSurface
from editor3d.types import ViewGeometry
from tests.editor3d.geometry.room import BALL, RADIUS, cast, looking, painted

PLACES = [(2.2, 0.0, 1.4), (0.0, 2.2, 1.2), (-2.2, 0.3, 1.6), (0.2, -2.2, 1.3), (1.6, 1.5, 2.0)]
UP = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
TURN = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))[0]


def on_ball(camera: Camera) -> Tensor:
    points = camera.points_along(cast(camera))
    return ((points - torch.tensor(BALL)).norm(dim=-1) < RADIUS + 1e-6) & (cast(camera) > 0)


@cache
def fused(noise: float = 0.0, scale: float = 1.0, turn: Tensor | None = None) -> SceneSurface:
    """The room's surface, of distances with relative noise; the whole room scaled and turned."""

    def seen(index: int) -> SeenView:
        camera = looking(PLACES[index], side=64)
        chance = torch.randn(64, 64, generator=torch.Generator().manual_seed(index))
        distance = cast(camera) * (1.0 + noise * chance) * scale
        picture = painted(camera.points_along(cast(camera)))
        return SeenView(
            SeenSurface.of_distance(moved(camera, scale, turn), distance), picture, {"ball": on_ball(camera)}
        )

    return SceneSurface.of(len(PLACES), seen, UP if turn is None else turn @ UP)


def moved(camera: Camera, scale: float, turn: Tensor | None) -> Camera:
    turn = torch.eye(3, dtype=torch.float64) if turn is None else turn
    pose = turn @ camera.c2w
    pose[:, 3] *= scale
    return replace(camera, c2w=pose)


@pytest.fixture(scope="module")
def room() -> SceneSurface:
    return fused()


def shown(surface: SceneSurface, noise: float = 0.0) -> tuple[Camera, ViewGeometry]:
    """A view that was not fused."""
    camera = looking((1.8, -1.2, 1.5), side=160)
    chance = torch.randn(160, 160, generator=torch.Generator().manual_seed(9))
    return camera, surface.view(camera, (cast(camera) * (1.0 + noise * chance)).float())


@pytest.mark.parametrize(("noise", "degrees"), [(0.0, 4.0), (0.005, 12.0)])
def test_normals_are_those_of_the_surface_though_depth_is_noisy(noise: float, degrees: float) -> None:
    camera, geometry = shown(fused(noise), noise)
    true = torch.nn.functional.normalize(camera.points_along(cast(camera)) - torch.tensor(BALL), dim=-1)
    ball = on_ball(camera)
    assert geometry.normals is not None
    assert geometry.concavity is not None
    off = torch.rad2deg(torch.acos((geometry.normals.double() * true).sum(-1).clamp(-1, 1)))
    assert float(off[ball].median()) < degrees
    floor = ~ball & (cast(camera) > 0)
    assert float(torch.rad2deg(torch.acos(geometry.normals[floor][:, 2].clamp(-1, 1))).median()) < degrees
    assert bool((geometry.normals[cast(camera) == 0] == 0).all())


def test_depth_is_smoothed_along_the_surface() -> None:
    noise = 0.005
    camera, geometry = shown(fused(noise), noise)
    ball = on_ball(camera)
    error = (geometry.depth - cast(camera)).abs() / cast(camera)
    assert float(error[ball].median()) < 0.5 * noise * 0.6745  # half of what the noise alone would leave


def test_the_foot_of_the_ball_is_a_crevice_and_its_top_is_none(room: SceneSurface) -> None:
    camera, geometry = shown(room)
    height, ball = camera.points_along(cast(camera))[..., 2], on_ball(camera)
    away = (camera.points_along(cast(camera))[..., :2]).norm(dim=-1)
    assert geometry.concavity is not None
    foot = ~ball & (away < 0.12) & (cast(camera) > 0)
    assert not foot.any() or float(geometry.concavity[foot].median()) > 0.05
    assert float(geometry.concavity[ball & (height > 0.8)].median()) < 0.0


def test_brightness_is_what_all_views_show_together_without_what_one_shows_alone() -> None:
    def seen(index: int) -> SeenView:
        camera = looking(PLACES[index], side=64)
        picture = torch.full((64, 64, 3), 0.3 + 0.1 * index)  # as if highlights went with the eye
        picture[::2] += 0.1  # texture
        return SeenView(SeenSurface.of_distance(camera, cast(camera)), picture)

    camera, geometry = shown(SceneSurface.of(len(PLACES), seen, UP))
    assert geometry.brightness is not None
    near = (cast(camera) > 0) & (camera.points_along(cast(camera)).norm(dim=-1) < 1.2)  # what all of them see
    known = near & (geometry.brightness > 0)
    assert int(known.sum()) > 0.9 * int(near.sum())
    inside = geometry.brightness[known]
    assert abs(float(inside.median()) - 0.55) < 0.06
    assert float(inside.min()) > 0.3
    assert float(inside.max()) < 0.85
    ball = on_ball(camera) & known
    both = ball[1:] & ball[:-1]
    steps = (geometry.brightness[1:] - geometry.brightness[:-1]).abs()[both]
    assert float(steps.median()) < 0.01


def test_an_object_has_its_own_frame(room: SceneSurface) -> None:
    ball = room.frames["ball"]
    assert torch.allclose(ball.center, torch.tensor(BALL).double(), atol=0.2)  # its underside is not seen
    assert ball.radius == pytest.approx(RADIUS, rel=0.1)
    assert torch.allclose(ball.axes @ ball.axes.T, torch.eye(3, dtype=torch.float64), atol=1e-12)
    assert float(torch.linalg.det(ball.axes)) == pytest.approx(1.0)
    assert float(ball.turned(UP)[2]) == pytest.approx(1.0)


@pytest.mark.parametrize(("scale", "turn"), [(100.0, None), (0.01, TURN * torch.linalg.det(TURN))])
def test_scaling_or_turning_the_scene_changes_nothing_but_rounding(
    room: SceneSurface, scale: float, turn: Tensor | None
) -> None:
    camera, geometry = shown(room)
    other = fused(scale=scale, turn=turn)
    same = other.view(moved(camera, scale, turn), (cast(camera) * scale).float())
    one, two = Surface.of(geometry, room.frames["ball"]), Surface.of(same, other.frames["ball"])
    assert one is not None
    assert two is not None
    ball = on_ball(camera)
    assert float((one.points - two.points)[ball].abs().median()) < 1e-4
    assert float((one.normals - two.normals)[ball].abs().median()) < 1e-3
    assert float((one.footprint - two.footprint)[ball].abs().max()) < 1e-3


def test_a_surface_is_read_as_it_was_written(room: SceneSurface, tmp_path: Path) -> None:
    room.write(tmp_path / "surface")
    again = SceneSurface.read(tmp_path / "surface")
    one, two = shown(room)[1], shown(again)[1]
    assert one.normals is not None
    assert two.normals is not None
    assert torch.equal(one.normals, two.normals)
    assert torch.equal(one.depth, two.depth)
    assert again.frames.keys() == room.frames.keys()
    (tmp_path / "surface").write_bytes(b"no surface")
    with pytest.raises(DataError, match="delete it"):
        SceneSurface.read(tmp_path / "surface")
