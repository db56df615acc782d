"""What is left where a thing is taken out of the demo scene, beside the scene truly without it.

    python benchmarks/removal.py                     # the demo scene's mug, which its true edit `remove` takes away
    python benchmarks/removal.py --picture hole.png  # also writes a sheet of the held-out views

The scene is reconstructed as splats, and the mug's Gaussians are those that its label pictures tell. Every row is the
mean over the held-out views in which the mug has at least 60 pixels: PSNR within its label mask, to the picture that
was rendered without it; and PSNR outside of the mask, to the reconstruction before. Peers: the hole left open, and
OpenCV's inpainting (Telea 2004) of every held-out view by itself, in the widened mask.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table
from scipy import ndimage

import editor3d
from editor3d.datasets.demo import true_edit_path
from editor3d.datasets.locate import DEMO
from editor3d.datasets.views.images import read_image, read_object_masks
from editor3d.edit_config import edit_config
from editor3d.files.writing import write_json
from editor3d.options import EditOptions
from editor3d.outputs.pictures import save_png
from editor3d.plugin.bases.base import ensure_base
from editor3d.plugin.confine.regions import select
from editor3d.plugin.results.runs import open_run
from editor3d.regions import ObjectRegion
from gaussian.draw.selection import delete
from gaussian.fill.fill import take_out, without

LEAST, WIDER = 60, 2
THING = "mug"


def psnr(picture: np.ndarray, truth: np.ndarray, where: np.ndarray) -> float:
    return -10.0 * float(np.log10(max(np.square(picture - truth)[where].mean(), 1e-12)))


def main(
    run: Path | None = None, output: Path = Path("outputs"), picture: Path | None = None, json_file: Path | None = None
) -> int:
    """Take the mug out, and compare.

    Args:
        run: a finished reconstruction of the demo scene as splats; by default the kept one, made if there is none.
        output: where reconstructions are kept.
        picture: also write the held-out views side by side here: before, open, filled, inpainted, true.
        json_file: also write the figures here.
    """
    if run is None:
        scene = editor3d.load(DEMO)
        config = edit_config(
            scene, EditOptions("make it brighter", method="igs2gs", editor="procedural", output=output)
        )
        config.check()
        run = ensure_base("splat", config, None).run
    _, pipeline = open_run(run)
    model = pipeline.model.eval()
    base, dataset = model.splats.detach(), pipeline.datamanager.eval_dataset
    views, objects = dataset.metadata["views"], dataset.metadata["posed_images"].objects
    which = select(pipeline, ObjectRegion(THING))

    def rendered(splats) -> list[np.ndarray]:
        model.set_splats(splats)
        with torch.no_grad():
            return [pipeline.render_view(dataset.cameras, index)["rgb"].cpu().numpy() for index in range(len(dataset))]

    before = rendered(base)
    began, cpu = time.perf_counter(), time.process_time()
    found = take_out(model, pipeline.datamanager.train_dataset.cameras, which)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    masks = [read_object_masks(view, {THING: objects[THING]})[THING].numpy() for view in views]
    wide = [ndimage.binary_dilation(mask, iterations=WIDER).astype(np.uint8) for mask in masks]
    eight = [(shown * 255).round().clip(0, 255).astype(np.uint8) for shown in before]
    ways = {
        "before": before,
        "hole left open": rendered(delete(base, which)),
        "filled": rendered(without(base, found)),
        "each view inpainted": [
            cv2.inpaint(shown, mask, 3, cv2.INPAINT_TELEA).astype(np.float32) / 255.0
            for shown, mask in zip(eight, wide, strict=True)
        ],
    }
    model.set_splats(base)
    paths = {path.stem: path for path in (true_edit_path("remove") / "images").iterdir()}
    truth = [read_image(paths[view.name]).numpy() / 255.0 for view in views]
    photographs = [read_image(view).numpy() / 255.0 for view in views]
    judged = [index for index, mask in enumerate(masks) if mask.sum() >= LEAST]
    table = Table(title=f"The {THING} taken out, in {len(judged)} held-out views")
    for heading in ("", "in the hole, dB", "lowest", "outside, to before, dB", "lowest"):
        table.add_column(heading, justify="left" if not heading else "right")
    rows = {}
    for name, shown in ways.items():
        inside = [psnr(shown[index], truth[index], masks[index]) for index in judged]
        outside = [psnr(shown[index], before[index], ~masks[index]) for index in judged] if name != "before" else []
        rows[name] = {"inside": inside, "outside": outside}
        further = [f"{np.mean(outside):.1f}", f"{min(outside):.1f}"] if outside else ["", ""]
        table.add_row(name, f"{np.mean(inside):.1f}", f"{min(inside):.1f}", *further)
    rest = [psnr(before[index], photographs[index], ~masks[index]) for index in judged]
    console = Console(width=100)
    console.print(table)
    console.print(f"the reconstruction is {np.mean(rest):.1f} dB from its photographs beside the {THING}")
    console.print(
        f"{int(found.taken.sum())} Gaussians taken, {len(found.new)} new; {seconds:.1f} s, {cpu:.1f} of the processor"
    )
    console.print("wanted: 25 dB in the hole, 40 dB outside")
    if picture is not None:
        save_png(
            picture, np.concatenate([np.concatenate([ways[n][i] for n in ways] + [truth[i]], 1) for i in judged], 0)
        )
    if json_file is not None:
        write_json(json_file, rows)
    return 0


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
