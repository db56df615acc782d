"""The known-edit test: compare an edit with what a perfect edit of the same reconstruction would give.

The instruction is one whose result on a picture is known: a function f (night, sepia, a named object in gold), or
the scene truly edited and rendered again (an object removed, enlarged, a hat added). Views that neither training nor
editing saw are compared with that truth. `docs/metrics.md` says how to read the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from torch import Tensor

from editor3d.metrics.image import luminance, psnr
from editor3d.metrics.unavailable import Unavailable
from editor3d.metrics.views import HeldOutView, mean

Map = Callable[[str, Tensor], Tensor]
"""f: (view name, picture [H, W, 3]) -> picture [H, W, 3]. The name gives access to the view's masks."""
MAX_CHANGE_PSNR = 15.0
"""dB. f is a real change when PSNR(f(photo), photo) is at most this in what it edits."""
MIN_CONTRAST_KEPT = 0.5
"""f keeps enough to be compared when this share of the photograph's contrast survives it."""

DEPTH_TOLERANCE = 0.02
"""Share of the true depth by which a depth differs before it counts as moved."""
COLOR_TOLERANCE = 0.1
"""Difference in one channel, 0..1, before a pixel counts as recoloured: above the sampling noise of a path tracer."""

IdealFrom = Literal["f of the base render", "reference reconstruction", "base reconstruction"]


@dataclass(frozen=True)
class DepthScores:
    """Medians of |d - d_true| / d_true. None where no pixel qualifies."""

    changed: float | None
    """Of the edited scene, where depth or colour truly changed."""
    changed_unedited: float | None
    """Of the scene before the edit, in the same pixels: what doing nothing scores."""
    moved: float | None
    """Of the edited scene, only where depth truly changed. New shadows and colours do not dilute it."""
    moved_unedited: float | None
    """Of the scene before the edit, in the same pixels."""


@dataclass(frozen=True)
class EditScores:
    """dB, taken inside the region where there is one. None where a view has nothing to measure."""

    ideal: float | None
    """What a perfect edit of this reconstruction would give (`KnownEdit.ideal_from` says by which definition)."""
    edited: float | None
    """PSNR(edited render, truth)."""
    gap: float | None
    """ideal - edited. Signed: below 0 the edited scene is closer to the truth than the ideal."""
    unedited: float | None
    """PSNR(base render, truth): what doing nothing scores."""
    depth: DepthScores | None = None
    """For true edits with depth."""


@dataclass(frozen=True)
class EditConditions:
    """Whether f makes a fair test: a real change that leaves something to compare. Means over views, where f edits."""

    change_psnr: float
    """PSNR(f(photo), photo), dB."""
    contrast_kept: float
    """std of the luminance of f(photo) over that of the photograph."""

    @property
    def is_real_change(self) -> bool:
        return self.change_psnr <= MAX_CHANGE_PSNR

    @property
    def keeps_contrast(self) -> bool:
        return self.contrast_kept >= MIN_CONTRAST_KEPT

    @property
    def fair(self) -> bool:
        return self.is_real_change and self.keeps_contrast


@dataclass(frozen=True)
class KnownEdit:
    """How close an edit came to its known result."""

    views: Mapping[str, EditScores]
    mean: EditScores
    """Mean of the per-view values that exist."""
    ideal_from: IdealFrom
    conditions: EditConditions | None
    """None for true edits, whose truth is no function of the photograph."""

    def to_json(self) -> dict[str, Any]:
        conditions = None
        if self.conditions is not None:
            c = self.conditions
            conditions = asdict(c) | {"is_real_change": c.is_real_change, "keeps_contrast": c.keeps_contrast}
        return {
            "ideal_from": self.ideal_from,
            "mean": asdict(self.mean),
            "conditions": conditions,
            "views": {name: asdict(scores) for name, scores in self.views.items()},
        }


def not_known(instruction: str, remedy: str) -> Unavailable:
    """What replaces the known-edit test where the right result of an instruction is not known."""
    return Unavailable(f'the right result of "{instruction}" is not known in advance, so there is no edit gap', remedy)


