"""Visibility: what views see, all pairs of them, the choice of keys, and warps, beside a naive comparison pair by pair.

    python benchmarks/visibility.py --views 84 --side 128

The views are those of the demo scene with its exact depth, some of them twice. The peer projects each view's points
into each other view with torch, one pair after the other, looks its depth up and compares: no normals, no weights.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
import tyro

from editor3d.datasets import load_posed_images
from editor3d.datasets.demo import demo_path
from editor3d.datasets.views.images import read_depth, read_image
from editor3d.geometry.camera import Camera
from editor3d.geometry.coverage import Coverage, choose_keys
from editor3d.geometry.matching import TOLERANCE, matches, warp
from editor3d.geometry.surface import SeenSurface

Result = TypeVar("Result")


@dataclass(frozen=True)
class Visibility:
    """Time all pairs of views, beside a peer."""

    views: int = 84
    side: int = 128
    peer_pairs: int = 120
    """Pairs that the peer is timed on; its time is scaled to all."""

    def run(self) -> None:
        posed = load_posed_images(demo_path())
        chosen = [posed.views[i % len(posed.views)] for i in range(self.views)]
        cameras = [Camera.of_view(view).resized(self.side, self.side) for view in chosen]
        rows = ((np.arange(self.side) + 0.5) * chosen[0].height / self.side).astype(int)
        depths = [read_depth(view, posed.depth_scale)[rows][:, rows] for view in chosen]
        SeenSurface.of_depth(cameras[0], depths[0])  # the kernels are compiled, or loaded

        surfaces = _timed(
            "surfaces", lambda: [SeenSurface.of_depth(c, d) for c, d in zip(cameras, depths, strict=True)]
        )
        Coverage.of(surfaces[:2])
        everything = self.views**2 * self.side**2
        _timed(f"{self.views * (self.views - 1)} pairs", lambda: Coverage.of(surfaces, most=everything))
        keys = _timed("choice of keys", lambda: choose_keys(surfaces, 0.9))
        shown = ", ".join(f"{share:.0%}" for share in keys.covered)
        print(f"{len(keys.order)} keys cover {shown}")
        picture = read_image(chosen[1]).float() / 255.0
        matches(surfaces[0], surfaces[1])
        _timed("100 matches and warps", lambda: [warp(picture, matches(surfaces[0], surfaces[1])) for _ in range(100)])

        generator = torch.Generator().manual_seed(0)
        pairs = torch.randint(self.views, (self.peer_pairs, 2), generator=generator).tolist()
        seconds = _seconds(lambda: [_naive(cameras[i], depths[i], cameras[j], depths[j]) for i, j in pairs])
        whole = seconds / len(pairs) * self.views * (self.views - 1)
        print(f"peer, all pairs       {whole:7.2f} s ({len(pairs)} pairs timed)")


def _naive(camera: Camera, depth: torch.Tensor, other: Camera, other_depth: torch.Tensor) -> float:
    """The share of a view that another one sees, by projection and a look at its depth."""
    pixels, far = other.project(camera.points(depth).reshape(-1, 3))
    at = pixels.nan_to_num().long().clamp(min=0)
    there = other_depth[at[:, 1].clamp(max=other_depth.shape[0] - 1), at[:, 0].clamp(max=other_depth.shape[1] - 1)]
    return ((far > 0) & ((far - there).abs() <= TOLERANCE * there)).double().mean().item()


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _timed(what: str, work: Callable[[], Result]) -> Result:
    started, used = time.perf_counter(), time.process_time()
    result = work()
    print(f"{what:<21} {time.perf_counter() - started:7.2f} s ({time.process_time() - used:.2f} s of processor time)")
    return result


if __name__ == "__main__":
    tyro.cli(Visibility).run()
