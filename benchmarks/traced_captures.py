"""Captures that are traced here: rooms, a table and a shelf, with texture and without, each with true sparse points.

    python benchmarks/traced_captures.py FOLDER

Writes FOLDER/NAME in nerfstudio's format, for `without_points.py`. Light is diffuse, so that a plain wall is shaded but
has no feature.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import trimesh
import tyro

_WIDTH, _HEIGHT, _FOCAL = 160, 120, 110.0
_FINER = 2
"""Rays along each side of a pixel."""
_POINTS = 3000
_NOISE = 0.002
"""Of the points, scene units."""
_SUN = np.array([0.3, 0.5, 0.81])


@dataclass(frozen=True, eq=False)
class Part:
    """A ball, or a box with axes along the world's, one may be inside of."""

    centre: np.ndarray
    """[3] scene units."""
    half: np.ndarray
    """[3], half the sides of a box; of a ball the radius, thrice."""
    ball: bool
    color: np.ndarray
    """[3] in 0..1."""

    def met(self, origin: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distances [N] along rays [N, 3] from one origin [3], inf for none, and normals [N, 3]."""
        if self.ball:
            along = rays @ (self.centre - origin)
            inside = self.half[0] ** 2 - ((self.centre - origin) ** 2).sum() + along**2
            distance = along - np.sqrt(np.maximum(inside, 0))
            distance = np.where((inside > 0) & (distance > 1e-6), distance, np.inf)
            where = origin + rays * np.nan_to_num(distance, posinf=0)[:, None]
            return distance, (where - self.centre) / self.half
        with np.errstate(divide="ignore"):
            inverse = 1 / np.where(rays == 0, 1e-12, rays)
        one, other = (self.centre - self.half - origin) * inverse, (self.centre + self.half - origin) * inverse
        near, far = np.minimum(one, other), np.maximum(one, other)
        enters, leaves = near.max(1), far.min(1)
        within = enters < 0
        axis = np.where(within, far.argmin(1), near.argmax(1))
        distance = np.where(enters > leaves, np.inf, np.where(within, leaves, enters))
        distance = np.where(distance > 1e-6, distance, np.inf)
        normals = np.zeros_like(rays)
        normals[np.arange(len(rays)), axis] = -np.sign(rays[np.arange(len(rays)), axis])
        return distance, normals


def box(low: tuple[float, ...], high: tuple[float, ...], color: tuple[float, ...]) -> Part:
    low, high = np.array(low), np.array(high)
    return Part((low + high) / 2, (high - low) / 2, False, np.array(color))


def ball(centre: tuple[float, ...], radius: float, color: tuple[float, ...]) -> Part:
    return Part(np.array(centre), np.full(3, radius), True, np.array(color))


ROOM = [
    box((-2, -2, 0), (2, 2, 2.4), (0.75, 0.7, 0.62)),
    box((-1.9, -1.2, 0), (-1.2, 0.4, 0.8), (0.3, 0.45, 0.7)),
    box((0.6, 1.3, 0), (1.6, 1.95, 1.6), (0.6, 0.35, 0.2)),
    box((0.9, -1.5, 0), (1.6, -0.8, 0.5), (0.25, 0.5, 0.3)),
    ball((-0.6, 1.3, 0.35), 0.35, (0.8, 0.3, 0.25)),
]
TABLE = [
    box((-1.1, -1.1, -0.1), (1.1, 1.1, 0), (0.55, 0.45, 0.35)),
    ball((-0.3, 0.2, 0.35), 0.35, (0.8, 0.3, 0.25)),
    box((0.2, -0.5, 0), (0.6, 0.0, 0.5), (0.3, 0.5, 0.75)),
    box((0.1, 0.4, 0), (0.7, 0.7, 0.25), (0.35, 0.6, 0.3)),
    ball((-0.4, -0.5, 0.2), 0.2, (0.9, 0.8, 0.3)),
]
SHELF = [
    box((-6, 3.0, -4), (6, 3.2, 4), (0.7, 0.7, 0.65)),
    box((-1.6, 2.0, -1.1), (1.6, 3.0, -0.9), (0.5, 0.35, 0.25)),
    box((-1.2, 2.2, -0.9), (-0.7, 2.7, 0.3), (0.3, 0.5, 0.75)),
    ball((0.0, 2.3, -0.5), 0.4, (0.8, 0.3, 0.25)),
    box((0.7, 1.6, -0.9), (1.1, 2.0, 0.0), (0.35, 0.6, 0.3)),
]


def look_at(place: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Camera-to-world [3, 4], OpenGL axes, z of the world up."""
    backward = (place - target) / np.linalg.norm(place - target)
    right = np.cross([0.0, 0.0, 1.0], backward)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(backward, right), backward, place], -1)


def inside(count: int) -> list[np.ndarray]:
    """Views out of the middle of the room."""
    generator, poses = np.random.default_rng(1), []
    for index in range(count):
        angle = 2 * np.pi * index * 3 / count
        place = np.array([0.0, 0.0, 1.2]) + generator.uniform(-1, 1, 3) * [0.7, 0.7, 0.4]
        poses.append(look_at(place, place + [np.cos(angle), np.sin(angle), generator.uniform(-0.4, 0.15)]))
    return poses


