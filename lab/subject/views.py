"""Where the subject is photographed from: two rings of training views and held-out views between them."""

from __future__ import annotations

import numpy as np

from editor3d.datasets.demo.views import DemoView, look_at

SIZE = 256
RINGS = ((2.0, 22), (21.0, 14))
"""(elevation in degrees, number of views) of each ring."""
HELD_OUT = 8
DISTANCE = 1.48
CENTRE = (0.0, 0.0, 1.27)
SEED = 11


def _pose(azimuth: float, elevation: float, distance: float, target: np.ndarray) -> np.ndarray:
    """[3, 4], `azimuth` degrees round from straight in front of the person."""
    a, e = np.radians([azimuth - 90.0, elevation])
    direction = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    return look_at(target + distance * direction, target)


def subject_views() -> tuple[DemoView, ...]:
    """Training views, ring by ring, then the held-out ones; the same at every call."""
    random = np.random.default_rng(SEED)
    views = []
    for ring, (elevation, count) in enumerate(RINGS):
        for index in range(count):
            pose = _pose(
                azimuth=(index + 0.5 * ring + random.uniform(-0.15, 0.15)) * 360.0 / count,
                elevation=elevation + random.uniform(-3.0, 3.0),
                distance=DISTANCE * random.uniform(0.96, 1.04),
                target=np.array(CENTRE) + random.uniform(-0.03, 0.03, 3),
            )
            views.append(DemoView(f"train_{len(views):02d}", "train", pose))
    for index in range(HELD_OUT):
        pose = _pose(
            azimuth=(index + random.uniform(0.3, 0.7)) * 360.0 / HELD_OUT,
            elevation=11.0 + random.uniform(-3.0, 3.0),
            distance=DISTANCE * random.uniform(0.98, 1.02),
            target=np.array(CENTRE) + random.uniform(-0.03, 0.03, 3),
        )
        views.append(DemoView(f"test_{index:02d}", "test", pose))
    return tuple(views)
