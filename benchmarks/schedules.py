"""Schedules of other systems in this engine: how many 2D edits, of what, when; one editor, one base, one fit.

    python benchmarks/schedules.py                                    # the demo scene, procedural-noisy
    python benchmarks/schedules.py --instruction "turn it to sepia" --rows dge in2n --steps 300

| row | edits of N views | when |
|---|---|---|
| in2n | 15 N | one view after another, round and round, through all steps (Instruct-NeRF2NeRF) |
| igs2gs | 3 N | all views at once, three times (Instruct-GS2GS) |
| editsplat | 2 N | all views at once, and again halfway (EditSplat, whose second edits look at warped neighbours) |
| gaussctrl | 40 | 40 views spread over all, once, before the first step (GaussCtrl) |
| dge | 40 | the same in groups of five neighbours, each edited by the draw of the group's pivot (DGE) |
| keys | 12 | this engine's own for few edits: key views that agree, carried over to the others (`--edits 12`) |

It is the schedules that are compared: what else makes those systems is left out, as their attention across views, which
needs a model to look into. DGE's is stood in for by one draw for five neighbours, which no black box could give it.
Neither adds Gaussians: the editor changes colours alone.

The gap is PSNR(f(base render), f(photograph)) - PSNR(edited render, f(photograph)) over held-out views, f being the
noisy editor's mean. *Anchor's look* is the same gap to f_a: f in the gain, offset and hue of the first edit that was
not left undone, which is what a user who approved that picture wants everywhere. *2D* is the root mean square
difference of colours between the pictures that were edited, at points that two of them see by the exact depth, beyond
that of the photographs; *3D* is that of held-out renders, from the known-edit report. Both are in hundredths of the
range, and low for blur as well: *sharp* is the energy of the renders' gradients beside that of f(base render).
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor

import editor3d
from editor3d.datasets import load_posed_images
from editor3d.datasets.demo import demo_path
from editor3d.datasets.views.images import read_image
from editor3d.edit_config import edit_config
from editor3d.editors.procedural.editor import ProceduralEditor
from editor3d.geometry.camera import Camera
from editor3d.geometry.matching import matches, warp
from editor3d.geometry.surface import SeenSurface
from editor3d.metrics.image import psnr
from editor3d.options import EditOptions
from editor3d.plugin.edit.trainer import EditTrainerConfig
from editor3d.plugin.results.runs import open_run
from editor3d.types import EditRequest, PosedImages, View
from editor3d.update.schedule import PlannedEdit, Schedule
from lab.editors.install import install_editors
from lab.editors.noisy import GAIN, HUE_DEGREES, OFFSET, UNCHANGED_SHARE, hue_rotation

_LOOKED_AT = 64  # pixels a side by which it is decided which views are compared


@dataclass(frozen=True)
class Groups(Schedule):
    """`all-at-once`, with one seed for every `group` views in a row, that of the first: the pivot's."""

    group: int = 5

    def plan(
        self, step: int, total_steps: int, cursor: int, n_views: int, generator: torch.Generator
    ) -> list[PlannedEdit]:
        planned = super().plan(step, total_steps, cursor, n_views, generator)
        return [replace(edit, seed=planned[n - n % self.group].seed) for n, edit in enumerate(planned)]


@dataclass(frozen=True)
class Row:
    """One system's schedule, for a number of steps and of views."""

    schedule: Callable[[int, int], Schedule]
    most_views: int | None = None


