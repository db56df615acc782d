"""A ball before black, and cameras on a circle round it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from PIL import Image

from editor3d.geometry.lens import Lens
from editor3d.plugin.train.pictures import TrainingPictures
from editor3d.types import Intrinsics, View

SIDE, RADIUS = 64, 0.4


def cameras_round(
    count: int, side: int = SIDE, distortion: tuple[float, ...] = (0.0,) * 6, fisheye: bool = False
) -> Cameras:
    """Cameras on a circle of radius 1 that look at the origin, z up."""
    poses = []
    for index in range(count):
        angle = 2 * math.pi * index / count
        place = np.array([math.cos(angle), math.sin(angle), 0.3 * math.sin(3 * angle)])
        backward = place / np.linalg.norm(place)
        right = np.cross([0.0, 0.0, 1.0], backward)
        right /= np.linalg.norm(right)
        poses.append(np.stack([right, np.cross(backward, right), backward, place], -1))
    bent = None if not any(distortion) else torch.tensor(distortion).expand(count, 6)
    return Cameras(
        torch.from_numpy(np.stack(poses)).float(), float(side), float(side), side / 2, side / 2, side, side,
        distortion_params=bent, camera_type=CameraType.FISHEYE if fisheye else CameraType.PERSPECTIVE,
    )  # fmt: skip


def ball(cameras: Cameras, color: Callable[[np.ndarray], np.ndarray]) -> list[torch.Tensor]:
    """Pictures [H, W, 3] uint8 of a ball round the origin before black, coloured by the place on it [N, 3] in -1..1."""
    pictures = []
    for index in range(len(cameras)):
        c2w, side = cameras.camera_to_worlds[index].double().numpy(), int(cameras.width[index])
        rays = Lens.of(cameras, index).directions().double().numpy().reshape(side, side, 3) @ c2w[:, :3].T
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


def captured(
    folder: Path, cameras: Cameras, color: Callable[[np.ndarray], np.ndarray]
) -> tuple[TrainingPictures, Cameras]:
    """The pictures of the ball, read from files in a folder, and their cameras."""
    views = []
    for index, picture in enumerate(ball(cameras, color)):
        side = picture.shape[0]
        lens = Intrinsics(side, side, side, side, side / 2, side / 2)
        path = folder / f"view_{index:02d}.png"
        Image.fromarray(picture.numpy()).save(path)
        views.append(View(name=path.stem, image_path=path, split="train", c2w=np.eye(4)[:3], **vars(lens)))
    pictures = TrainingPictures(views, cameras)
    pictures.read_all()
    return pictures, cameras


def on_ball(points: torch.Tensor) -> torch.Tensor:
    """How far points are from the surface, in radii of the ball."""
    return (points.norm(dim=-1) / RADIUS - 1).abs()
