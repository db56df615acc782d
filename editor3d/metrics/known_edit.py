"""The known-edit report: how close an edit came to what a perfect edit of the same reconstruction would give.

The instruction is one whose result on a picture is known: a function f (night, sepia, a named object in gold), or
the scene truly edited and rendered again (an object removed, enlarged, a hat added). Views that neither training nor
editing saw are compared with that truth. `docs/metrics.md` says how to read the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

import torch

from editor3d.files.writing import jsonable
from editor3d.metrics.depth import DepthScores, depth_scores
from editor3d.metrics.image import psnr

if TYPE_CHECKING:
    from rich.table import Table
    from torch import Tensor

    KnownEdit = Callable[[str, Tensor], Tensor]
    """f: (view name, picture [H, W, 3]) -> picture [H, W, 3]. The name gives access to the view's masks."""

MAX_CHANGE_PSNR = 15.0
"""dB. f is a real change when PSNR(f(photo), photo) is at most this in what it edits."""
MIN_CONTRAST_KEPT = 0.5
"""f keeps enough to be compared when this share of the photograph's contrast survives it."""
REC709_LUMINANCE = (0.2126, 0.7152, 0.0722)

IdealFrom = Literal["f of the base render", "reference reconstruction", "base reconstruction"]


@dataclass(frozen=True, eq=False)
class HeldOutView:
    """What the report needs of one view that neither training nor editing saw. Pictures [H, W, 3] in 0..1."""

    name: str
    photo: Tensor
    base_render: Tensor
    """The reconstruction before the edit."""
    edited_render: Tensor
    """The reconstruction after the edit."""
    region: Tensor | None = None
    """[H, W] bool, what the edit may change as this view sees it: an object, or what a 3D region touches; None scores
    the whole picture."""
    truth: Tensor | None = None
    """The scene truly edited, seen from this view; None where the truth is f(photo)."""
    reference_render: Tensor | None = None
    """For a true edit: a reconstruction made from truly edited photographs, seen from this view."""
    photo_depth: Tensor | None = None
    """True depth [H, W] before the edit, scene units; 0 or non-finite is unknown."""
    truth_depth: Tensor | None = None
    """True depth [H, W] after the edit."""
    base_depth: Tensor | None = None
    """Depth [H, W] of the reconstruction before the edit."""
    edited_depth: Tensor | None = None
    """Depth [H, W] of the reconstruction after the edit."""


@dataclass(frozen=True)
class EditScores:
    """dB but for `bit_equal`; all but `base` and the two of what lies outside are taken inside the region. None where a
    view has nothing to measure."""

    ideal: float | None
    """What a perfect edit of this reconstruction would give (`KnownEditReport.ideal_from` says by which definition)."""
    edited: float | None
    """PSNR(edited render, truth)."""
    gap: float | None
    """ideal - edited. Signed: below 0 the edited scene is closer to the truth than the ideal."""
    unedited: float | None
    """PSNR(base render, truth): what doing nothing scores."""
    base: float | None
    """PSNR(base render, photo) over the whole picture."""
    locality: float | None
    """PSNR(base render, edited render) outside the region; None without a region."""
    bit_equal: float | None
    """Share of the pixels outside the region that are the same bits in base and edited render, 0..1."""
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
class Cost:
    """What the edit took."""

    edits_2d: int
    """Pictures edited by the 2D editor."""
    seconds: float
    """Wall-clock time of the edit, without training the base."""


@dataclass(frozen=True)
class KnownEditReport:
    views: Mapping[str, EditScores]
    mean: EditScores
    """Mean of the per-view values that exist."""
    ideal_from: IdealFrom
    in_region: bool
    """Whether scores are taken inside a region (else over whole pictures)."""
    cost: Cost
    conditions: EditConditions | None
    """None for true edits, whose truth is no function of the photograph."""
    region: Mapping[str, Any] | None = None
    """The 3D region that the edit was kept to, in JSON notation; None where there was none."""

    def to_json(self) -> dict[str, Any]:
        """Plain values for strict JSON; an infinite PSNR (identical pictures) is the string "inf"."""
        conditions = None
        if self.conditions is not None:
            c = self.conditions
            conditions = asdict(c) | {"is_real_change": c.is_real_change, "keeps_contrast": c.keeps_contrast}
        return jsonable(
            {
                "ideal_from": self.ideal_from,
                "in_region": self.in_region,
                "region": self.region,
                "mean": asdict(self.mean),
                "conditions": conditions,
                "cost": asdict(self.cost),
                "views": {name: asdict(scores) for name, scores in self.views.items()},
            }
        )

    def to_table(self) -> Table:
        """For the terminal: the mean and one row a view."""
        from editor3d.metrics.table import report_table

        return report_table(self)


