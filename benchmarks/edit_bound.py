"""What bounds an edit of the built-in editor: how its renders compare with f, on training views and held-out ones.

    python benchmarks/edit_bound.py RUN
    python benchmarks/edit_bound.py RUN --reference

f is the editor's map with each view's own geometry. On training views the scene was fitted to f itself: what is missing
there is what the scene cannot show. `inside` leaves out the pixels next to the region's border, where f ends in the
picture, and a scene shows parts of both sides. `agreement` is that of f between neighbouring training views at the same
points: no scene that looks alike from all sides can come much nearer to each of them.

With `--reference` a scene is reconstructed from f of all photographs, by the base's own method, settings and steps:
what a capture of the edited scene would have given. It is the fair ideal of a material, which hides what the base got
wrong.
"""

from __future__ import annotations

import json
import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
import tyro
from PIL import Image
from torch import Tensor

from editor3d.api import Scene
from editor3d.datasets.views.images import read_image, read_object_masks
from editor3d.edit_config import edit_config
from editor3d.editors.procedural.editor import ProceduralEditor, edited_region
from editor3d.editors.procedural.parse import parse
from editor3d.files.writing import write_json
from editor3d.geometry.camera import Camera
from editor3d.geometry.surface import SeenSurface
from editor3d.metrics.consistency import choose_pairs, reprojection_error
from editor3d.metrics.image import psnr
from editor3d.options import EditOptions
from editor3d.outputs.pictures import to_uint8
from editor3d.plugin.bases.base import ensure_base, open_base
from editor3d.plugin.edit.trainer import EditTrainerConfig
from editor3d.plugin.results.runs import open_run
from editor3d.plugin.views.surfaces import SURFACE_FILE, kept_surface, seen_geometry
from editor3d.run.record import read_record
from editor3d.types import EditRequest, ViewGeometry

_BORDER = 3
"""Pixels off the region's border that count as inside."""
_WIDTHS = (8, 8, 10, 8, 8, 14)
_WHATEVER = "make it look like winter"


def main(run: tyro.conf.Positional[Path], views: int = 8, reference: bool = False) -> None:
    """Print the comparison.

    Args:
        run: the folder of a finished edit by the built-in editor.
        views: how many training views are looked at.
        reference: reconstruct f of the photographs, too, in a folder beside the run.
    """
    config, edited = open_run(run)
    assert isinstance(config, EditTrainerConfig)
    assert config.load_checkpoint is not None
    _, base = open_run(config.load_checkpoint)
    said, manager = read_record(run / "edit.json").instruction, base.datamanager
    surface = kept_surface(run / SURFACE_FILE, base, as_captured=True)
    objects = manager.train_dataset.metadata["posed_images"].objects
    editor, f_of, surfaces = ProceduralEditor(), [], []

    def geometry_of(dataset, index: int) -> ViewGeometry:
        view, camera = dataset.metadata["views"][index], dataset.cameras[index : index + 1]
        return seen_geometry(base, surface, camera, view, as_captured=True)

    def f_of_photo(dataset, index: int) -> Tensor:
        view = dataset.metadata["views"][index]
        masks, photo = read_object_masks(view, objects), read_image(view).float() / 255.0
        geometry = geometry_of(dataset, index)
        return editor.edit(EditRequest(view.name, said, photo, objects=masks, geometry=geometry))

    fitted = None
    if reference:
        folder = run.parent / f"{run.name}-reference"
        datasets = (manager.train_dataset, manager.eval_dataset)
        pictures = {
            view.image_path.name: partial(f_of_photo, dataset, index)
            for dataset in datasets
            for index, view in enumerate(dataset.metadata["views"])
        }
        capture = edited_capture(manager.config.dataparser.data, pictures, folder / "capture")
        made = reconstructed(capture, config.load_checkpoint, folder)
        print(f"reference  {made}")
        fitted = open_run(made)[1]
    print(f"{'':10} {'edited':>8} {'inside':>8} {'reference':>10} {'inside':>8} {'ideal':>8} {'doing nothing':>14}  dB")
    for name, dataset in (("training", manager.train_dataset), ("held out", manager.eval_dataset)):
        all_views, rows = dataset.metadata["views"], []
        for index in np.linspace(0, len(all_views) - 1, min(views, len(all_views))).round().astype(int).tolist():
            view = all_views[index]
            masks = read_object_masks(view, objects)
            geometry = geometry_of(dataset, index)

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
            ideal = [float("nan")] * 2
            if fitted is not None:
                shown = fitted.render_view(dataset.cameras, index)["rgb"].cpu().clamp(0.0, 1.0)
                ideal = [psnr(shown, truth, region), psnr(shown, truth, inner)]
            scores = (psnr(after, truth, region), psnr(after, truth, inner), *ideal, psnr(f(before), truth, region))
            rows.append([*scores, psnr(before, truth, region)])
            if name == "training":
                f_of.append(truth)
                depth = torch.where(region & geometry.depth.isfinite(), geometry.depth, torch.zeros(()).double())
                surfaces.append(SeenSurface.of_distance(Camera.of_view(view), depth))
        means = zip(np.mean(rows, 0), _WIDTHS, strict=True)
        print(f"{name:10} " + " ".join(f"{value:{width}.2f}" for value, width in means))
    near, _ = choose_pairs(surfaces)
    errors = [reprojection_error(f_of[i], surfaces[i], f_of[j], surfaces[j]) for i, j in near]
    print(f"agreement  {np.mean([-20.0 * np.log10(error) for error in errors if error is not None]):8.2f}")


