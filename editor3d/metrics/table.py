"""The known-edit report as a table for the terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.table import Table

from editor3d.metrics.known_edit import MAX_CHANGE_PSNR, MIN_CONTRAST_KEPT, EditScores

if TYPE_CHECKING:
    from editor3d.metrics.known_edit import KnownEditReport

_COLUMNS = ("gap", "ideal", "edited", "unedited", "locality", "base")


def report_table(report: KnownEditReport) -> Table:
    """One row a view, the mean on top, and below it how to read the numbers."""
    where = "inside the edited region" if report.in_region else "whole picture"
    kept_to_region = report.region is not None
    table = Table(title=f"Known edit, dB, {where}", caption=_caption(report), caption_justify="left")
    table.add_column("view")
    columns = [c for c in _COLUMNS if c != "locality" or report.in_region]
    for column in columns:
        table.add_column(column, justify="right")
    if kept_to_region:
        table.add_column("bit-equal outside", justify="right")
    has_depth = report.mean.depth is not None
    if has_depth:
        table.add_column("depth error", justify="right")
        table.add_column("unedited", justify="right")
    for name, scores in (("mean", report.mean), *report.views.items()):
        cells = [_decibel(getattr(scores, column)) for column in columns]
        if kept_to_region:
            cells.append("-" if scores.bit_equal is None else f"{scores.bit_equal:.2%}")
        if has_depth:
            cells += _depth_cells(scores)
        table.add_row(name, *cells, style="bold" if name == "mean" else None, end_section=name == "mean")
    return table


def _caption(report: KnownEditReport) -> str:
    lines = [
        f"gap = ideal - edited; ideal: {report.ideal_from}; unedited: what doing nothing scores",
        f"cost: {report.cost.edits_2d} 2D edits, {report.cost.seconds:.1f} s",
    ]
    if report.region is not None:
        lines.append(f"region: {json.dumps(report.region)}; outside: pixels that show nothing of it")
    if report.conditions is not None:
        c = report.conditions
        lines.append(
            f"the edit changes photographs to {c.change_psnr:.1f} dB of themselves "
            f"({'a real change' if c.is_real_change else 'TOO SMALL A CHANGE'}, at most {MAX_CHANGE_PSNR:g}) and keeps "
            f"{c.contrast_kept:.0%} of their contrast "
            f"({'enough' if c.keeps_contrast else 'TOO LITTLE'}, at least {MIN_CONTRAST_KEPT:.0%})"
        )
    return "\n".join(lines)


def _decibel(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _depth_cells(scores: EditScores) -> list[str]:
    if scores.depth is None:
        return ["-", "-"]
    values = (scores.depth.changed, scores.depth.changed_unedited)
    return ["-" if value is None else f"{value:.1%}" for value in values]
