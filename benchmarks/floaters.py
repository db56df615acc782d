"""Plant floaters into a scene of splats and count how many are found, and how much of the rest is taken for some.

    python benchmarks/floaters.py RUN
    python benchmarks/floaters.py scene.ply --count 1000

Floaters are put where captures have them: in the free space between a camera and what it sees, alone and in groups of
up to five, 1 to 10 times as large as the scene's Gaussians, with opacities of 0.05 to 0.95 and colours of the scene.
Exit code 1 unless 95 % are found and at most 0.5 % of the rest is touched.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import torch
import tyro

from gaussian.change import stray
from gaussian.draw.selection import PosedPinhole
from gaussian.edit.opened import open_splats
from gaussian.splats import Splats, concatenate

FOUND, TOUCHED = 0.95, 0.005


def planted(splats: Splats, cameras: list[PosedPinhole], count: int, generator: torch.Generator) -> Splats:
    """`count` floaters."""

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    depths = [stray.surface_depth(splats, camera) for camera in cameras]
    size, places = splats.scales.median(), []
    while len(places) < count:
        index = int(torch.randint(len(cameras), (1,), generator=generator))
        camera = cameras[index]
        row, column = int(uniform(1) * camera.height), int(uniform(1) * camera.width)
        depth = depths[index][row, column]
        if not depth.isfinite():
            continue
        pixel = torch.tensor([column + 0.5, row + 0.5, 1.0])
        there = torch.linalg.inv(camera.K.float()) @ pixel * depth * (0.3 + 0.4 * uniform(1))
        place = (torch.linalg.inv(camera.viewmat.float()) @ torch.cat([there, torch.ones(1)]))[:3]
        group = int(torch.randint(1, 6, (1,), generator=generator))
        places += list(place + 3 * size * normal(group, 3))
    opacities = 0.05 + 0.9 * uniform(count)
    scales = (size * torch.exp(2.3 * uniform(count, 1))).log() + 0.4 * normal(count, 3)
    colors = splats.sh[torch.randint(len(splats), (count,), generator=generator)]
    return Splats(torch.stack(places[:count]), scales, normal(count, 4), opacities.logit(), colors)


def main(scene: tyro.conf.Positional[Path], count: int = 300, seed: int = 0, views: int = 20) -> int:
    with tempfile.TemporaryDirectory() as folder:
        opened = open_splats(scene, Path(folder) / "out.ply")
    splats = opened.contents.drawn
    cameras = opened.cameras[:: max(1, len(opened.cameras) // views)]
    floaters = planted(splats, cameras, count, torch.Generator().manual_seed(seed))
    both = concatenate([splats, floaters])
    start = time.monotonic()
    found = stray.floaters(both, cameras)
    seconds = time.monotonic() - start
    share, touched = (float(part.float().mean()) for part in (found[len(splats) :], found[: len(splats)]))
    print(f"{len(splats)} Gaussians, {count} floaters, {len(cameras)} views, {seconds:.1f} s")
    print(f"found {share:.1%} (asked {FOUND:.0%}), of the rest touched {touched:.2%} (asked {TOUCHED:.1%})")
    return int(share < FOUND or touched > TOUCHED)


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
