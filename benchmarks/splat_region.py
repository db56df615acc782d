"""A splat edit inside a box: what stays as it was, bit by bit, and how far the rest outside is kept.

    python benchmarks/splat_region.py --data CAPTURE

Without `--region` the box lies around the point that the cameras look at. A pixel is outside where its ray misses the
box; some of those show Gaussians that reach out of it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table

import editor3d
from editor3d.datasets.locate import DEMO
from editor3d.edit_config import edit_config
from editor3d.files.writing import write_json
from editor3d.metrics.image import psnr
from editor3d.options import EditOptions
from editor3d.outputs.orbit import look_at_point
from editor3d.plugin.views.rays import LensTable, camera_rays
from editor3d.regions import Box, parse_region
from gaussian.model.parameters import PARAMETERS

HALF_SIDE = 0.2
"""Of the default box, as a share of the cameras' mean distance from what they look at."""


def box_looked_at(posed) -> str:
    """The default box in the capture's own frame, in the notation of `--region`."""
    c2w = np.stack([view.c2w for view in posed.views])
    center = look_at_point(c2w[:, :3, 3], -c2w[:, :3, 2])
    half = HALF_SIDE * float(np.linalg.norm(c2w[:, :3, 3] - center, axis=1).mean())
    return "box:" + ",".join(f"{number:.4f}" for number in (*center, half, half, half))


def hits(box: Box, origins: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
    """Which rays meet an upright box: [...] bool (slab test)."""
    center, half = torch.tensor(box.center), torch.tensor(box.half_extents)
    ends = torch.stack([(center + sign * half - origins) / directions for sign in (-1.0, 1.0)])
    return (ends.amin(0).amax(-1) <= ends.amax(0).amin(-1)) & (ends.amax(0).amin(-1) > 0)


def main(
    data: str = DEMO,
    downscale_factor: int = 1,
    region: str | None = None,
    instruction: str = "make it look like winter",
    output: Path = Path("outputs/splat_region"),
    json_file: Path | None = None,
) -> None:
    """Edit inside a box and compare with the scene before.

    Args:
        data: a capture's folder, or the word demo.
        downscale_factor: read its pictures at 1/N of their size.
        region: an upright box, box:cx,cy,cz,hx,hy,hz in the capture's own frame.
        instruction: how the inside should change.
        output: folder that runs are kept in, and reconstructions found again.
        json_file: also write the figures here.
    """
    scene = editor3d.load(data, downscale_factor=downscale_factor)
    region = region or box_looked_at(scene.posed_images)
    box = parse_region(region)
    if not isinstance(box, Box) or box.rotation != (1.0, 0.0, 0.0, 0.0):
        raise SystemExit(f"Expected an upright box, got {region}.")
    config = edit_config(
        scene, EditOptions(instruction, method="igs2gs", editor="procedural", region=region, output=output)
    )
    config.set_timestamp()
    config.check()
    trainer = config.setup(local_rank=0, world_size=1)
    trainer.prepare()
    pipeline = trainer.pipeline
    model, dataset, outputs = pipeline.model, pipeline.datamanager.eval_dataset, pipeline.datamanager
    frozen = model.strategy_state["frozen"].clone()
    kept = {name: model.gauss_params[name].detach()[frozen].clone() for name in PARAMETERS}

    def pictures() -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        cameras = dataset.cameras
        renders = [pipeline.render_view(cameras, i)["rgb"] for i in range(len(dataset))]
        return renders, [model.region_touches(cameras[i : i + 1]) for i in range(len(dataset))]

    before, touched_before = pictures()
    if not trainer.fit():
        raise SystemExit("Stopped before the last step: nothing to report.")
    after, touched_after = pictures()
    trainer.shutdown()
    still = model.strategy_state["frozen"]
    equal = {name: torch.equal(model.gauss_params[name].detach()[still], kept[name]) for name in PARAMETERS}
    parser = outputs.train_dataparser_outputs
    transform, scale = parser.dataparser_transform, parser.dataparser_scale
    table_of_rays = LensTable()
    untouched_count = untouched_equal = outside_count = 0
    outside_scores, inside_scores = [], []
    for i in range(len(dataset)):
        rays = camera_rays(dataset.cameras, i, table_of_rays, "cpu")
        origins = (rays.origins / scale - transform[:, 3]) @ transform[:, :3]
        inside = hits(box, origins, rays.directions @ transform[:, :3]).view(before[i].shape[:2])
        untouched = ~(touched_before[i] | touched_after[i])
        same = (before[i] == after[i]).all(-1)
        untouched_count += int(untouched.sum())
        untouched_equal += int((untouched & same).sum())
        outside = ~inside & ~untouched
        outside_count += int(outside.sum())
        if bool(outside.any()):
            outside_scores.append(psnr(after[i][outside][None], before[i][outside][None]))
        if bool(inside.any()):
            inside_scores.append(psnr(after[i][inside][None], before[i][inside][None]))
    table = Table(title=f'"{instruction}" in {region}', show_header=False)
    figures = {
        "Gaussians outside": int(still.sum()),
        "of these, parameters bit-equal": all(equal.values()) and int(still.sum()) == int(frozen.sum()),
        "pixels that no Gaussian of the region touches": untouched_count,
        "of these, bit-equal": untouched_equal,
        "other pixels outside the box": outside_count,
        "their PSNR to before, worst view, dB": min(outside_scores),
        "their PSNR to before, mean, dB": sum(outside_scores) / len(outside_scores),
        "PSNR to before inside the box, mean, dB": sum(inside_scores) / len(inside_scores),
    }
    for name, value in figures.items():
        table.add_row(name, f"{value:.2f}" if isinstance(value, float) else f"{value:,}" if value > 1 else str(value))
    Console(width=110).print(table)
    if json_file is not None:
        write_json(json_file, {"data": data, "region": region, **figures})


if __name__ == "__main__":
    tyro.cli(main)
