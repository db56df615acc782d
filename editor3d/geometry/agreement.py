"""Whether edits of several views agree, and which of them do not.

Two edited views are compared at the points that both see, with the weights w of `editor3d.geometry.matching`. With I
the picture before and E the picture after an edit, slightly blurred so that a shift of a pixel does not count, a bar
what a match brings from the other view to this one, and means over pixels weighted by w,

    color   = max(0, mean|E - bar E'| - mean|I - bar I'|) / mean|bar E' - bar I'|:  0 is agreement, 1 as bad as nothing
    change  = mean|E - I| / mean|bar E' - bar I'|:                                   below 1 changed less
    detail  = (sum F(E) / sum F(I)) / (sum bar F(E') / sum bar F(I')):               below 1 is blurred

with F the energy of fine detail. What the photographs disagree by already (shine, exposure) is not held against an
edit. A low `color` alone would reward blur and doing nothing, so the three are read together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from editor3d.geometry.coverage import Coverage
from editor3d.geometry.matching import Match, matches, warp
from editor3d.geometry.surface import SeenSurface

COLOR, CHANGE, DETAIL = 0.45, 0.4, 0.5
"""Where doubt begins if views agree well: see `Agreement`. Sets of views that agree less are given more room."""
NEIGHBOURS = 2
"""Views that one is compared with: more do not help to tell bad edits (2511.22228)."""
LEAST_SEEN = 0.02
"""Share of a picture that another view has to see for the two to be compared."""
_CANDIDATES = 6  # the views that see most of each one, out of which neighbours are taken that are not in doubt
_SPREAD = 4.0 * 1.4826  # standard deviations, by the median of absolute deviations
_BLUR = 1.0  # pixels of the surface
_FINE = 1.0  # pixels of the picture: what a Gaussian of this width takes away is fine detail
_BARE = 0.004  # mean change of colours, which counts as none
_NEIGHBOURS_SIDE = 48


@dataclass(frozen=True, eq=False)
class EditedView:
    """One view before and after an edit of it, in the pixels of its surface."""

    surface: SeenSurface
    before: Tensor
    """[H, W, 3] in 0..1."""
    after: Tensor
    detail: Tensor
    """[H, W, 2]: energy of fine detail before and after."""
    inside: Tensor | None = None
    """[H, W] bool: where the edit may change it; None is everywhere."""

    @staticmethod
    def of(surface: SeenSurface, before: Tensor, after: Tensor, inside: Tensor | None = None) -> EditedView:
        """A view, its pictures [H', W', 3] in 0..1 and mask [H', W'] bool, of one size, brought to the surface's."""
        size = (surface.camera.lens.width, surface.camera.lens.height)
        pictures = [np.ascontiguousarray(picture.detach().cpu().float().numpy()) for picture in (before, after)]
        detail = np.stack([_fine_detail(picture) for picture in pictures], -1)
        small = [torch.from_numpy(cv2.GaussianBlur(_shrunk(p, size), (0, 0), _BLUR)) for p in pictures]
        where = None if inside is None else torch.from_numpy(_shrunk(inside.cpu().float().numpy(), size) >= 0.5)
        return EditedView(surface, *small, torch.from_numpy(_shrunk(detail, size)), where)


@dataclass(frozen=True)
class Agreement:
    """How one view's edit stands to others', see this module's page."""

    color: float
    change: float
    detail: float
    seen: float
    """Share of the view's pixels that were compared, 0..1."""

    def doubt(self, room: Agreement | None = None) -> float:
        """At 1 and above the edit is taken to be a bad one: another style, nothing done, or blurred.

        Args:
            room: the limits of `color`, `change` and `detail`; those of views that agree well by default.
        """
        color, change, detail = (COLOR, CHANGE, DETAIL) if room is None else (room.color, room.change, room.detail)
        return max(self.color / color, _below(self.change, change), _below(self.detail, detail))


def disagreement(view: EditedView, others: Sequence[EditedView], found: Sequence[Match]) -> Agreement | None:
    """Compare a view's edit with other views' at the points that they share.

    Args:
        found: where each of the others shows what this one sees: `matches(view.surface, other.surface)`.

    Returns:
        The mean over the others, each weighted alike; None where none of them sees `LEAST_SEEN` of the view.
    """
    rows = [row for other, match in zip(others, found, strict=True) if (row := _compared(view, other, match))]
    if not rows:
        return None
    color, seen = (sum(getattr(row, name) for row in rows) / len(rows) for name in ("color", "seen"))
    change, detail = (math.exp(sum(math.log(getattr(r, n)) for r in rows) / len(rows)) for n in ("change", "detail"))
    return Agreement(color, change, detail, seen)


@dataclass(frozen=True)
class Verdict:
    """What a set of edited views says of one of them."""

    agreement: Agreement | None
    """None where no other view sees enough of it."""
    doubt: float
    """See `Agreement.doubt`; 0 where nothing can be said."""
    neighbours: tuple[int, ...]
    """The views it was compared with."""

    @property
    def bad(self) -> bool:
        return self.doubt >= 1.0

    @property
    def reason(self) -> str:
        """Why it is doubted, in a few words; empty where it is not."""
        if not self.bad or self.agreement is None:
            return ""
        worst = max(
            (self.agreement.color / COLOR, "looks otherwise than views that see the same"),
            (_below(self.agreement.change, CHANGE), "was changed less than views that see the same"),
            (_below(self.agreement.detail, DETAIL), "is blurred beside views that see the same"),
        )
        return worst[1]


