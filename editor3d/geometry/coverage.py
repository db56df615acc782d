"""Choose the views whose edits say most of the others: keys, greedily by what each shows that the earlier ones do not.

Every pixel of every view counts alike, except those that see a surface grazingly. That is to count surface by
cos / distance^2, the pixels that a patch of it covers.

A view shows a pixel of another to the degree u = min(1, w / ENOUGH), with w of `matching.matches`, and all of its own.
The gain of a view is the sum over pixels of max(0, u - the best u so far), a monotone submodular function: the greedy
choice is within 1 - 1/e of the best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from editor3d.errors import DataError
from editor3d.geometry.matching import GRAZING, TOLERANCE, limits, points_of, stack
from editor3d.geometry.surface import SeenSurface
from editor3d.host.compiled import require

CHOOSING_SIDE = 128
"""Pixels of a picture's longer side by which keys are chosen."""
ENOUGH = 0.2
"""The weight from which on a place is seen as well as it need be."""
COMPARED = 40_000_000
"""Pixels times views that are compared to choose keys; where there are more, some pixels of each view stand for all."""


@dataclass(frozen=True)
class Keys:
    """The views to edit, the anchor first."""

    order: tuple[int, ...]
    covered: tuple[float, ...]
    """The share of what all views show that the keys up to each one show, 0..1; it never falls."""

    @property
    def anchor(self) -> int:
        """The view that shows most."""
        return self.order[0]


@dataclass(frozen=True, eq=False)
class Coverage:
    """How well each of V views shows P pixels of all of them."""

    quality: np.ndarray
    """[V, P] uint8: 255 u."""
    owner: np.ndarray
    """[P] the view whose pixel each is."""

    @staticmethod
    def of(
        surfaces: Sequence[SeenSurface],
        masks: Sequence[Tensor | None] | None = None,
        tolerance: float = TOLERANCE,
        most: int = COMPARED,
    ) -> Coverage:
        """Compare all pairs of views.

        Args:
            surfaces: of any size; `CHOOSING_SIDE` is enough.
            masks: where each view shows what is to be covered, [H, W] bool of its surface's size; None is everywhere.
            tolerance: as of `matches`.
            most: pixels times views that are compared, of one byte each.

        Raises:
            DataError: no view sees a surface there.
        """
        require("editor3d.geometry.warmup")
        from editor3d.geometry import kernels

        counted = [
            surface.cosine > GRAZING if mask is None else (surface.cosine > GRAZING) & torch.as_tensor(mask)
            for surface, mask in zip(surfaces, masks or [None] * len(surfaces), strict=True)
        ]
        total = sum(int(pixels.sum()) for pixels in counted)
        if total == 0:
            where = "a surface" if masks is None else "a surface in the region"
            raise DataError(
                f"Expected {where} in at least one of {len(surfaces)} views, found none: check the base, or the region."
            )
        some = slice(None, None, 1 + len(surfaces) * total // most)
        chosen = [torch.nonzero(pixels.reshape(-1))[some, 0].numpy() for pixels in counted]
        points, normals, footprints = (
            np.concatenate([part[which] for part, which in zip(parts, chosen, strict=True)])
            for parts in zip(*(points_of(surface) for surface in surfaces), strict=True)
        )
        owner = np.repeat(np.arange(len(surfaces)), [len(which) for which in chosen])
        views = stack(surfaces)
        nowhere = np.zeros_like(
            views.edges
        )  # at the pictures' own size most of what lies near an edge here is clear of it
        quality = np.empty((len(surfaces), len(points)), np.uint8)
        kernels.match_all(
            points, normals, footprints, owner, views.poses, views.lenses, views.sizes, views.starts, views.distance,
            views.normals, nowhere, limits(tolerance), ENOUGH, quality,
        )  # fmt: skip
        return Coverage(quality, owner)

    def share(self, views: Sequence[int]) -> float:
        """The share of the pixels that some views show, 0..1."""
        return float((self.quality[list(views)].max(0) > 0).mean()) if views else 0.0

    def between(self) -> np.ndarray:
        """How much of what view j sees view i sees as well: [V, V] in 0..1, 1 on the diagonal."""
        views = len(self.quality)
        ends = np.searchsorted(self.owner, np.arange(views + 1))
        sums = np.stack(
            [self.quality[:, ends[j] : ends[j + 1]].sum(1, dtype=np.int64) for j in range(views)], 1
        ).astype(np.float64)
        return sums / np.maximum(255.0 * np.diff(ends), 1.0)

    def choose(self, share: float = 0.9, most: int | None = None, among: Sequence[int] | None = None) -> Keys:
        """Choose views until they show a share of all, or are `most`; at least one.

        Args:
            among: the views that may be chosen; None is all. They are given, and cost nothing: those that show nothing
                new are chosen last, up to `most`.
        """
        from editor3d.geometry import kernels

        best = np.zeros(self.quality.shape[1], np.uint8)
        gain = np.zeros(len(self.quality), np.int64)
        order, covered = [], []
        while not order or (covered[-1] < share and (most is None or len(order) < most)):
            kernels.gains(self.quality, best, gain)
            view = int(gain.argmax() if among is None else max(among, key=lambda one: gain[one]))
            if gain[view] == 0:
                break
            order.append(view)
            np.maximum(best, self.quality[view], out=best)
            covered.append(float((best > 0).mean()))
        for view in among or ():
            if view not in order and (most is None or len(order) < most):
                order.append(view)
                covered.append(covered[-1] if covered else 0.0)
        return Keys(tuple(order), tuple(covered))


def choose_keys(
    surfaces: Sequence[SeenSurface],
    share: float = 0.9,
    most: int | None = None,
    masks: Sequence[Tensor | None] | None = None,
    tolerance: float = TOLERANCE,
    among: Sequence[int] | None = None,
) -> Keys:
    """The views to edit; the first, the anchor, shows most of the scene or of the region.

    Args:
        surfaces: one a view.
        share: of what all views show that is to be covered, 0..1.
        most: how many keys there may be.
        masks: where each view shows the region, [H, W] bool of its surface's size; None is everywhere.
        tolerance: as of `matches`.
        among: as of `Coverage.choose`.

    Raises:
        DataError: no view sees a surface there.
    """
    return Coverage.of(surfaces, masks, tolerance).choose(share, most, among)
