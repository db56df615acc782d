"""Procedurally drawn still lifes: named objects of random colour on a table, rendered with shadow and highlights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from lab.training.data.raster import rasterize
from lab.training.data.shapes import MODELS, mesh
from lab.training.data.textures import random_color

PALETTE: dict[str, tuple[float, float, float]] = {
    "red": (0.75, 0.10, 0.10),
    "orange": (0.92, 0.48, 0.10),
    "yellow": (0.93, 0.80, 0.15),
    "green": (0.15, 0.52, 0.20),
    "blue": (0.12, 0.25, 0.70),
    "purple": (0.45, 0.18, 0.60),
    "pink": (0.93, 0.52, 0.66),
    "white": (0.92, 0.91, 0.88),
    "black": (0.07, 0.07, 0.08),
    "brown": (0.42, 0.26, 0.15),
    "gray": (0.50, 0.50, 0.50),
    "turquoise": (0.15, 0.66, 0.66),
}
_OVERSAMPLING = 2
_FIRST_OBJECT = 2  # ids of a picture: 0 nothing, 1 ground, then the objects

Fill = Callable[[np.random.Generator, int], np.ndarray]


@dataclass(frozen=True, eq=False)
class Still:
    """One rendered picture."""

    pixels: np.ndarray
    """[H, W, 3] float32 sRGB in 0..1."""
    masks: dict[str, np.ndarray]
    """Name -> [H, W] bool, where at least half of a pixel shows the object."""
    colors: dict[str, str]
    """Name -> the colour's name, for objects of one colour."""


@dataclass(frozen=True, eq=False)
class _Scene:
    points: np.ndarray
    normals: np.ndarray
    faces: np.ndarray
    ids: np.ndarray
    """[F] the object a triangle belongs to."""
    albedo: np.ndarray
    """[F, 3] sRGB."""
    textured: np.ndarray
    """[F] bool."""
    names: list[str]
    colors: dict[str, str]