def judge(views: Sequence[EditedView]) -> list[Verdict]:
    """Find the views whose edits disagree with those of the others.

    Each is compared with the two that see most of it. Limits are those of `Agreement.doubt`, or four robust standard
    deviations (by the median of absolute deviations) from the median where the views' spread is larger. The worst is
    set aside, the others are compared anew without it, until none is left in doubt: a bad view does not make its
    neighbours look bad. In the end all are judged by those that were not set aside.

    Args:
        views: all of one edit.
    """
    pairs = _Pairs(views)
    aside: set[int] = set()
    while True:
        verdicts = _verdicts(pairs, aside)
        worst = max((i for i in range(len(views)) if i not in aside), key=lambda i: verdicts[i].doubt, default=None)
        if worst is None or not verdicts[worst].bad or len(aside) + 2 >= len(views):
            return verdicts
        aside.add(worst)


class _Pairs:
    """Comparisons of pairs of views, each made once."""

    def __init__(self, views: Sequence[EditedView]) -> None:
        self.views = views
        coverage = Coverage.of(
            [view.surface.reduced(_NEIGHBOURS_SIDE) for view in views],
            None
            if all(view.inside is None for view in views)
            else [None if v.inside is None else _smaller(v.inside, v.surface.reduced(_NEIGHBOURS_SIDE)) for v in views],
        )
        shares = coverage.between()
        np.fill_diagonal(shares, 0.0)
        self.candidates = [
            [int(i) for i in np.argsort(-shares[:, j], kind="stable")[:_CANDIDATES] if shares[i, j] > 0]
            for j in range(len(views))
        ]
        self._made: dict[tuple[int, int], Agreement | None] = {}

    def __call__(self, view: int, other: int) -> Agreement | None:
        if (view, other) not in self._made:
            a, b = self.views[view], self.views[other]
            self._made[view, other] = _compared(a, b, matches(a.surface, b.surface))
        return self._made[view, other]


def _verdicts(pairs: _Pairs, aside: set[int]) -> list[Verdict]:
    found, used = [], []
    for view in range(len(pairs.views)):
        candidates = [i for i in pairs.candidates[view] if i not in aside]
        neighbours = [i for i in candidates if pairs(view, i) is not None][:NEIGHBOURS]
        found.append(_mean([pairs(view, i) for i in neighbours]))
        used.append(tuple(neighbours))
    kept = [agreement for i, agreement in enumerate(found) if agreement is not None and i not in aside]
    room = _room(kept)
    return [
        Verdict(agreement, 0.0 if agreement is None else agreement.doubt(room), neighbours)
        for agreement, neighbours in zip(found, used, strict=True)
    ]


def _room(kept: Sequence[Agreement]) -> Agreement:
    """The limits that a set of views is judged by."""
    if not kept:
        return Agreement(COLOR, CHANGE, DETAIL, 1.0)
    color = _robust([a.color for a in kept])
    change, detail = (_robust([-math.log(getattr(a, name)) for a in kept]) for name in ("change", "detail"))
    return Agreement(max(COLOR, color), min(CHANGE, math.exp(-change)), min(DETAIL, math.exp(-detail)), 1.0)


def _robust(values: Sequence[float]) -> float:
    """The median and four standard deviations more, these by the median of absolute deviations."""
    middle = float(np.median(values))
    return middle + _SPREAD * float(np.median(np.abs(np.array(values) - middle)))


def _mean(rows: Sequence[Agreement]) -> Agreement | None:
    if not rows:
        return None
    count = len(rows)
    color, seen = sum(r.color for r in rows) / count, sum(r.seen for r in rows) / count
    change, detail = (math.exp(sum(math.log(getattr(r, n)) for r in rows) / count) for n in ("change", "detail"))
    return Agreement(color, change, detail, seen)


def _compared(view: EditedView, other: EditedView, match: Match) -> Agreement | None:
    """Compare two views; None where too little of the one is seen in the other."""
    weight = match.weight.double()
    if view.inside is not None:
        weight = weight * view.inside
    if other.inside is not None:
        weight = weight * (warp(other.inside.float()[..., None], match)[..., 0] > 0.5)
    allowed = view.surface.valid if view.inside is None else view.surface.valid & view.inside
    seen = float((weight > 0).sum() / allowed.sum().clamp(min=1))
    if seen < LEAST_SEEN:
        return None
    before, after, detail = (warp(picture, match) for picture in (other.before, other.after, other.detail))

    def mean(values: Tensor) -> float:
        return float((values.double().abs().mean(-1) * weight).sum() / weight.sum())

    moved = max(mean(after - before), _BARE)
    apart = max(0.0, mean(view.after - after) - mean(view.before - before))
    fine = [float((energy.double() * weight).sum()) for one in (view.detail, detail) for energy in one.unbind(-1)]
    floor = 1e-7 * float(weight.sum())
    kept = (fine[1] + floor) / (fine[0] + floor) / ((fine[3] + floor) / (fine[2] + floor))
    return Agreement(apart / moved, max(mean(view.after - view.before), 1e-6) / moved, kept, seen)


def _below(value: float, limit: float) -> float:
    """1 where a ratio is at its limit below 1, more the lower it is, 0 at 1 and above."""
    return max(0.0, math.log(max(value, 1e-9)) / math.log(limit))


def _fine_detail(picture: np.ndarray) -> np.ndarray:
    bright = picture @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    return (bright - cv2.GaussianBlur(bright, (0, 0), _FINE)) ** 2


def _shrunk(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    same = (picture.shape[1], picture.shape[0]) == size
    return picture if same else cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _smaller(mask: Tensor, surface: SeenSurface) -> Tensor:
    size = (surface.camera.lens.width, surface.camera.lens.height)
    return torch.from_numpy(_shrunk(mask.float().numpy(), size) >= 0.5)
