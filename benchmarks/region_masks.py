"""How long the masks of a region take, of every view of a run.

    python benchmarks/region_masks.py RUN --region box:0,0,0,0.3,0.3,0.3

RUN is a reconstruction as a radiance field, or an edit of one; `--side` is the longer side of the pictures.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch
import tyro
from nerfstudio.cameras.cameras import Cameras
from rich.console import Console

from editor3d.plugin.confine.masks import SpaceRegion, look_at
from editor3d.plugin.results.runs import open_run
from editor3d.plugin.views.rays import LensTable
from editor3d.regions import parse_region


def resized(cameras: Cameras, side: int) -> Cameras:
    """The same cameras with a longer side of so many pixels."""
    longest = int(torch.maximum(cameras.width, cameras.height).max())
    cameras.rescale_output_resolution(side / longest)
    return cameras


def main(run: tyro.conf.Positional[Path], region: str = "box:0,0,0,0.3,0.3,0.3", side: int = 512) -> int:
    """Time the masks of a region.

    Args:
        run: a finished run.
        region: in the capture's own frame.
        side: pixels of the longer side.
    """
    _, pipeline = open_run(run)
    pipeline.model.eval()
    manager = pipeline.datamanager
    dataset = manager.train_dataset
    views, posed = dataset.metadata["views"], dataset.metadata["posed_images"]
    space = SpaceRegion.of(parse_region(region), manager.train_dataparser_outputs, dataset.cameras, views, posed)
    console, seen, count = Console(width=120), [], 0
    look_at(pipeline.model, dataset.cameras[:1], space, LensTable())  # kernels are loaded
    began = time.perf_counter()
    for part in (dataset, manager.eval_dataset):
        cameras, lenses = resized(part.cameras, side), LensTable()
        for index in range(len(cameras)):
            mask = look_at(pipeline.model, cameras[index : index + 1], space, lenses).mask
            seen.append(float(mask.float().mean()))
            count += 1
    seconds = time.perf_counter() - began
    kind = type(pipeline.model).__name__
    console.print(f"masks of {count} views with a longer side of {side} pixels, {kind}: {seconds:.1f} s (wanted: 20)")
    console.print(f"the region takes up {sum(seen) / count:.1%} of a view, {max(seen):.1%} at most")
    return 0


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
