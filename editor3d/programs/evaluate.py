"""Judge a finished refinement by its renders before and after."""

from __future__ import annotations

from pathlib import Path

import torch

from editor3d.errors import CheckpointError
from editor3d.metrics.learned import CAPTION_BEFORE
from editor3d.metrics.report import EditReport, edit_report
from editor3d.metrics.unavailable import Unavailable
from editor3d.metrics.views import Cost, HeldOutView
from editor3d.programs.imagination import VIEW
from editor3d.programs.plan import read_plan
from editor3d.programs.request import read_picture
from editor3d.run.folders import resume_command
from editor3d.run.record import RECORD, read_record


def evaluate(run: Path) -> EditReport:
    """The report on a run. Its one view is what the scene's camera sees.

    Raises:
        CheckpointError: the run is not finished, or cannot be read.
    """
    instruction = read_plan(run).request.instruction
    pictures = [run / when / f"{VIEW}.png" for when in ("before", "after")]
    if not (run / RECORD).is_file() or not all(path.is_file() for path in pictures):
        raise CheckpointError(
            f"Expected a finished refinement in {run}, found one that was stopped: resume it first, "
            f"{resume_command(run)}"
        )
    before, after = (torch.from_numpy(read_picture(path)).float() / 255.0 for path in pictures)
    view = HeldOutView(VIEW, photo=before, base_render=before, edited_render=after)
    record = read_record(run / RECORD)
    return edit_report(
        [view],
        cost=Cost(edits_2d=len(record.edits), seconds=record.times.total),
        caption=f"{CAPTION_BEFORE}, {instruction}" if instruction else "",
        unknown=Unavailable(
            "how near a program can come to what was wanted is not known, so there is no edit gap",
            f"compare target_psnr_before and target_psnr_after in {RECORD}",
        ),
    )
