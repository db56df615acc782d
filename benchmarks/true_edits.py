"""Measure edits that change the shape against the number of edited pictures: the demo scene truly edited by its script.

    python benchmarks/true_edits.py                                     # removed, enlarged, a hat; 12 pictures and all
    python benchmarks/true_edits.py --names hat --pictures 6 12 all --steps 300 --reference

The pictures come from the `folder` editor: the best so many of the demo's 40 training views, or all. *Edited* is the
PSNR to the truth over held-out views, *ideal* that of a perfect edit: with `--reference` that of the scene
reconstructed from all pictures truly edited, otherwise that of the base to the photographs. *Depth* is the median error
where the truth changed, *moved* where its depth did. *To all* is what fewer pictures lose beside all of them, in dB.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import tyro
from known_edits import reconstruct, truly_edited_capture
from rich.console import Console
from rich.table import Table

import editor3d
from editor3d.datasets.demo import TRUE_EDITS, demo_path, true_edit_path
from editor3d.metrics.unavailable import Unavailable


def decibel(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f} %"


def main(
    names: tuple[str, ...] = TRUE_EDITS,
    pictures: tuple[str, ...] = ("all", "12"),
    method: str = "igs2gs",
    steps: int | None = None,
    reference: bool = False,
    output: Path = Path("outputs/known_edits"),
) -> int:
    """Print the table.

    Args:
        names: true edits of the demo scene.
        pictures: how many are given, or all; *to all* needs all first.
        method: in2n or igs2gs.
        steps: training steps of an edit; the method's own by default.
        reference: reconstruct each truly edited scene, for the fair ideal.
        output: folder of the runs.
    """
    base, _ = reconstruct(demo_path(), method, output)
    table = Table(title=f"True edits of the demo scene by {method}, PSNR in dB over held-out views")
    for heading in (
        "edit", "pictures", "unedited", "edited", "ideal", "gap", "to all", "depth", "moved", "unedited", "seconds",
    ):  # fmt: skip
        table.add_column(heading, justify="left" if heading == "edit" else "right")
    for name in names:
        ideal = reconstruct(truly_edited_capture(name, output), method, output)[0] if reference else None
        with_all: float | None = None
        for count in pictures:
            began = time.perf_counter()
            edit = editor3d.Scene(demo_path(), base=base).edit(
                method=method,
                editor=f"folder:{true_edit_path(name) / 'images'}",
                edits="all" if count == "all" else int(count),
                steps=steps,
                output=output,
            )
            seconds = time.perf_counter() - began
            report = edit.evaluate(reference=ideal)
            assert not isinstance(report.known, Unavailable)  # the truth is shipped
            mean, depth = report.known.mean, report.known.mean.depth
            assert depth is not None
            if count == "all":
                with_all = mean.edited
            table.add_row(
                name,
                str(len(edit.record.edits)),
                *map(decibel, (mean.unedited, mean.edited, mean.ideal, mean.gap)),
                "" if with_all is None or mean.edited is None else decibel(with_all - mean.edited),
                *map(percent, (depth.changed, depth.moved, depth.moved_unedited)),
                f"{seconds:.0f}",
            )
            Console(width=140).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