def known_edit_report(
    views: Sequence[HeldOutView],
    *,
    cost: Cost,
    f: KnownEdit | None = None,
    region: Mapping[str, Any] | None = None,
) -> KnownEditReport:
    """Score an edit whose result is known.

    With f the truth is f(photo) and the ideal is PSNR(f(base render), truth). With true edits (`HeldOutView.truth`)
    no f can be applied to the base render; the ideal is then

    - PSNR(reference render, truth) where every view brings a `reference_render`, the same reconstruction method run
      on truly edited photographs: the fair definition, at the price of one more training; otherwise
    - PSNR(base render, photo) in the same pixels: a perfect edit is taken to be reconstructed as well as those pixels
      were before. It is an approximation: where the edit uncovers plain background it asks too little, where it adds
      fine detail too much.

    Args:
        views: held-out views, at least one; either all with `truth` or none.
        cost: what the edit took.
        f: the known edit; needed exactly when the views bring no `truth`. Called with photographs and base renders.
        region: the 3D region that the edit was kept to, in JSON notation; it is only reported.

    Raises:
        ValueError: no views, or f and `truth` both or neither given, or a region that is empty in every view.
    """
    if not views:
        raise ValueError("a known-edit report needs at least one held-out view")
    with_truth = [view.truth is not None for view in views]
    if any(with_truth) != all(with_truth) or (f is not None) == any(with_truth):
        raise ValueError("a known-edit report takes either f or the true edit of every view")

    ideal_from: IdealFrom
    if f is not None:
        ideal_from = "f of the base render"
    elif all(view.reference_render is not None for view in views):
        ideal_from = "reference reconstruction"
    else:
        ideal_from = "base reconstruction"

    scores: dict[str, EditScores] = {}
    changes: list[tuple[float, float]] = []
    for view in views:
        truth = f(view.name, view.photo) if f is not None else view.truth
        scores[view.name] = _score_view(view, truth, ideal_from, f)
        if f is not None and _sees_region(view):
            changes.append((psnr(truth, view.photo, view.region), _contrast_kept(truth, view.photo, view.region)))
    if not any(_sees_region(view) for view in views):
        raise ValueError("the region is empty in every held-out view: nothing to compare")

    return KnownEditReport(
        views=scores,
        mean=_mean_scores(list(scores.values())),
        ideal_from=ideal_from,
        in_region=any(view.region is not None for view in views),
        cost=cost,
        conditions=EditConditions(*(_mean(column) for column in zip(*changes, strict=True))) if changes else None,
        region=region,
    )


def _score_view(view: HeldOutView, truth: Tensor, ideal_from: IdealFrom, f: KnownEdit | None) -> EditScores:
    ideal = edited = gap = unedited = locality = bit_equal = depth = None
    if _sees_region(view):
        if f is not None:
            ideal = psnr(f(view.name, view.base_render), truth, view.region)
        elif ideal_from == "reference reconstruction":
            ideal = psnr(view.reference_render, truth, view.region)
        else:
            ideal = psnr(view.base_render, view.photo, view.region)
        edited = psnr(view.edited_render, truth, view.region)
        gap = 0.0 if ideal == edited else ideal - edited  # both may be infinite
        unedited = psnr(view.base_render, truth, view.region)
    if view.region is not None and not view.region.all():
        locality = psnr(view.base_render, view.edited_render, ~view.region)
        same = (view.base_render == view.edited_render).all(-1)
        bit_equal = same[~view.region].double().mean().item()
    depths = (view.photo_depth, view.truth_depth, view.base_depth, view.edited_depth)
    if all(d is not None for d in depths):
        depth = depth_scores(view.photo, truth, *depths)
    base = psnr(view.base_render, view.photo)
    return EditScores(ideal, edited, gap, unedited, base, locality, bit_equal, depth)


def _sees_region(view: HeldOutView) -> bool:
    return view.region is None or bool(view.region.any())


def _contrast_kept(after: Tensor, before: Tensor, region: Tensor | None) -> float:
    kept = []
    for picture in (after, before):
        luminance = picture.double() @ picture.new_tensor(REC709_LUMINANCE, dtype=torch.float64)
        kept.append((luminance if region is None else luminance[region]).std(correction=0).item())
    return kept[0] / kept[1] if kept[1] > 0 else math.inf


def _mean_scores(rows: Sequence[EditScores]) -> EditScores:
    means = {f.name: _mean([getattr(row, f.name) for row in rows]) for f in fields(EditScores) if f.name != "depth"}
    depths = [row.depth for row in rows if row.depth is not None]
    depth = DepthScores(*(_mean([getattr(d, f.name) for d in depths]) for f in fields(DepthScores))) if depths else None
    return EditScores(**means, depth=depth)


def _mean(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there else None
