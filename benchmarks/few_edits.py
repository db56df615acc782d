"""Measure edits of a few views: gap, the anchor's look, consistency, sharpness and time against the number of 2D edits.

    python benchmarks/few_edits.py --editors procedural procedural-noisy --edits 12 all --output outputs/few_edits
    python benchmarks/few_edits.py --capture CAPTURE_512 --editors procedural-noisy --edits 4 8 12 20 all

`gap` is the ideal minus the edited scene's PSNR to f(photo), in dB, over the held-out views that are shown. `to anchor`
is the same with the anchor's own look in the place of f: the colours that the editor's draw for the anchor gives to
f(photo), known exactly for `procedural-noisy`, whose draws depend on their seed alone; with all views edited, of the
first one. `and warp` also warps each view as the anchor was: no scene can look so, since the warp is one of pixels.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor

import editor3d
from editor3d.api import Edit
from editor3d.datasets import load_posed_images
from editor3d.datasets.demo import demo_path
from editor3d.datasets.views.images import read_image
from editor3d.editors import create_editor
from editor3d.metrics.image import psnr
from editor3d.metrics.unavailable import Unavailable
from editor3d.types import EditRequest, View
from lab.editors.install import install_editors
from lab.editors.noisy import drawn_colors

INSTRUCTION = "make it look like winter"


def look_of(editor: str, instruction: str, seed: int) -> Callable[[Tensor], Tensor]:
    """What one draw of an editor makes of a picture [H, W, 3]."""
    made = create_editor(editor)
    return lambda picture: made.edit(EditRequest("", instruction, picture, seed=seed))


def gap_to(look: Callable[[Tensor], Tensor], edit: Edit, views: dict[str, View]) -> float:
    """Mean over the shown views of PSNR(look(base), look(photo)) - PSNR(edited, look(photo)), dB."""
    gaps = []
    for path in sorted((edit.folder / "after").glob("*.png")):
        size = (views[path.stem].width, views[path.stem].height)
        photo = read_image(views[path.stem]).float() / 255.0
        before, after = (
            read_image(edit.folder / kind / path.name, size).float() / 255.0 for kind in ("before", "after")
        )
        truth = look(photo)
        gaps.append(psnr(look(before), truth) - psnr(after, truth))
    return float(np.mean(gaps))


def _then(first: Callable[[Tensor], Tensor], second: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda picture: second(first(picture))


def anchor_seed(edit: Edit) -> int:
    """The seed of the anchor's edit."""
    record = edit.record
    keys = record.notes.get("keys")
    return record.edits[0 if keys is None else keys["accepted"][0]["revision"] - 1].seed


def main(
    capture: Path | None = None,
    editors: tuple[str, ...] = ("procedural", "procedural-noisy", "tiny-ip2p"),
    edits: tuple[str, ...] = ("4", "8", "12", "20", "all"),
    method: str = "igs2gs",
    instruction: str = INSTRUCTION,
    steps: int | None = None,
    output: Path = Path("outputs/few_edits"),
) -> int:
    """Print the table.

    Args:
        capture: a capture; the demo scene by default.
        editors: 2D editors.
        edits: numbers of 2D edits, or all.
        method: in2n or igs2gs.
        instruction: one that the procedural editor understands.
        steps: training steps of an edit; the method's own by default.
        output: folder of the runs.
    """
    install_editors()
    data = demo_path() if capture is None else capture
    views = {view.name: view for view in load_posed_images(data).views}
    table = Table(title=f'"{instruction}" by {method}, PSNR in dB over the shown held-out views')
    for heading in (
        "editor",
        "edits",
        "keys cover",
        "gap",
        "to anchor",
        "and warp",
        "consistency",
        "sharpness",
        "seconds",
    ):
        table.add_column(heading, justify="left" if heading == "editor" else "right")
    for editor, count in ((editor, count) for editor in editors for count in edits):
        began = time.perf_counter()
        number = count if count in ("all", "auto") else int(count)
        edit = editor3d.load(data, downscale_factor=1).edit(
            instruction, method=method, editor=editor, edits=number, steps=steps, output=output
        )
        seconds = time.perf_counter() - began
        record, report = edit.record, edit.evaluate()
        keys, pictures = record.notes.get("keys"), report.pictures
        known = look_of("procedural", instruction, 0)
        drawn = drawn_colors(anchor_seed(edit)) if editor == "procedural-noisy" else None
        agreement = report.consistency
        table.add_row(
            editor,
            f"{len(record.edits)}",
            "" if keys is None else f"{keys['covered']:.0%}",
            f"{gap_to(known, edit, views):.2f}",
            "" if drawn is None else f"{gap_to(_then(known, drawn), edit, views):.2f}",
            "" if drawn is None else f"{gap_to(look_of(editor, instruction, anchor_seed(edit)), edit, views):.2f}",
            "" if isinstance(agreement, Unavailable) else f"{agreement.short_range.after:.4f}",
            "" if report.change.mean.sharpness is None else f"{report.change.mean.sharpness:.2f}",
            f"{seconds:.0f}",
        )
        if pictures is not None and not isinstance(pictures, Unavailable):
            print(f"{editor}, {count}: {pictures}")
        Console(width=140).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
