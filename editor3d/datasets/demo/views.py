"""The cameras of the demo scene: three rings of training views, and held-out views between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

SIZE = 256
FOCAL = 1.16
"""Focal length as a fraction of the picture's side (46.6° across)."""
SEED = 7
RINGS = ((21.0, 16), (38.0, 14), (56.0, 10))
"""(elevation in degrees, number of views) of each ring."""
HELD_OUT = 8
DISTANCE = 2.25
CENTRE = (0.0, 0.0, 0.10)


@dataclass(frozen=True, eq=False)
class DemoView:
    name: str
    split: Literal["train", "test"]
    c2w: np.ndarray
    """[3, 4] float64, OpenGL axes (+x right, +y up, looking along -z), world z up."""


def look_at(eye: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Camera-to-world [3, 4] of an upright camera at `eye` [3] that looks at `target` [3]."""
    back = (eye - target) / np.linalg.norm(eye - target)
    right = np.cross([0.0, 0.0, 1.0], back)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(back, right), back, eye], axis=-1)


def _orbit(azimuth: float, elevation: float, distance: float, target: np.ndarray) -> np.ndarray:
    a, e = np.radians([azimuth, elevation])
    direction = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    return look_at(target + distance * direction, target)


def demo_views() -> tuple[DemoView, ...]:
    """The training views, ring by ring, then the held-out ones; the same at every call."""
    random = np.random.default_rng(SEED)
    poses = []
    for ring, (elevation, count) in enumerate(RINGS):
        step = 360.0 / count
        for index in range(count):
            poses.append(
                _orbit(
                    azimuth=(index + 0.37 * ring + random.uniform(-0.25, 0.25)) * step,
                    elevation=elevation + random.uniform(-4.0, 4.0),
                    distance=DISTANCE * random.uniform(0.93, 1.07),
                    target=np.array(CENTRE) + random.uniform(-0.06, 0.06, 3),
                )
            )
    views = [DemoView(f"train_{i:02d}", "train", pose) for i, pose in enumerate(poses)]
    between = [(RINGS[0][0] + RINGS[1][0]) / 2, (RINGS[1][0] + RINGS[2][0]) / 2]
    for index in range(HELD_OUT):
        pose = _orbit(
            azimuth=(index + 0.5 + random.uniform(-0.2, 0.2)) * 360.0 / HELD_OUT,
            elevation=between[index % 2] + random.uniform(-3.0, 3.0),
            distance=DISTANCE * random.uniform(0.97, 1.03),
            target=np.array(CENTRE) + random.uniform(-0.04, 0.04, 3),
        )
        views.append(DemoView(f"test_{index:02d}", "test", pose))
    return tuple(views)
