"""What a scene of Gaussians starts from where the capture has no points, or wrong ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType

from gaussian.fit.matching import matched_points
from gaussian.fit.start import points_from_pictures, why_not_to_be_used

SIDE, RADIUS = 64, 0.4


@dataclass
class Pictures:
    """What of `TrainingPictures` is looked at."""

    all: list[torch.Tensor]
    views: list

    @property
    def widths(self) -> torch.Tensor:
        return torch.tensor([picture.shape[1] for picture in self.all])

    @property
    def heights(self) -> torch.Tensor:
        return torch.tensor([picture.shape[0] for picture in self.all])

    def __len__(self) -> int:
        return len(self.all)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.all[index]


def cameras_round(count: int, side: int = SIDE) -> Cameras:
    """Cameras on a circle of radius 1 that look at the origin, z up."""
    poses = []
    for index in range(count):
        angle = 2 * math.pi * index / count
        place = np.array([math.cos(angle), math.sin(angle), 0.3 * math.sin(3 * angle)])
        backward = place / np.linalg.norm(place)
        right = np.cross([0.0, 0.0, 1.0], backward)
        right /= np.linalg.norm(right)
        poses.append(np.stack([right, np.cross(backward, right), backward, place], -1))
    return Cameras(
        torch.from_numpy(np.stack(poses)).float(), float(side), float(side), side / 2, side / 2, side, side,
        camera_type=CameraType.PERSPECTIVE,
    )  # fmt: skip


def ball(cameras: Cameras, color: Callable[[np.ndarray], np.ndarray]) -> list[torch.Tensor]:
    """Pictures [H, W, 3] uint8 of a ball round the origin before black, coloured by the place on it [N, 3] in -1..1."""
    pictures = []
    for index in range(len(cameras)):
        c2w, side, focal = cameras.camera_to_worlds[index].double().numpy(), int(cameras.width[index]), float(
            cameras.fx[index]
        )  # fmt: skip
        x, y = np.meshgrid(np.arange(side) + 0.5 - side / 2, np.arange(side) + 0.5 - side / 2)
        rays = np.stack([x / focal, -y / focal, -np.ones_like(x)], -1) @ c2w[:, :3].T
        rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
        along = rays @ c2w[:, 3]
        inside = along**2 - (c2w[:, 3] @ c2w[:, 3] - RADIUS**2)
        hit = inside > 0
        where = (c2w[:, 3] + rays * (-along - np.sqrt(np.maximum(inside, 0)))[..., None]) / RADIUS
        picture = np.where(hit[..., None], color(where.reshape(-1, 3)).reshape(side, side, 3), 0.0)
        pictures.append(torch.from_numpy((picture.clip(0, 1) * 255).round().astype(np.uint8)))
    return pictures


def smooth(where: np.ndarray) -> np.ndarray:
    """Colours without anything distinct."""
    return 0.5 + 0.4 * where


def textured(where: np.ndarray) -> np.ndarray:
    """Colours that differ everywhere."""
    generator = np.random.default_rng(0)
    waves = [np.sin(where @ generator.normal(size=3) * 3 * 1.5**k + generator.uniform(0, 6)) for k in range(6)]
    return 0.5 + 0.12 * np.stack([sum(waves), waves[3] + 2 * waves[4], waves[2] - 2 * waves[5]], -1)


@pytest.fixture(scope="module")
def plain_ball(tmp_path_factory) -> tuple[object, Cameras]:
    """A ball without texture."""
    return _captured(tmp_path_factory, cameras_round(16), smooth)


@pytest.fixture(scope="module")
def textured_ball(tmp_path_factory) -> tuple[object, Cameras]:
    return _captured(tmp_path_factory, cameras_round(24, 160), textured)


def _captured(tmp_path_factory, cameras: Cameras, color) -> tuple[object, Cameras]:
    from PIL import Image

    from editor3d.plugin.train.pictures import TrainingPictures
    from editor3d.types import View

    folder, views = tmp_path_factory.mktemp("ball"), []
    for index, picture in enumerate(ball(cameras, color)):
        side = picture.shape[0]
        path = folder / f"view_{index:02d}.png"
        Image.fromarray(picture.numpy()).save(path)
        views.append(View(path.stem, path, "train", side, side, side, side, side / 2, side / 2, np.eye(4)[:3]))
    pictures = TrainingPictures(views, cameras)
    pictures.read_all()
    return pictures, cameras


def on_ball(points: torch.Tensor) -> torch.Tensor:
    """How far points are from the surface, in radii of the ball."""
    return (points.norm(dim=-1) / RADIUS - 1).abs()


def test_features_meet_on_the_surface_in_its_colours(textured_ball):
    points, colors = matched_points(*textured_ball)
    assert len(points) > 50
    distance = on_ball(points)
    assert distance.median() < 0.03
    assert (distance < 0.1).float().mean() > 0.7
    true = torch.from_numpy(textured((points / RADIUS).double().numpy())).clamp(0, 1)
    assert (colors - true).abs().median() < 0.1


def test_nothing_distinct_gives_no_points():
    cameras = cameras_round(4)
    flat = [torch.full((SIDE, SIDE, 3), 90, dtype=torch.uint8) for _ in range(4)]
    points, colors = matched_points(Pictures(flat, []), cameras)
    assert points.shape == colors.shape == (0, 3)


def test_a_scene_without_texture_starts_on_its_surface(plain_ball):
    start = points_from_pictures(*plain_ball, background=(0.0, 0.0, 0.0), steps=200)
    shown = start.colors.sum(1) > 0.3  # what else there is is as black as what lies behind
    assert shown.float().mean() > 0.2
    distance = on_ball(start.points[shown])
    assert distance.median() < 0.12
    assert (start.points.norm(dim=-1) > 0.15).float().mean() > 0.9
    assert "voxels" in start.told


def test_the_same_points_every_time_whatever_else_is_random(plain_ball):
    torch.manual_seed(1)
    one = points_from_pictures(*plain_ball, background=(0.0, 0.0, 0.0), steps=48)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    other = points_from_pictures(*plain_ball, background=(0.0, 0.0, 0.0), steps=48)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(one.points, other.points)
    assert torch.equal(one.colors, other.colors)


@pytest.mark.parametrize("steps", [1, 35])
def test_too_short_a_training_looks_for_no_points(plain_ball, steps):
    assert points_from_pictures(*plain_ball, background=(0.0, 0.0, 0.0), steps=steps) is None


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
