"""Colours of an inserted surface: patterns in space, and light from above. A point looks alike from everywhere."""

from __future__ import annotations

import numpy as np

from editor3d.editors.insert.things import Look

_LIGHT = (0.35, 0.25, 0.90)
"""Where light comes from, in the thing's own axes (z up)."""
_AMBIENT, _DIFFUSE = 0.50, 0.62
_WAVES = 24


def albedo(look: Look, points: np.ndarray) -> np.ndarray:
    """Colour of the material at points [N, 3] of the thing's own axes, about 2 units across: [N, 3] float32."""
    share = {"plain": _none, "grain": _grain, "speckle": _speckle, "veins": _veins}[look.pattern](points)[:, None]
    first, second = np.asarray(look.first, np.float32), np.asarray(look.second, np.float32)
    return ((1.0 - share) * first + share * second).astype(np.float32)


def shaded(colors: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Colours [N, 3] under Lambert's law with light from above; normals [N, 3] in the thing's own axes."""
    light = np.array(_LIGHT) / np.linalg.norm(_LIGHT)
    falling = np.clip(normals @ light, 0.0, 1.0)[:, None]
    return np.clip(colors * (_AMBIENT + _DIFFUSE * falling), 0.0, 1.0).astype(np.float32)


def _none(points: np.ndarray) -> np.ndarray:
    return np.zeros(len(points))


def _noise(points: np.ndarray, frequency: float, seed: int) -> np.ndarray:
    """A sum of plane waves of random direction, 0..1, smooth and the same in every call."""
    rng = np.random.default_rng(seed)
    waves = rng.normal(size=(_WAVES, 3)) * frequency
    phases = rng.uniform(0, 2 * np.pi, _WAVES)
    return 0.5 + 0.5 * np.tanh(np.sin(points @ waves.T + phases).sum(1) / np.sqrt(_WAVES / 2))


def _speckle(points: np.ndarray) -> np.ndarray:
    return 0.5 * _noise(points, 5.0, 1) + 0.5 * _noise(points, 12.0, 2)


def _grain(points: np.ndarray) -> np.ndarray:
    """Boards along the first axis, with rings of growth."""
    bent = points + 0.12 * _noise(points, 1.5, 3)[:, None]
    rings = np.hypot(bent[:, 1] - 0.3, bent[:, 2] + 0.2)
    seam = np.abs((points[:, 2] * 2.0) % 1.0 - 0.5) > 0.46
    return np.where(seam, 0.0, 0.5 + 0.5 * np.sin(22.0 * rings + 2.0 * points[:, 0]))


def _veins(points: np.ndarray) -> np.ndarray:
    folds = points[:, 0] * 4.0 + points[:, 1] * 2.5 + 4.0 * _noise(points, 2.0, 4)
    return np.exp(-12.0 * np.abs(np.sin(folds)))