def edited_capture(data: Path, pictures: Mapping[str, Callable[[], Tensor]], folder: Path) -> Path:
    """A capture as nerfstudio's, of the same cameras with other pictures.

    Args:
        data: the capture's folder, with a transforms.json.
        pictures: makes the picture [H, W, 3] in 0..1 in the place of each photograph, by the photograph's file name.
        folder: where it is made.
    """
    body = json.loads((data / "transforms.json").read_text(encoding="utf-8"))
    (folder / "images").mkdir(parents=True, exist_ok=True)

    def moved(path: str) -> str:
        return f"images/{Path(path).stem}.png"

    for frame in body["frames"]:
        edited = pictures[Path(frame["file_path"]).name]()
        Image.fromarray(to_uint8(edited)).save(folder / moved(frame["file_path"]))
        frame["file_path"] = moved(frame["file_path"])
        for name in ("labels_path", "depth_file_path"):
            frame.pop(name, None)
    for split in ("train_filenames", "val_filenames", "test_filenames"):
        if split in body:
            body[split] = [moved(path) for path in body[split]]
    if "ply_file_path" in body:
        body["ply_file_path"] = str((data / body["ply_file_path"]).resolve())
    body.pop("objects", None)
    write_json(folder / "transforms.json", body)
    return folder


def reconstructed(capture: Path, checkpoint: Path, output: Path) -> Path:
    """A run that reconstructs a capture as a base was; found, where it was made before.

    Args:
        checkpoint: the base's.
    """
    base = open_base(checkpoint).config
    assert base is not None
    # of an edit, only its pictures and its machine count for the base
    options = EditOptions(_WHATEVER, method="igs2gs", output=output, base_steps=base.max_num_iterations)
    config = edit_config(Scene(capture), options)
    config.check()
    return ensure_base(base.method_name, config, options.base_steps).run


def _inner(region: Tensor) -> Tensor:
    """The pixels [H, W] bool of a region that lie off its border."""
    side = 2 * _BORDER + 1
    kept = cv2.erode(region.numpy().astype(np.uint8), np.ones((side, side), np.uint8), borderValue=1)
    return torch.from_numpy(kept > 0) if kept.any() else region


if __name__ == "__main__":
    tyro.cli(main)
