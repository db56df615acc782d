"""Compile the kernels of visibility now: `python -m editor3d.geometry.warmup`; numba keeps them for later runs."""

from __future__ import annotations

import time

import numpy as np
import torch

from editor3d.geometry.camera import Camera
from editor3d.geometry.carving import possible_changes
from editor3d.geometry.coverage import choose_keys
from editor3d.geometry.lens import Lens
from editor3d.geometry.matching import matches
from editor3d.geometry.planes import carry_planes
from editor3d.geometry.surface import SeenSurface
from editor3d.host.compiled import compiled

_SIDE = 8


def warm_up() -> float:
    """Run every kernel once, by the calls that the engine makes; returns the seconds it took."""
    started = time.perf_counter()
    lens = Lens(_SIDE, _SIDE, float(_SIDE), float(_SIDE), _SIDE / 2, _SIDE / 2)
    surface = SeenSurface.of_distance(Camera(lens, torch.eye(4, dtype=torch.float64)[:3]), torch.ones(_SIDE, _SIDE))
    matches(surface, surface)
    choose_keys([surface, surface])
    flat, known = np.ones((_SIDE, _SIDE, 3)), np.ones((_SIDE, _SIDE, 7))
    sure, out = np.ones((_SIDE, _SIDE), dtype=bool), np.empty((_SIDE, _SIDE, 5))
    carry_planes(known, sure, flat, flat[..., 0].copy(), np.zeros(3), np.full(2, 0.02), out)
    possible_changes(surface, [surface], [surface.valid])
    return time.perf_counter() - started


if __name__ == "__main__":
    print(f"The kernels of visibility are compiled ({warm_up():.1f} s).")
    compiled("editor3d.geometry.warmup")
