"""A capture's own splats, written to a file and edited without its photographs, beside the same edit of the capture.

    python benchmarks/splat_file.py --capture CAPTURE --downscale-factor 2

The capture is reconstructed and edited; its reconstruction is exported, and the file edited from cameras that are put
where it is seen well. Both results are drawn from the capture's held-out cameras and compared with the known edit of
its photographs.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch
import tyro
from known_edits import WHOLE, reconstruct
from rich.console import Console
from rich.table import Table

import editor3d
from editor3d.datasets.views.images import read_image
from editor3d.editors.procedural.editor import ProceduralEditor
from editor3d.metrics.image import psnr
from editor3d.plugin.results.runs import open_run
from editor3d.types import Around, EditRequest, View
from gaussian.edit.scene_file import extent_of, model_of, picture_of
from gaussian.files import read_file

GAP = 1.5
"""dB that the edit of the file may be behind."""


def judged(file: Path, views: tuple[View, ...], instruction: str) -> tuple[float, float, float]:
    """Mean PSNR over views of a scene's pictures to the known edit of the photographs and to the photographs
    themselves, and of its known edit to that of the photographs."""
    contents, editor = read_file(file), ProceduralEditor()
    model = model_of(contents, extent_of(views))

    def f(name: str, picture: torch.Tensor) -> torch.Tensor:
        return editor.edit(EditRequest(view=name, instruction=instruction, condition=picture))

    rows = []
    for view in views:
        photo, drawn = read_image(view).float() / 255, picture_of(model, view, contents.offset)
        wanted = f(view.name, photo)
        rows.append((psnr(drawn, wanted), psnr(drawn, photo), psnr(f(view.name, drawn), wanted)))
    return tuple(torch.tensor(rows).mean(0).tolist())


def main(
    capture: Path,
    downscale_factor: int = 2,
    side: int | None = None,
    output: Path = Path("outputs/splat_file"),
    base: Path | None = None,
    of_capture: Path | None = None,
    of_file: Path | None = None,
) -> int:
    """Print the PSNR of both edits.

    Args:
        capture: a capture.
        downscale_factor: read its pictures at 1/N of their size.
        side: of the file's pictures; that of the capture's by default.
        output: folder for the runs.
        base: a reconstruction of the capture to be taken.
        of_capture: a finished edit of it to be taken.
        of_file: a finished edit of its file to be taken.
    """
    if base is None:
        base, seconds = reconstruct(capture, "igs2gs", output, downscale_factor)
        print(f"base in {base}, {seconds:.0f} s")
    _, pipeline = open_run(base)
    file = output / f"{capture.name}.ply"
    pipeline.model.write_scene(file, pipeline.datamanager.train_dataparser_outputs)
    views = pipeline.datamanager.eval_dataset.metadata["views"]
    scenes = {
        "the capture": editor3d.Scene(capture, downscale_factor, base=base),
        "the file": editor3d.load(file, around=Around(side=side or max(views[0].width, views[0].height))),
    }
    table = Table(title=f"{WHOLE!r}, means over {len(views)} held-out photographs, PSNR in dB")
    for heading in ("edit of", "edited", "unedited", "ideal", "seconds"):
        table.add_column(heading, justify="left" if heading == "edit of" else "right")
    unedited, _, ideal = judged(file, views, WHOLE)
    edited = {}
    for name, run in zip(scenes, (of_capture, of_file), strict=True):
        began = time.perf_counter()
        if run is None:
            run = scenes[name].edit(WHOLE, editor="procedural", output=output).folder
        edited[name], *_ = judged(run / "scene.ply", views, WHOLE)
        figures = (edited[name], unedited, ideal)
        table.add_row(name, *(f"{value:.2f}" for value in figures), f"{time.perf_counter() - began:.0f}")
    Console(width=120).print(table)
    behind = edited["the capture"] - edited["the file"]
    print(f"the file is {behind:.2f} dB behind; at most {GAP} dB is asked for")
    return 0 if behind <= GAP else 1


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
