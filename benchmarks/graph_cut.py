"""How long the graph cut of a local Vox-E edit takes, and what a voxel costs in a large grid and in a small one.

python benchmarks/graph_cut.py
"""

from __future__ import annotations

import statistics
import sys
import time

import numpy as np
import tyro
from rich.console import Console

from nerf_methods.vox_e.graph_cut import minimise, neighbor_weights, unary_costs


def seconds(side: int, smoothness: float) -> float:
    """Of building and cutting a grid: a noisy ball of attention in smoothly coloured space."""
    axis = np.linspace(-1.0, 1.0, side)
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    rng = np.random.default_rng(0)
    inside = np.clip(2.0 - 4.0 * np.sqrt(x**2 + y**2 + z**2), 0.0, 1.0)
    edit = np.clip(inside + 0.2 * rng.standard_normal(x.shape), 0.0, 1.0)
    colors = 0.5 + 0.3 * np.sin(3 * np.stack([x, y, z], -1)) + 0.02 * rng.standard_normal((*x.shape, 3))
    costs = unary_costs(edit, 1.0 - edit, 0.1)
    began = time.perf_counter()
    minimise(*costs, neighbor_weights(colors), smoothness)
    return time.perf_counter() - began


def main(small: int = 80, large: int = 160, smoothness: float = 5.0, repeats: int = 3) -> int:
    """Time both sizes, in turn.

    Args:
        small, large: voxels along each side.
        smoothness: lambda of the energy.
        repeats: medians are over so many.
    """
    taken: dict[int, list[float]] = {small: [], large: []}
    for _ in range(repeats):
        for side, times in taken.items():
            times.append(seconds(side, smoothness))
    medians = {side: statistics.median(times) for side, times in taken.items()}
    console = Console(width=120)
    for side, median in medians.items():
        console.print(f"{side}^3 voxels: {median:.2f} s, {1e6 * median / side**3:.2f} us a voxel")
    ratio = medians[large] / large**3 / (medians[small] / small**3)
    console.print(
        f"a voxel of the large grid costs {ratio:.2f} times one of the small grid (wanted: 2, and 10 s at 160^3)"
    )
    return 0


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