def known_edit(views: Sequence[HeldOutView], f: Map | None = None) -> KnownEdit:
    """Score an edit whose result is known.

    With f the truth is f(photo), and the ideal PSNR(f(base render), truth), unless there are reference renders. An f
    that hides what it covers, a new material, makes that ideal as high as pictures are alike, whatever a scene can
    show: there the reference is the fair one. With true edits (`HeldOutView.truth`) no f can be applied to the base
    render; the ideal is then

    - PSNR(reference render, truth) where every view brings a `reference_render`, the same reconstruction method run
      on truly edited photographs, or on f of them: the fair definition, at the price of one more training; otherwise
    - PSNR(base render, photo) in the same pixels: a perfect edit is taken to be reconstructed as well as those pixels
      were before. It is an approximation: where the edit uncovers plain background it asks too little, where it adds
      fine detail too much.

    Args:
        views: held-out views, at least one; either all with `truth` or none.
        f: the known map; needed exactly when the views bring no `truth`. Called with photographs and base renders.

    Raises:
        ValueError: no views, or f and `truth` both or neither given, or a region that is empty in every view.
    """
    if not views:
        raise ValueError("a known edit needs at least one held-out view")
    with_truth = [view.truth is not None for view in views]
    if any(with_truth) != all(with_truth) or (f is not None) == any(with_truth):
        raise ValueError("a known edit takes either f or the true edit of every view")

    ideal_from: IdealFrom
    if all(view.reference_render is not None for view in views):
        ideal_from = "reference reconstruction"
    elif f is not None:
        ideal_from = "f of the base render"
    else:
        ideal_from = "base reconstruction"

    scores: dict[str, EditScores] = {}
    changes: list[tuple[float, float]] = []
    for view in views:
        truth = f(view.name, view.photo) if f is not None else view.truth
        assert truth is not None
        scores[view.name] = _score_view(view, truth, ideal_from, f)
        if f is not None and view.sees_region:
            changes.append((psnr(truth, view.photo, view.region), _contrast_kept(truth, view.photo, view.region)))
    conditions = None
    if changes:
        change_psnr, contrast_kept = (sum(column) / len(column) for column in zip(*changes, strict=True))
        conditions = EditConditions(change_psnr, contrast_kept)
    if not any(view.sees_region for view in views):
        raise ValueError("the region is empty in every held-out view: nothing to compare")

    return KnownEdit(
        views=scores,
        mean=_mean_scores(list(scores.values())),
        ideal_from=ideal_from,
        conditions=conditions,
    )


def _score_view(view: HeldOutView, truth: Tensor, ideal_from: IdealFrom, f: Map | None) -> EditScores:
    ideal = edited = gap = unedited = depth = None
    if view.sees_region:
        if ideal_from == "reference reconstruction" and view.reference_render is not None:
            ideal = psnr(view.reference_render, truth, view.region)
        elif f is not None:
            ideal = psnr(f(view.name, view.base_render), truth, view.region)
        else:
            ideal = psnr(view.base_render, view.photo, view.region)
        edited = psnr(view.edited_render, truth, view.region)
        gap = 0.0 if ideal == edited else ideal - edited  # both may be infinite
        unedited = psnr(view.base_render, truth, view.region)
    depths = [d for d in (view.photo_depth, view.truth_depth, view.base_depth, view.edited_depth) if d is not None]
    if len(depths) == 4:
        depth = depth_scores(view.photo, truth, *depths)
    return EditScores(ideal, edited, gap, unedited, depth)


def _contrast_kept(after: Tensor, before: Tensor, region: Tensor | None) -> float:
    kept = []
    for picture in (after, before):
        bright = luminance(picture)
        kept.append((bright if region is None else bright[region]).std(correction=0).item())
    return kept[0] / kept[1] if kept[1] > 0 else math.inf


def _mean_scores(rows: Sequence[EditScores]) -> EditScores:
    means = {f.name: mean([getattr(row, f.name) for row in rows]) for f in fields(EditScores) if f.name != "depth"}
    depths = [row.depth for row in rows if row.depth is not None]
    depth = DepthScores(*(mean([getattr(d, f.name) for d in depths]) for f in fields(DepthScores))) if depths else None
    return EditScores(**means, depth=depth)


def depth_scores(
    photo: Tensor,
    truth: Tensor,
    photo_depth: Tensor,
    truth_depth: Tensor,
    base_depth: Tensor,
    edited_depth: Tensor,
) -> DepthScores:
    """Compare depth after the edit with the truth, in what changed.

    Args:
        photo, truth: pictures [H, W, 3] in 0..1 of the true scene before and after.
        photo_depth, truth_depth: true depth [H, W] before and after, scene units; 0 or non-finite is unknown.
        base_depth, edited_depth: depth [H, W] of the reconstruction before and after.
    """
    known = _is_known(truth_depth)
    moved = known & _moved_pixels(photo_depth, truth_depth)
    changed = known & (moved | ((truth - photo).abs().amax(-1) > COLOR_TOLERANCE))
    return DepthScores(
        changed=_median_error(edited_depth, truth_depth, changed),
        changed_unedited=_median_error(base_depth, truth_depth, changed),
        moved=_median_error(edited_depth, truth_depth, moved),
        moved_unedited=_median_error(base_depth, truth_depth, moved),
    )


def _moved_pixels(before: Tensor, after: Tensor) -> Tensor:
    """[H, W] bool: the depth [H, W] changed by more than `DEPTH_TOLERANCE`, or became known or unknown."""
    both = _is_known(before) & _is_known(after)
    return (both & ((after - before).abs() > DEPTH_TOLERANCE * after)) | (_is_known(before) ^ _is_known(after))


def _is_known(depth: Tensor) -> Tensor:
    """[H, W] bool: the depth is finite and above 0."""
    return depth.isfinite() & (depth > 0)


def _median_error(depth: Tensor, true_depth: Tensor, where: Tensor) -> float | None:
    if not where.any():
        return None
    error = (depth[where].double() - true_depth[where].double()).abs() / true_depth[where].double()
    return error.nan_to_num(nan=float("inf")).median().item()  # a depth that is no number is wrong, not absent
