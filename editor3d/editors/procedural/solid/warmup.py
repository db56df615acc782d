"""Compile the kernels of solid noise now: `python -m editor3d.editors.procedural.solid.warmup`; numba keeps them."""

from __future__ import annotations

import time

import torch

from editor3d.editors.procedural.solid import noise
from editor3d.host.compiled import compiled


def warm_up() -> float:
    """Run every kernel once, by the calls that materials make; returns the seconds it took."""
    started = time.perf_counter()
    points = torch.zeros(4, 3)
    noise.fractal(points, torch.zeros(4), 1.0, seed=0)
    noise.cells(points, 1.0, seed=0)
    return time.perf_counter() - started


if __name__ == "__main__":
    print(f"The kernels of solid noise are compiled ({warm_up():.1f} s).")
    compiled("editor3d.editors.procedural.solid.warmup")