def around(count: int) -> list[np.ndarray]:
    """Views of the table from all sides."""
    poses = []
    for index in range(count):
        angle, height = 2 * np.pi * index / count, 0.9 + 0.6 * np.sin(2.4 * index)
        place = np.array([2.1 * np.cos(angle), 2.1 * np.sin(angle), height])
        poses.append(look_at(place, np.array([0, 0, 0.15])))
    return poses


def before(count: int) -> list[np.ndarray]:
    """Views from a window before the shelf."""
    generator = np.random.default_rng(2)
    places = generator.uniform(-1, 1, (count, 3)) * [0.8, 0.25, 0.5]
    return [look_at(place, np.array([0.2 * place[0], 2.5, -0.3])) for place in places]


def texture(where: np.ndarray) -> np.ndarray:
    """A factor [N, 3] that differs everywhere, of places [N, 3]."""
    generator = np.random.default_rng(0)
    total = np.zeros((len(where), 3))
    for octave in range(6):
        for _ in range(3):
            wave = generator.normal(size=3) * 3 * 1.7**octave
            total += (
                np.sin(where @ wave + generator.uniform(0, 6))[:, None] * generator.uniform(0.3, 1, 3) * 0.85**octave
            )
    return 1 + 0.35 * np.tanh(total / 2)


SCENES: dict[str, tuple[list[Part], Callable[[int], list[np.ndarray]], int, bool]] = {
    "room": (ROOM, inside, 54, True),
    "plain_room": (ROOM, inside, 54, False),
    "table": (TABLE, around, 36, True),
    "plain_table": (TABLE, around, 36, False),
    "shelf": (SHELF, before, 30, True),
    "plain_shelf": (SHELF, before, 30, False),
}


def traced(parts: list[Part], pose: np.ndarray, textured: bool) -> tuple[np.ndarray, np.ndarray]:
    """A picture [H, W, 3] float 0..1, and where each ray of the finer grid ends [h, w, 3], NaN for nowhere."""
    width, height = _WIDTH * _FINER, _HEIGHT * _FINER
    x, y = np.meshgrid((np.arange(width) + 0.5) / _FINER, (np.arange(height) + 0.5) / _FINER)
    rays = np.stack([(x - _WIDTH / 2) / _FOCAL, -(y - _HEIGHT / 2) / _FOCAL, -np.ones_like(x)], -1).reshape(-1, 3)
    rays = (rays / np.linalg.norm(rays, axis=1, keepdims=True)) @ pose[:, :3].T
    met = [part.met(pose[:, 3], rays) for part in parts]
    nearest = np.argmin([distance for distance, _ in met], 0)
    row = np.arange(len(rays))
    distance = np.stack([distance for distance, _ in met])[nearest, row]
    normals = np.stack([normals for _, normals in met])[nearest, row]
    places = pose[:, 3] + rays * np.nan_to_num(distance, posinf=0)[:, None]
    shade = 0.62 + 0.3 * normals @ _SUN + 0.04 * places[:, 2] - 0.02 * places[:, 0]
    colors = np.stack([part.color for part in parts])[nearest] * shade[:, None]
    if textured:
        colors *= texture(places)
    shown = np.isfinite(distance)
    colors[~shown] = 0
    places[~shown] = np.nan
    picture = cv2.resize(colors.reshape(height, width, 3), (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA)
    return picture.clip(0, 1), places.reshape(height, width, 3)


def write(folder: Path, name: str) -> None:
    """Trace one of the captures."""
    parts, poses_of, count, textured = SCENES[name]
    (folder / "images").mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(3)
    frames, points, colors = [], [], []
    for index, pose in enumerate(poses_of(count)):
        picture, places = traced(parts, pose, textured)
        picture = (picture * 255).round().astype(np.uint8)
        path = f"images/view_{index:03d}.png"
        cv2.imwrite(str(folder / path), picture[..., ::-1])
        frames.append({"file_path": path, "transform_matrix": [*pose.tolist(), [0.0, 0.0, 0.0, 1.0]]})
        row, column = generator.integers(0, [_HEIGHT, _WIDTH], (_POINTS // count + 1, 2)).T
        points.append(places[row * _FINER, column * _FINER] + generator.normal(0, _NOISE, (len(row), 3)))
        colors.append(picture[row, column])
    points, colors = np.concatenate(points), np.concatenate(colors)
    shown = np.isfinite(points).all(1)
    trimesh.PointCloud(points[shown], colors[shown]).export(folder / "sparse_pc.ply")
    lens = {"w": _WIDTH, "h": _HEIGHT, "fl_x": _FOCAL, "fl_y": _FOCAL, "cx": _WIDTH / 2, "cy": _HEIGHT / 2}
    told = {"camera_model": "PINHOLE", **lens, "ply_file_path": "sparse_pc.ply", "frames": frames}
    (folder / "transforms.json").write_text(json.dumps(told))


def main(folder: Path, /) -> None:
    """Trace all of them.

    Args:
        folder: where they go.
    """
    for name in SCENES:
        write(folder / name, name)


if __name__ == "__main__":
    tyro.cli(main)