def _cyclic(steps: int, edits: int) -> Schedule:
    """About so many edits, one view after another, through all steps."""

    def made(rate: int) -> int:
        return -(-steps // rate) * max(1, round(edits * rate / steps))

    rate = min(range(1, 11), key=lambda rate: abs(made(rate) - edits))
    return Schedule("cyclic", edit_rate=rate, edit_count=max(1, round(edits * rate / steps)))


ROWS = {
    "in2n": Row(lambda steps, views: _cyclic(steps, 15 * views)),
    "igs2gs": Row(lambda steps, views: Schedule("all-at-once", edit_rate=math.ceil(steps / 3))),
    "editsplat": Row(lambda steps, views: Schedule("all-at-once", edit_rate=math.ceil(steps / 2))),
    "gaussctrl": Row(lambda steps, views: Schedule("all-at-once", edit_rate=steps), most_views=40),
    "dge": Row(lambda steps, views: Groups("all-at-once", edit_rate=steps), most_views=40),
}


def run(config: EditTrainerConfig, schedule: Schedule | None) -> editor3d.Edit:
    """Edit by a schedule; None is the engine's own."""
    config.set_timestamp()
    config.check()
    config.write_config()
    trainer = config.setup(local_rank=0, world_size=1)
    trainer.prepare()
    if schedule is not None:
        trainer.pipeline.updater.schedule = schedule
    if not trainer.fit():
        raise SystemExit("Expected an edit to the end, but it was stopped; run the benchmark again.")
    trainer.shutdown()
    return editor3d.Edit(trainer.base_dir)


def look(picture: Tensor, seed: int) -> Tensor:
    """The gain, offset and hue of the noisy editor's draw for a seed, without its warp: [H, W, 3]."""
    generator = torch.Generator().manual_seed(seed)
    torch.rand((), generator=generator)
    gain, offset, hue = torch.rand(3, generator=generator).tolist()
    turned = picture @ hue_rotation(math.radians(HUE_DEGREES * (2.0 * hue - 1.0))).T
    return ((GAIN[0] + gain * (GAIN[1] - GAIN[0])) * turned + OFFSET * (2.0 * offset - 1.0)).clamp(0.0, 1.0)


def is_nothing(seed: int) -> bool:
    """Whether the noisy editor gives its picture back unchanged for a seed."""
    return float(torch.rand((), generator=torch.Generator().manual_seed(seed))) < UNCHANGED_SHARE


def energy(picture: Tensor) -> float:
    """Mean square of the gradient of a picture [H, W, 3]."""
    return float(picture.diff(dim=0).square().mean() + picture.diff(dim=1).square().mean())


@torch.no_grad()
def judged(edit: editor3d.Edit, instruction: str) -> dict[str, float]:
    """Gap to the anchor's look, dB, and sharpness, over held-out views."""
    config, edited = open_run(edit.folder)
    _, base = open_run(config.load_checkpoint)
    anchor = next(e.seed for e in edit.record.edits if not is_nothing(e.seed))
    dataset, found = edited.datamanager.eval_dataset, []
    for index, view in enumerate(dataset.metadata["views"]):
        photo = read_image(view, (view.width, view.height)).float() / 255.0
        before, after = (p.render_view(dataset.cameras, index)["rgb"].cpu() for p in (base, edited))
        wanted, best = (ProceduralEditor().edit(EditRequest("", instruction, p)) for p in (photo, before))
        truth, ideal = look(wanted, anchor), look(best, anchor)
        found.append((psnr(ideal, truth) - psnr(after, truth), energy(after) / energy(best)))
    gap, sharp = np.mean(found, axis=0)
    return {"anchor": float(gap), "sharp": float(sharp)}


def surface(capture: PosedImages, view: View) -> SeenSurface:
    """What a view sees by the exact depth."""
    depth = cv2.imread(str(view.depth_path), cv2.IMREAD_UNCHANGED).astype(np.float32) * capture.depth_scale
    return SeenSurface.of_depth(Camera.of_view(view), torch.from_numpy(depth))


def agreement(capture: PosedImages, pictures: Path) -> float:
    """Mean over views of how far their picture is from that of the view that shows most of it, beyond how far the
    photographs are; root mean squares, in hundredths of the range."""
    views = [view for view in capture.views if (pictures / f"{view.name}.png").is_file()]
    surfaces = [surface(capture, view) for view in views]
    small = [seen.reduced(_LOOKED_AT) for seen in surfaces]
    found = []
    for index, view in enumerate(views):
        shares = [-1.0 if n == index else matches(small[index], other).share for n, other in enumerate(small)]
        other = int(np.argmax(shares))
        match = matches(surfaces[index], surfaces[other])
        if not (match.weight > 0).any():
            continue
        errors = []
        for edited in (True, False):
            own, theirs = (
                read_image(
                    pictures / f"{v.name}.png" if edited else v, (v.width, v.height)
                ).float() / 255.0
                for v in (view, views[other])
            )  # fmt: skip
            square = (own - warp(theirs, match)).square().mean(-1)
            errors.append(float((square * match.weight).sum() / match.weight.sum()) ** 0.5)
        found.append(max(0.0, errors[0] - errors[1]))
    return 100.0 * float(np.mean(found))


def main(
    instruction: str = "make it look like winter",
    editor: str = "procedural-noisy",
    method: str = "igs2gs",
    rows: tuple[str, ...] = (*ROWS, "keys"),
    edits: int = 12,
    steps: int | None = None,
    base: Path | None = None,
    output: Path = Path("outputs/known_edits"),
) -> int:
    """Print the table.

    Args:
        instruction: one that the procedural editor understands.
        editor: the 2D editor. The anchor's look is that of procedural-noisy.
        method: an edit method.
        rows: those of the table, in their order.
        edits: of the row "keys".
        steps: of each edit; the method's own number by default.
        base: a run to start from; otherwise one is looked for in `output`, or made.
        output: folder for the runs.
    """
    capture = load_posed_images(demo_path())
    n_views = sum(view.split == "train" for view in capture.views)
    install_editors()
    unknown = [name for name in rows if name not in (*ROWS, "keys")]
    if unknown:
        raise SystemExit(f"Expected rows out of {', '.join(ROWS)} and keys, got {unknown[0]}.")
    table = Table(title=f"{instruction}, {editor}, {method}, {n_views} views; dB and hundredths of the range")
    for heading in ("schedule", "2D edits", "time", "gap", "anchor's look", "2D", "3D", "sharp"):
        table.add_column(heading, justify="left" if heading == "schedule" else "right")
    console = Console(width=130)
    for name in rows:
        row = ROWS.get(name)
        scene = editor3d.Scene(demo_path(), base=base)
        budget = "all" if row is not None else edits
        options = EditOptions(instruction, method=method, editor=editor, output=output, steps=steps, edits=budget)
        config = edit_config(scene, options)
        config.pipeline.model.strategy.refine_stop = 0  # the editor changes colours alone
        if row is not None and row.most_views is not None and n_views > row.most_views:
            raise SystemExit(f"Expected a capture of at most {row.most_views} training views, got {n_views}.")
        edit = run(config, None if row is None else row.schedule(config.max_num_iterations, n_views))
        report, found = edit.evaluate().to_json(), judged(edit, instruction)
        cells = [
            name,
            str(report["cost"]["edits_2d"]),
            f"{edit.record.times.total:.0f} s",
            f"{report['known_edit']['mean']['gap']:.2f}",
            f"{found['anchor']:.2f}",
            f"{agreement(capture, edit.edited_pictures):.1f}",
            f"{100.0 * report['consistency']['short_range']['after']:.1f}",
            f"{found['sharp']:.2f}",
        ]
        table.add_row(*cells)
        console.print(json.dumps(dict(zip([str(c.header) for c in table.columns], cells, strict=True))), soft_wrap=True)
    console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
