"""What bounds an edit of the built-in editor: how its renders compare with f, on training views and held-out ones.

    python benchmarks/edit_bound.py RUN

f is the editor's map with each view's own geometry. On training views the scene was fitted to f itself: what is missing
there is what the scene cannot show. `inside` leaves out the pixels next to the region's border, where f ends in the
picture, and a scene shows parts of both sides. `agreement` is that of f between neighbouring training views at the same
points: no scene that looks alike from all sides can come much nearer to each of them.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from pathlib import Path

import cv2
import numpy as np
import torch
import tyro
from torch import Tensor

from editor3d.datasets.views.images import read_image, read_object_masks
from editor3d.editors.procedural.editor import ProceduralEditor, edited_region
from editor3d.editors.procedural.parse import parse
from editor3d.geometry.camera import Camera
from editor3d.geometry.surface import SeenSurface
from editor3d.metrics.consistency import choose_pairs, reprojection_error
from editor3d.metrics.image import psnr
from editor3d.plugin.edit.trainer import EditTrainerConfig
from editor3d.plugin.results.runs import open_run
from editor3d.plugin.views.surfaces import SURFACE_FILE, kept_surface, seen_geometry
from editor3d.run.record import read_record
from editor3d.types import EditRequest

_BORDER = 3
"""Pixels off the region's border that count as inside."""


def main(run: tyro.conf.Positional[Path], views: int = 8) -> None:
    """Print the comparison.

    Args:
        run: the folder of a finished edit by the built-in editor.
        views: how many training views are looked at.
    """
    config, edited = open_run(run)
    assert isinstance(config, EditTrainerConfig)
    assert config.load_checkpoint is not None
    _, base = open_run(config.load_checkpoint)
    said, manager = read_record(run / "edit.json").instruction, base.datamanager
    surface = kept_surface(run / SURFACE_FILE, base, as_captured=True)
    objects = manager.train_dataset.metadata["posed_images"].objects
    editor, f_of, surfaces = ProceduralEditor(), [], []
    print(f"{'':10} {'edited':>8} {'inside':>8} {'ideal':>8} {'doing nothing':>14}  dB")
    for name, dataset in (("training", manager.train_dataset), ("held out", manager.eval_dataset)):
        all_views, rows = dataset.metadata["views"], []
        for index in np.linspace(0, len(all_views) - 1, min(views, len(all_views))).round().astype(int).tolist():
            view, camera = all_views[index], dataset.cameras[index : index + 1]
            masks = read_object_masks(view, objects)
            geometry = seen_geometry(base, surface, camera, view, as_captured=True)

            def f(picture: Tensor, view=view, masks=masks, geometry=geometry) -> Tensor:
                return editor.edit(EditRequest(view.name, said, picture, objects=masks, geometry=geometry))

            photo = read_image(view).float() / 255.0
            before, after = (
                pipeline.render_view(dataset.cameras, index)["rgb"].cpu().clamp(0.0, 1.0) for pipeline in (base, edited)
            )
            truth, region = f(photo), edited_region(parse(said, masks), masks)
            if region is None:
                region = torch.ones(photo.shape[:2], dtype=torch.bool)
            if not region.any():
                continue
            inner = _inner(region)
            scores = (psnr(after, truth, region), psnr(after, truth, inner), psnr(f(before), truth, region))
            rows.append([*scores, psnr(before, truth, region)])
            if name == "training":
                f_of.append(truth)
                depth = torch.where(region & geometry.depth.isfinite(), geometry.depth, torch.zeros(()).double())
                surfaces.append(SeenSurface.of_distance(Camera.of_view(view), depth))
        print(f"{name:10} " + " ".join(f"{value:8.2f}" for value in np.mean(rows, 0)))
    near, _ = choose_pairs(surfaces)
    errors = [reprojection_error(f_of[i], surfaces[i], f_of[j], surfaces[j]) for i, j in near]
    print(f"agreement  {np.mean([-20.0 * np.log10(error) for error in errors if error is not None]):8.2f}")


def _inner(region: Tensor) -> Tensor:
    """The pixels [H, W] bool of a region that lie off its border."""
    side = 2 * _BORDER + 1
    kept = cv2.erode(region.numpy().astype(np.uint8), np.ones((side, side), np.uint8), borderValue=1)
    return torch.from_numpy(kept > 0) if kept.any() else region


if __name__ == "__main__":
    tyro.cli(main)
