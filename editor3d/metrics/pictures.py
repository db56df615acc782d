"""Measure whether the pictures that a 2D editor made agree with each other and with the edited scene.

Points are matched by the depth of the edited scene (`editor3d.geometry.matching`), each view with the two that see most
of it. Differences are means of absolute differences of colours, 0..1, of pictures of `SIDE` pixels, slightly blurred.
Blur and doing nothing agree well: read them beside sharpness and the size of the change. Views whose edit differs from
the others' by far are named (`editor3d.geometry.verdicts`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from editor3d.errors import DataError
from editor3d.geometry.agreement import EditedView
from editor3d.geometry.verdicts import Verdict, judge
from editor3d.metrics.unavailable import Unavailable
from editor3d.metrics.views import mean

if TYPE_CHECKING:
    from torch import Tensor

SIDE = 128
"""Pixels of the longer side of the surfaces by which edited pictures are compared."""


@dataclass(frozen=True, eq=False)
class EditedPicture:
    """A picture that a 2D editor made of a training view, and the edited scene from there."""

    name: str
    edit: EditedView
    """Of the photograph; its surface is what the view sees of the edited scene."""
    render: Tensor
    """[H, W, 3] in 0..1: the edited scene, prepared as `edit.after` is."""


@dataclass(frozen=True)
class PictureScores:
    """Of one picture, or the mean of several. None where there is nothing to compare with."""

    between: float | None
    """Mean difference to the edited pictures of the two views that see most of the same, at the same points."""
    between_before: float | None
    """The same of the photographs: shine, exposure, and what the depths are off by."""
    to_render: float
    """Mean difference to the edited scene seen from the same view."""
    change: float
    """Mean difference to the photograph."""
    sharpness: float
    """Fine detail beside coarse detail, over the same of the photograph: below 1 it was blurred."""


@dataclass(frozen=True)
class PictureAgreement:
    """How well the edited pictures agree."""

    views: Mapping[str, PictureScores]
    mean: PictureScores
    doubted: Mapping[str, str]
    """Why, in a few words, by the names of the views that disagree with the others."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def measure_pictures(pictures: Sequence[EditedPicture]) -> PictureAgreement | Unavailable:
    """Compare edited pictures with each other and with the edited scene.

    Args:
        pictures: of one instruction, one a view.
    """
    if len(pictures) < 2:
        return Unavailable(
            reason=f"agreement of edited pictures needs two at least, this edit has {len(pictures)}",
            remedy="edit more views",
        )
    try:
        verdicts = judge([picture.edit for picture in pictures])
    except DataError:
        return Unavailable(
            reason="the edited scene shows no surface where pictures were edited",
            remedy="look at the edit's before_after.png",
        )
    scores = {p.name: _scores(p, verdict) for p, verdict in zip(pictures, verdicts, strict=True)}
    means = {f.name: mean([getattr(one, f.name) for one in scores.values()]) for f in fields(PictureScores)}
    doubted = {p.name: verdict.reason for p, verdict in zip(pictures, verdicts, strict=True) if verdict.bad}
    return PictureAgreement(scores, PictureScores(**means), doubted)  # pyright: ignore[reportArgumentType]


def _scores(picture: EditedPicture, verdict: Verdict) -> PictureScores:
    edit, agreement = picture.edit, verdict.agreement

    def inside(values: Tensor) -> Tensor:
        return values if edit.inside is None or not edit.inside.any() else values[edit.inside]

    fine, coarse, fine_after, coarse_after = (
        inside(energy).double().mean() + 1e-6 for energy in edit.energy.unbind(-1)
    )
    return PictureScores(
        between=None if agreement is None else agreement.apart,
        between_before=None if agreement is None else agreement.apart_before,
        to_render=inside((edit.after - picture.render).abs()).double().mean().item(),
        change=inside((edit.after - edit.before).abs()).double().mean().item(),
        sharpness=(fine_after / coarse_after * coarse / fine).item(),
    )
