"""A report on an edit as tables for the terminal, and as one line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.table import Table

from editor3d.metrics.known_edit import MAX_CHANGE_PSNR, MIN_CONTRAST_KEPT
from editor3d.metrics.unavailable import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from editor3d.metrics.consistency import Consistency
    from editor3d.metrics.known_edit import EditScores, KnownEdit
    from editor3d.metrics.learned import ClipScores
    from editor3d.metrics.report import EditReport

    Row = tuple[str, str, str]
    """Score, value, how to read it."""


def scores_table(report: EditReport) -> Table:
    """One row a score, section by section; below, one line for each part that could not be computed."""
    sections = (_change_rows, _agreement_rows, _picture_rows, _learned_rows, _known_rows, _trial_rows, _other_rows)
    parts = [rows(report) for rows in sections]
    table = Table(title="The edit, in held-out views", caption=_caption(report), caption_justify="left")
    table.add_column("score", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("how to read it")
    for rows in parts:
        for row in rows:
            table.add_row(*row)
        table.add_section()
    return table


def views_table(report: EditReport) -> Table:
    """One row a view, the mean on top."""
    known = None if isinstance(report.known, Unavailable) else report.known
    where = "inside what was edited" if report.change.in_region else "of the whole picture"
    table = Table(title=f"View by view, dB {where}")
    columns = ["change", "SSIM", "sharpness"]
    columns += ["locality", "bit-equal outside"] if report.change.in_region else []
    columns += ["base"]
    columns += ["gap", "ideal", "edited", "unedited"] if known else []
    has_depth = known is not None and known.mean.depth is not None
    columns += ["depth error", "unedited"] if has_depth else []
    table.add_column("view")
    for column in columns:
        table.add_column(column, justify="right")
    for name in ("mean", *report.change.views):
        change = report.change.mean if name == "mean" else report.change.views[name]
        cells = [_number(change.psnr), _number(change.ssim, 3), _number(change.sharpness)]
        if report.change.in_region:
            cells += [_number(change.locality), _share(change.bit_equal, 2)]
        cells.append(_number(change.base))
        if known:
            scores = known.mean if name == "mean" else known.views[name]
            cells += [_number(value) for value in (scores.gap, scores.ideal, scores.edited, scores.unedited)]
            cells += _depth_cells(scores) if has_depth else []
        table.add_row(name, *cells, style="bold" if name == "mean" else None, end_section=name == "mean")
    return table


def summary_line(report: EditReport) -> str:
    """The scores that say most."""
    mean = report.change.mean
    if isinstance(report.known, Unavailable):
        said = [f"PSNR to the base {_number(mean.psnr)} dB", f"sharpness {_number(mean.sharpness)}"]
    else:
        known = report.known.mean
        said = [
            f"gap {_number(known.gap)} dB (edited {_number(known.edited)}, ideal {_number(known.ideal)}, doing nothing "
            f"{_number(known.unedited)})"
        ]
    if mean.locality is not None:
        said.append(f"locality {_number(mean.locality)} dB")
    if report.pictures is not None and not isinstance(report.pictures, Unavailable) and report.pictures.doubted:
        said.append(f"2D edits that disagree with the others: {', '.join(report.pictures.doubted)}")
    return f"{', '.join(said)}; {report.cost.edits_2d} 2D edits, {report.cost.seconds:.0f} s"


def _change_rows(report: EditReport) -> Iterator[Row]:
    mean, where = report.change.mean, "inside what was edited, " if report.change.in_region else ""
    yield "PSNR to the base", f"{_number(mean.psnr)} dB", f"how much changed: {where}lower is more"
    if mean.ssim is not None:
        yield "SSIM to the base", _number(mean.ssim, 3), "the same for structure, in the whole picture"
    if mean.sharpness is not None:
        yield "sharpness", _number(mean.sharpness), "fine detail against the base: below 1 it was blurred or darkened"
    if mean.locality is not None:
        yield "locality", f"{_number(mean.locality)} dB", "PSNR to the base outside: 35 is hard to see, 25 is not"
    if mean.bit_equal is not None and report.region is not None:
        yield "bit-equal outside", _share(mean.bit_equal, 2), "pixels outside that kept every bit"
    yield "base", f"{_number(mean.base)} dB", "PSNR of the base to the photographs"
    if not isinstance(report.targets, Unavailable):
        if report.targets.iou is not None:
            value = f"{_number(report.targets.iou, 3)} ({_number(report.targets.miou, 3)})"
            yield "IoU of the change (mIoU)", value, "what changed against what should: 1 is exactly that"
        if report.targets.grounding is not None:
            yield "grounding", _share(report.targets.grounding, 1), "objects that are as the instruction wants them"
    if not isinstance(report.silhouettes, Unavailable):
        yield "IoU of silhouettes", _number(report.silhouettes.iou, 3), "1: what was edited kept its shape"


def _agreement_rows(report: EditReport) -> Iterator[Row]:
    if isinstance(report.consistency, Unavailable):
        return
    agreement: Consistency = report.consistency
    for name, found, which in (
        ("short range", agreement.short_range, "most"),
        ("long range", agreement.long_range, "least"),
    ):
        if found is not None:
            value = f"{_number(found.after, 4)} (was {_number(found.before, 4)})"
            yield f"consistency, {name}", value, f"colour error at the same points of views that share {which}"


def _picture_rows(report: EditReport) -> Iterator[Row]:
    if report.pictures is None or isinstance(report.pictures, Unavailable):
        return
    mean = report.pictures.mean
    value = f"{_number(mean.between, 4)} (was {_number(mean.between_before, 4)})"
    yield "edited pictures, between views", value, "colour error at the same points; read it beside the next three"
    yield "edited pictures, to the scene", _number(mean.to_render, 4), "colour error to renders of the edited scene"
    yield "edited pictures, change", _number(mean.change, 4), "mean difference to the photographs"
    yield "edited pictures, sharpness", _number(mean.sharpness), "fine beside coarse detail: below 1 they were blurred"


def _learned_rows(report: EditReport) -> Iterator[Row]:
    if not isinstance(report.lpips, Unavailable):
        yield "LPIPS to the base", _number(report.lpips, 3), "how much changed, as people see it: 0 is nothing"
    if not isinstance(report.perceptual, Unavailable):
        yield report.perceptual.name, _number(report.perceptual.to_base, 3), "the same by the package's small encoder"
    if isinstance(report.clip, Unavailable):
        return
    clip: ClipScores = report.clip
    if clip.direction is not None:
        yield f"CLIP direction ({clip.model})", _number(clip.direction, 3), "did pictures move the way the words did?"
    if clip.score is not None:
        value = f"{_number(clip.score, 3)} (was {_number(clip.score_unedited, 3)})"
        yield f"CLIP score ({clip.model})", value, "how well pictures fit the words"
    if clip.consistency is not None:
        yield f"CLIP consistency ({clip.model})", _number(clip.consistency, 3), "did all views move alike?"


def _known_rows(report: EditReport) -> Iterator[Row]:
    if isinstance(report.known, Unavailable):
        return
    known: KnownEdit = report.known
    yield "gap", f"{_number(known.mean.gap)} dB", "ideal - edited: what editing in 3D lost"
    yield "ideal", f"{_number(known.mean.ideal)} dB", f"a perfect edit of this base, by the {known.ideal_from}"
    yield "edited", f"{_number(known.mean.edited)} dB", "PSNR of the edited scene to the right result"
    yield "unedited", f"{_number(known.mean.unedited)} dB", "what doing nothing scores"
    if known.mean.depth is not None:
        depth, unedited = _depth_cells(known.mean)
        yield "depth error", f"{depth} (was {unedited})", "median, in what truly changed"


def _trial_rows(report: EditReport) -> Iterator[Row]:
    if isinstance(report.trials, Unavailable):
        return
    trials = report.trials
    if not isinstance(trials.paraphrases, Unavailable):
        value = _number(trials.paraphrases.agreement, 3)
        told = f"{_share(trials.paraphrases.understood, 0)} understood; 1: other words give the same edit"
        yield "edit consistency, paraphrases", value, told
    if not isinstance(trials.diversity, Unavailable):
        yield "edit diversity, seeds", _number(trials.diversity, 3), "0: every seed gives the same edit"
    for sigma, noisy in trials.noise.items():
        value = f"{_number(noisy.psnr)} dB (x {_number(noisy.amplification)})"
        yield f"noise of {sigma}", value, "edits with noise to edits without; what becomes of the noise"


def _other_rows(report: EditReport) -> Iterator[Row]:
    for name, score in report.others.items():
        if not isinstance(score, Unavailable):
            yield name, _number(score, 3), "a metric of another package"


def _caption(report: EditReport) -> str:
    lines = [f"cost: {report.cost.edits_2d} 2D edits, {report.cost.seconds:.1f} s"]
    if report.region is not None:
        lines.append(f"region: {json.dumps(report.region)}; outside: pixels that show nothing of it")
    if not isinstance(report.known, Unavailable) and report.known.conditions is not None:
        c = report.known.conditions
        lines.append(
            f"the edit changes photographs to {c.change_psnr:.1f} dB of themselves "
            f"({'a real change' if c.is_real_change else 'TOO SMALL A CHANGE'}, at most {MAX_CHANGE_PSNR:g}) and keeps "
            f"{c.contrast_kept:.0%} of their contrast "
            f"({'enough' if c.keeps_contrast else 'TOO LITTLE'}, at least {MIN_CONTRAST_KEPT:.0%})"
        )
    if report.pictures is not None and not isinstance(report.pictures, Unavailable):
        lines += [f"{name} {why}" for name, why in report.pictures.doubted.items()]
    parts = (
        report.consistency,
        report.pictures,
        report.targets,
        report.silhouettes,
        report.lpips,
        report.perceptual,
        report.clip,
        report.known,
        report.trials,
        *report.others.values(),
    )
    lines += [str(part) for part in parts if isinstance(part, Unavailable)]
    return "\n".join(lines)


def _number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _share(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}%}"


def _depth_cells(scores: EditScores) -> list[str]:
    if scores.depth is None:
        return ["-", "-"]
    return [_share(value, 1) for value in (scores.depth.changed, scores.depth.changed_unedited)]