def draw_still(rng: np.random.Generator, side: int, draw_fill: Fill) -> Still:
    """Draw a scene and render it.

    Args:
        rng: draws everything.
        side: of the picture.
        draw_fill: (rng, side) -> a picture [side, side, 3] in 0..1, for the background and surfaces.
    """
    scene = _arrange(rng)
    size = side * _OVERSAMPLING
    eye, axes, focal = _camera(rng, size)
    screen = _project(scene.points, eye, axes, focal, size)
    index, weights, _ = rasterize(screen, scene.faces, size, size)
    hit = index >= 0
    faces = scene.faces[index[hit]]
    w = weights[hit][..., None]
    position = (scene.points[faces] * w).sum(1)
    normal = (scene.normals[faces] * w).sum(1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True).clip(1e-9)
    view = eye - position
    view /= np.linalg.norm(view, axis=1, keepdims=True)
    normal *= np.sign((normal * view).sum(1, keepdims=True))

    albedo = _surface(rng, scene, index[hit], position, draw_fill)
    shaded = albedo * _light(rng, scene, position, normal, view)
    canvas = cv2.GaussianBlur(draw_fill(rng, size), (0, 0), rng.uniform(0.5, 6.0)) ** 2.2
    canvas[hit] = shaded
    small = cv2.resize(canvas.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
    labels = np.zeros((size, size), np.int64)
    labels[hit] = scene.ids[index[hit]]
    masks = {
        name: cv2.resize((labels == i + _FIRST_OBJECT).astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
        >= 0.5
        for i, name in enumerate(scene.names)
    }
    seen = {name: mask for name, mask in masks.items() if mask.sum() >= 0.003 * side * side}
    colors = {name: color for name, color in scene.colors.items() if name in seen}
    return Still((small.clip(0, 1) ** (1 / 2.2)).astype(np.float32), seen, colors)


def _arrange(rng: np.random.Generator) -> _Scene:
    """Choose objects, their places, sizes and colours."""
    chosen = [str(name) for name in rng.permutation(list(MODELS))[: int(rng.integers(1, 6))]]
    with_table = rng.random() < 0.6
    placed: list[tuple[str, np.ndarray, float, float]] = []
    spots: list[np.ndarray] = []
    for name in chosen:
        for _ in range(20):
            spot = rng.uniform(-0.6, 0.6, 2) * (0.0 if len(chosen) == 1 else 1.0)
            if all(np.linalg.norm(spot - other) > 0.42 for other in spots):
                break
        else:
            continue
        spots.append(spot)
        scale = rng.uniform(0.85, 1.5 if len(chosen) < 3 else 1.2)
        placed.append((name, np.array([*spot, 0.008]), scale, rng.uniform(0, 2 * np.pi)))
    if with_table:
        placed.append(("table", np.zeros(3), 1.0, 0.0))
        if rng.random() < 0.5:
            placed.append(("cloth", np.zeros(3), rng.uniform(0.8, 1.2), rng.uniform(0, 2 * np.pi)))
    ground = -0.7 if with_table else 0.0
    points = [np.array([[x, y, ground] for x, y in ((-4, -4), (4, -4), (4, 4), (-4, 4))], np.float64)]
    normals, faces = [np.tile([0.0, 0.0, 1.0], (4, 1))], [np.array([[0, 1, 2], [0, 2, 3]])]
    ids, albedo, textured = [np.ones(2, np.int64)], [np.ones((2, 3))], [np.ones(2, bool)]
    colors: dict[str, str] = {}
    start = 4
    for i, (name, place, scale, turn) in enumerate(placed):
        part = mesh(name)
        c, s = np.cos(turn), np.sin(turn)
        rotation = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
        points.append(scale * part.vertices @ rotation.T + place)
        normals.append(part.normals @ rotation.T)
        faces.append(part.faces + start)
        ids.append(np.full(len(part.faces), i + _FIRST_OBJECT))
        count = int(part.parts.max()) + 1
        tones = np.stack([random_color(rng) for _ in range(count)])
        if name in MODELS and rng.random() < 0.75:
            color = str(rng.choice(list(PALETTE)))
            colors[name] = color
            main = np.array(PALETTE[color])
            tones[0] = main
            for k in range(1, count):  # the smaller parts are often of the same tone
                if name != "vase" and rng.random() < 0.7:
                    tones[k] = main * rng.uniform(0.75, 1.15)
        tones = (tones + rng.normal(0, 0.03, tones.shape)).clip(0.02, 1.0)
        albedo.append(tones[part.parts])
        textured.append(np.full(len(part.faces), name in ("table", "cloth") or rng.random() < 0.2))
        start += len(part.vertices)
    return _Scene(
        np.concatenate(points),
        np.concatenate(normals),
        np.concatenate(faces),
        np.concatenate(ids),
        np.concatenate(albedo),
        np.concatenate(textured),
        [name for name, *_ in placed],
        colors,
    )


def _camera(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Eye [3], axes [3, 3] (rows: right, up, backward) and focal length in pixels of a camera on the scene."""
    turn, height = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(8, 50))
    target = np.array([*rng.normal(0, 0.06, 2), rng.uniform(0.0, 0.2)])
    direction = np.array([np.cos(turn) * np.cos(height), np.sin(turn) * np.cos(height), np.sin(height)])
    eye = target + rng.uniform(1.5, 2.7) * direction
    right = np.cross([0.0, 0.0, 1.0], direction)
    right /= np.linalg.norm(right)
    return eye, np.stack([right, np.cross(direction, right), direction]), size * rng.uniform(1.0, 1.4)


def _project(points: np.ndarray, eye: np.ndarray, axes: np.ndarray, focal: float, size: int) -> np.ndarray:
    """[V, 3]: pixel x, y and depth."""
    local = (points - eye) @ axes.T
    depth = -local[:, 2]
    safe = np.where(depth > 1e-3, depth, 1.0)
    x, y = size / 2 + focal * local[:, 0] / safe, size / 2 - focal * local[:, 1] / safe
    return np.stack([x, y, depth], -1)


def _surface(
    rng: np.random.Generator, scene: _Scene, index: np.ndarray, position: np.ndarray, draw_fill: Fill
) -> np.ndarray:
    """Linear albedo [N, 3]: the triangle's colour, or a picture laid flat on the ground and the table."""
    albedo = scene.albedo[index]
    side = 256
    fills = [draw_fill(rng, side) for _ in range(2)]
    scale = rng.uniform(0.15, 0.6)
    cell = ((position[:, :2] + 0.3 * position[:, 2:]) * scale % 1.0 * side).astype(np.int64)
    on_ground = scene.ids[index] == 1
    painted = np.where(on_ground[:, None], fills[0][cell[:, 1], cell[:, 0]], fills[1][cell[:, 1], cell[:, 0]])
    mixed = np.where(on_ground[:, None], painted, albedo * (0.5 + painted / (2 * painted.mean().clip(0.05))))
    return np.where(scene.textured[index][:, None], mixed, albedo).clip(0, 1) ** 2.2


def _light(
    rng: np.random.Generator, scene: _Scene, position: np.ndarray, normal: np.ndarray, view: np.ndarray
) -> np.ndarray:
    """Sky and ground light, and a sun with its shadow and highlight: factors [N, 3] on the linear albedo."""
    turn, height = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(25, 75))
    sun = np.array([np.cos(turn) * np.cos(height), np.sin(turn) * np.cos(height), np.sin(height)])
    right = np.cross([0.0, 0.0, 1.0], sun)
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(sun, right), sun])
    size, span = 256, 2.6

    def seen_from_sun(points: np.ndarray) -> np.ndarray:
        local = points @ axes.T
        return np.stack([(local[:, 0] / span + 0.5) * size, (0.5 - local[:, 1] / span) * size, 10.0 - local[:, 2]], -1)

    _, _, depth = rasterize(seen_from_sun(scene.points), scene.faces[scene.ids != 1], size, size)
    soft = int(rng.integers(0, 3))
    own = seen_from_sun(position)
    lit = np.zeros(len(position))
    offsets = [(0, 0)] if soft == 0 else [(i, j) for i in (-soft, 0, soft) for j in (-soft, 0, soft)]
    for i, j in offsets:
        x, y = own[:, 0].astype(np.int64) + i, own[:, 1].astype(np.int64) + j
        inside = (x >= 0) & (x < size) & (y >= 0) & (y < size)
        nearest = np.full(len(position), np.inf)
        nearest[inside] = depth[y[inside], x[inside]]
        lit += own[:, 2] < nearest + 0.03
    lit /= len(offsets)

    facing = (normal @ sun).clip(0)
    half = sun + view
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    gloss = rng.uniform(0, 0.25) * (normal * half).sum(1).clip(0) ** rng.uniform(20, 80)
    warm = np.array([1.0, rng.uniform(0.85, 1.0), rng.uniform(0.7, 1.0)])
    sky, bounce = np.array([rng.uniform(0.8, 1.0), 0.95, 1.0]), 0.55 * warm
    ambient = rng.uniform(0.25, 0.7)
    up = 0.5 + 0.5 * normal[:, 2:]
    light = ambient * (up * sky + (1 - up) * bounce) + (1.15 - 0.7 * ambient) * (lit * (facing + gloss))[:, None] * warm
    return light * rng.uniform(0.75, 1.25)
