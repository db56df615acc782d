"""Measure known edits: edit gap, locality, depth error and cost, on a real capture and on the demo scene.

    python benchmarks/known_edits.py --capture CAPTURE_512 --output outputs/known_edits
    python benchmarks/known_edits.py --capture CAPTURE_512 --methods in2n igs2gs --downscale-factor 1 --only capture

Whole-picture edits run on the capture (by default at half its size), edits of one object and true edits on the
demo scene. A gap is the ideal minus the edited scene's PSNR, in dB, over held-out views; beside it stands what doing
nothing scores.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

import editor3d
from editor3d.datasets.demo import TRUE_EDITS, demo_path, true_edit_path
from editor3d.files.writing import write_json
from editor3d.metrics.report import EditReport
from editor3d.plugin.bases.base import ensure_base
from lab.editors.install import install_editors

WHOLE = "make it look like winter"
OBJECT = "make the teapot gold"


@dataclass(frozen=True)
class Case:
    name: str
    data: Path
    instruction: str
    editor: str
    downscale_factor: int = 1
    reference: Path | None = None


def truly_edited_capture(name: str, folder: Path) -> Path:
    """The demo scene with its truly edited pictures as a capture of its own: what a perfect edit would be fitted to."""
    body = json.loads((demo_path() / "transforms.json").read_text(encoding="utf-8"))
    images = true_edit_path(name) / "images"
    for frame in body["frames"]:
        frame["file_path"] = str(images / Path(frame["file_path"]).name)
        frame.pop("labels_path", None)
        frame.pop("depth_file_path", None)
    for split in ("train_filenames", "test_filenames", "val_filenames"):
        if split in body:
            body[split] = [str(images / Path(file).name) for file in body[split]]
    body.pop("ply_file_path", None)
    write_json(folder / f"truly-{name}" / "transforms.json", body)
    return folder / f"truly-{name}"


def reconstruct(data: Path, method: str, output: Path, downscale_factor: int = 1) -> tuple[Path, float]:
    """Train (or find) the base of a capture; its run folder and the seconds this took."""
    from editor3d.api import Scene
    from editor3d.edit_config import edit_config
    from editor3d.options import EditOptions

    config = edit_config(Scene(data, downscale_factor), EditOptions(WHOLE, method=method, output=output))
    config.check()
    began = time.perf_counter()
    base = ensure_base(config.base_method, config, None)
    return base.run, time.perf_counter() - began


def row(case: Case, method: str, report: EditReport, base_seconds: float, edit_seconds: float) -> list[str]:
    mean, change = report.known.mean, report.change.mean

    def decibel(value: float | None) -> str:
        return "" if value is None else f"{value:.2f}"

    depth = "" if mean.depth is None or mean.depth.changed is None else f"{100 * mean.depth.changed:.1f} %"
    fair = "" if report.known.conditions is None else ("yes" if report.known.conditions.fair else "no")
    return [
        case.name,
        method,
        decibel(change.base),
        decibel(mean.unedited),
        decibel(mean.edited),
        decibel(mean.ideal),
        decibel(mean.gap),
        decibel(change.locality),
        depth,
        fair,
        str(report.cost.edits_2d),
        f"{base_seconds:.0f} s",
        f"{edit_seconds:.0f} s",
    ]


def main(
    capture: Path | None = None,
    methods: tuple[str, ...] = ("in2n",),
    downscale_factor: int = 2,
    output: Path = Path("outputs/known_edits"),
    only: str = "",
) -> int:
    """Print the known-edit figures.

    Args:
        capture: a capture; without one only the demo scene is edited.
        methods: the edit methods.
        downscale_factor: read the capture's pictures at 1/N of their size.
        output: folder for the runs.
        only: run only the cases whose name contains this.
    """
    install_editors()
    cases = [Case(f"demo: {OBJECT}", demo_path(), OBJECT, "procedural")]
    for name in TRUE_EDITS:
        editor = f"folder:{true_edit_path(name) / 'images'}"
        cases.append(Case(f"demo: truly {name}", demo_path(), "", editor, reference=Path(name)))
    if capture is not None:
        cases.append(Case(f"capture: {WHOLE}", capture, WHOLE, "procedural", downscale_factor))
        cases.append(Case(f"capture: {WHOLE}, noisy editor", capture, WHOLE, "procedural-noisy", downscale_factor))
    cases = [case for case in cases if only in case.name]
    if not cases:
        raise SystemExit(f"Expected a part of a case's name for --only, got {only}: try truly or winter.")
    table = Table(title="Known edits, means over held-out views, PSNR in dB")
    for heading in (
        "edit", "method", "base", "unedited", "edited", "ideal", "gap", "locality", "depth error", "fair f", "2D edits",
        "base time", "edit time",
    ):  # fmt: skip
        table.add_column(heading, justify="left" if heading == "edit" else "right")
    console, base_seconds = Console(width=180), {}
    for case, method in ((case, method) for case in cases for method in methods):
        run, seconds = reconstruct(case.data, method, output, case.downscale_factor)
        seconds = base_seconds.setdefault(run, seconds)  # a base that another case has made is found at once
        console.print(f"{case.name}: base in {run}, {seconds:.0f} s")
        reference = None
        if case.reference is not None:
            reference, _ = reconstruct(truly_edited_capture(str(case.reference), output), method, output)
        scene = editor3d.Scene(case.data, case.downscale_factor, base=run)
        edit = scene.edit(case.instruction, method=method, editor=case.editor, output=output)
        report = edit.evaluate(reference=reference)
        times = json.loads((edit.folder / "edit.json").read_text(encoding="utf-8"))["times"]
        table.add_row(*row(case, method, report, seconds, times["total"]))
    console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
