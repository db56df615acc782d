"""Edits of the demo scene's voxel field by the small models: how far the object moves, and how much else stays.

    python benchmarks/voxel_edits.py

For each edit: the share of the way that the object's mean colour went to the reference edit's, in held-out views,
1 - dE(edit, reference) / dE(original, reference) in Lab; the PSNR between original and edited renders outside the
object; and the seconds of the edit, without its reconstruction.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table
from skimage.color import rgb2lab

from editor3d import Edit, load
from editor3d.api import _run as run_config
from editor3d.datasets.views.images import read_object_masks
from editor3d.edit_config import edit_config
from editor3d.editors.procedural.editor import ProceduralEditor
from editor3d.files.writing import write_json
from editor3d.metrics.image import psnr
from editor3d.options import EditOptions
from editor3d.plugin.results.runs import open_run
from editor3d.types import EditRequest


@dataclass(frozen=True)
class Case:
    """One edit, and the instruction whose reference it is judged by."""

    method: str
    text: str
    guidance: str
    reference: str
    object: str
    edit_words: str = ""


CASES = (
    Case("instruct-3d-to-3d", "make the teapot blue", "tiny-ip2p", "make the teapot blue", "teapot"),
    Case("vox-e", "a blue teapot", "tiny-t2i", "make the teapot blue", "teapot"),
    Case("vox-e", "a blue teapot", "tiny-t2i", "make the teapot blue", "teapot", edit_words="teapot"),
)


@dataclass(frozen=True)
class Judged:
    """Means over the held-out views that see the object."""

    moved: float
    locality: float
    seconds: float


@dataclass
class Options:
    """What is run."""

    models: Path | None = None
    """Folder that holds tiny-ip2p and tiny-t2i; those that come with the package by default."""
    data: str = "demo"
    output: Path = Path("outputs")
    downscale_factor: int = 1
    json_file: Path | None = None
    """Write the figures here as well."""


def judge(run: Path, case: Case) -> Judged:
    """Compare a run with its base in held-out views."""
    config, edited = open_run(run)
    _, base = open_run(config.load_checkpoint)
    dataset = edited.datamanager.eval_dataset
    objects, cameras = dataset.metadata["posed_images"].objects, dataset.cameras
    editor, moved, locality = ProceduralEditor(), [], []
    for index, view in enumerate(dataset.metadata["views"]):
        masks = read_object_masks(view, objects)
        mask = masks[case.object]
        if not mask.any():
            continue
        with torch.no_grad():
            before, after = (pipeline.render_view(cameras, index)["rgb"].clamp(0, 1) for pipeline in (base, edited))
        reference = editor.edit(EditRequest(view.name, case.reference, before, objects=masks))
        colors = [rgb2lab(picture.numpy())[mask.numpy()].mean(0) for picture in (before, after, reference)]
        moved.append(1.0 - np.linalg.norm(colors[1] - colors[2]) / np.linalg.norm(colors[0] - colors[2]))
        locality.append(psnr(before, after, ~mask))
    return Judged(float(np.mean(moved)), float(np.mean(locality)), Edit(run).record.times.total)


def edit(case: Case, options: Options) -> Path:
    """Run an edit; its folder."""
    config = edit_config(
        load(options.data, downscale_factor=options.downscale_factor),
        EditOptions(
            case.text,
            method=case.method,
            editor=case.guidance if options.models is None else f"{case.guidance}:{options.models / case.guidance}",
            output=options.output,
        ),
    )
    if case.edit_words:
        config.pipeline.edit_words = case.edit_words
    config.set_timestamp()
    config.check()
    return run_config(config)


def main(options: Options) -> None:
    """Edit, judge, print."""
    table = Table("method", "text", "local", "moved", "locality, dB", "seconds")
    figures = []
    for case in CASES:
        judged = judge(edit(case, options), case)
        local = "yes" if case.edit_words else "no"
        row = (f"{judged.moved:.0%}", f"{judged.locality:.1f}", f"{judged.seconds:.0f}")
        table.add_row(case.method, case.text, local, *row)
        figures.append({"method": case.method, "text": case.text, "local": bool(case.edit_words), **vars(judged)})
    Console().print(table)
    if options.json_file is not None:
        write_json(options.json_file, figures)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
