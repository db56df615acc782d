"""The report on an edit, in parts; a part that cannot be computed says why.

Any instruction can be judged: how much changed and where, whether views still agree, what CLIP and LPIPS say, what it
cost. Where the right result is known, the known-edit test is another part. `docs/metrics.md` says how to read it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from editor3d.errors import ConfigError
from editor3d.extensions import METRICS, installed, load
from editor3d.files.writing import jsonable
from editor3d.metrics.change import Change, measure_change
from editor3d.metrics.consistency import Consistency, measure_consistency
from editor3d.metrics.known_edit import KnownEdit, known_edit
from editor3d.metrics.learned import ClipScores, clip_scores, lpips_to_base
from editor3d.metrics.pictures import EditedPicture, PictureAgreement, measure_pictures
from editor3d.metrics.report.table import scores_table, summary_line, views_table
from editor3d.metrics.scores.perceptual import Perceptual, measure_perceptual
from editor3d.metrics.scores.reconstruction import Reconstruction, measure_reconstruction
from editor3d.metrics.scores.silhouettes import Silhouettes, measure_silhouettes
from editor3d.metrics.scores.targets import Targets, measure_targets
from editor3d.metrics.trials.editing import Trials
from editor3d.metrics.unavailable import Unavailable
from editor3d.metrics.views import Cost, HeldOutView

if TYPE_CHECKING:
    from rich.table import Table

    from editor3d.metrics.known_edit import Map


NOT_TRIED = Unavailable(
    reason="the 2D editor was not tried again: paraphrases, seeds and noise",
    remedy="add --trials N to judge it by further edits of N photographs",
)


class _Part(Protocol):
    def to_json(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class EditReport:
    """What held-out views say of an edit."""

    change: Change
    consistency: Consistency | Unavailable
    lpips: float | Unavailable
    """Mean LPIPS distance between the renders before and after."""
    clip: ClipScores | Unavailable
    known: KnownEdit | Unavailable
    """Where the right result is known."""
    cost: Cost
    reconstruction: Reconstruction
    perceptual: Perceptual | Unavailable
    """By the package's own encoder, which is always there."""
    targets: Targets | Unavailable
    silhouettes: Silhouettes | Unavailable
    trials: Trials | Unavailable
    """Of the 2D editor, where it was tried again."""
    pictures: PictureAgreement | Unavailable | None = None
    """Of the pictures that a 2D editor made; None where there are none."""
    region: Mapping[str, Any] | None = None
    """The 3D region that the edit was kept to, in JSON notation; None where there was none."""
    others: Mapping[str, float | Unavailable] = field(default_factory=dict)
    """Scores of the metrics that other packages add, by name."""

    def to_json(self) -> dict[str, Any]:
        """Plain values for strict JSON. An infinite PSNR (identical pictures) is the string "inf"; a part that could
        not be computed is an object with `not_available` and `remedy`."""
        return jsonable(
            {
                "cost": asdict(self.cost),
                "region": self.region,
                "reconstruction": self.reconstruction.to_json(),
                "change": self.change.to_json(),
                "targets": _part(self.targets),
                "silhouettes": _part(self.silhouettes),
                "consistency": _part(self.consistency),
                "pictures": None if self.pictures is None else _part(self.pictures),
                "lpips": _part(self.lpips),
                "perceptual": _part(self.perceptual),
                "clip": _part(self.clip),
                "trials": _part(self.trials),
                "known_edit": _part(self.known),
                "others": {name: _part(score) for name, score in self.others.items()},
            }
        )

    def to_table(self) -> Table:
        """For the terminal: one row a score, the mean over views, and how to read it."""
        return scores_table(self)

    def to_views_table(self) -> Table:
        """For the terminal: one row a view."""
        return views_table(self)

    def summary(self) -> str:
        """One line."""
        return summary_line(self)


def other_scores(views: Sequence[HeldOutView]) -> dict[str, float | Unavailable]:
    """The score of every installed metric, by name; why there is none where its package cannot be loaded.

    Args:
        views: held-out views, at least one.
    """
    scores: dict[str, float | Unavailable] = {}
    for name, point in sorted(installed(METRICS).items()):
        try:
            score = load(point, Callable)(views)  # pyright: ignore[reportArgumentType]  # a class, in fact
        except ConfigError as error:
            score = Unavailable(reason=f"the metric '{name}' cannot be loaded", remedy=str(error))
        scores[name] = score if isinstance(score, Unavailable) else float(score)
    return scores


def edit_report(
    views: Sequence[HeldOutView],
    *,
    cost: Cost,
    caption: str = "",
    f: Map | None = None,
    unknown: Unavailable | None = None,
    pictures: Sequence[EditedPicture] = (),
    region: Mapping[str, Any] | None = None,
    named: Sequence[str] = (),
    trials: Trials | Unavailable = NOT_TRIED,
) -> EditReport:
    """Judge an edit by held-out views.

    Args:
        views: at least one, in a camera path's order; with `truth` where the scene was truly edited.
        cost: what the edit took.
        caption: what the edited scene shows, for CLIP; empty where nobody said.
        f: the known map of the instruction, see `known_edit`.
        unknown: why the right result is not known; given exactly where the views bring no `truth` and f is missing.
        pictures: those that a 2D editor made, one a view.
        region: the 3D region that the edit was kept to, in JSON notation; it is only reported.
        named: the objects that the instruction names, out of those that views have masks of.
        trials: what further edits say of the 2D editor.

    Raises:
        ValueError: no views, or contradicting arguments.
    """
    if not views:
        raise ValueError("a report needs at least one held-out view")
    if unknown is None and not any(view.sees_region for view in views):
        unknown = Unavailable(
            reason=f"none of {len(views)} held-out views shows what was edited", remedy="hold out views that do"
        )
    return EditReport(
        change=measure_change(views),
        consistency=measure_consistency(views),
        lpips=lpips_to_base(views),
        clip=clip_scores(views, caption),
        known=known_edit(views, f) if unknown is None else unknown,
        cost=cost,
        reconstruction=measure_reconstruction(views),
        perceptual=measure_perceptual(views),
        targets=measure_targets(views, named),
        silhouettes=measure_silhouettes(views),
        trials=trials,
        pictures=measure_pictures(pictures) if pictures else None,
        region=region,
        others=other_scores(views),
    )


def _part(part: _Part | Unavailable | float) -> Any:
    if isinstance(part, float | int):
        return part
    if isinstance(part, Unavailable):
        return {"not_available": part.reason, "remedy": part.remedy}
    return part.to_json()
