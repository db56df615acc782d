"""Measure whether views agree: one view's pixels, found again in another by depth, should have the same colour.

The pixel p of view i shows the point x = X_i(p, d_i(p)) at its depth d_i. Where view j sees that point too
(`editor3d.geometry.matching`), the colours are compared:

    error(i, j) = sqrt(mean_p |I_i(p) - I_j(P_j(x))|^2),    the mean over pixels and channels

as in SNeRF (Nguyen-Phuoc et al. 2022), which takes views 1 and 7 frames apart. Captures have no order of their own, so
here the short range is to the view that shares most of the picture and the long range to the one that shares least of
it, yet `LEAST_SHARED`. The same pairs are taken before and after an edit, each with its own depth. Blur and doing
nothing are consistent: read it beside sharpness and the size of the change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from editor3d.geometry.coverage import Coverage
from editor3d.geometry.matching import matches, warp
from editor3d.geometry.surface import SeenSurface
from editor3d.metrics.unavailable import Unavailable

if TYPE_CHECKING:
    from torch import Tensor

    from editor3d.metrics.views import HeldOutView

LEAST_SHARED = 0.1
"""Share of a picture that another view has to see for the two to be compared."""
_LOOKED_AT = 64  # pixels a side by which it is decided which views are compared


@dataclass(frozen=True)
class Reprojection:
    """Root mean square difference of colours at the same points of two views, 0..1; means over pairs of views."""

    before: float
    """Of the unedited scene."""
    after: float
    """Of the edited scene."""
    pairs: int


@dataclass(frozen=True)
class Consistency:
    """How well views agree with those that see most, and with those that see least, of the same."""

    short_range: Reprojection
    long_range: Reprojection | None
    """None where no view has a second one to be compared with."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def measure_consistency(views: Sequence[HeldOutView]) -> Consistency | Unavailable:
    """Compare views that see the same points, before and after an edit.

    Args:
        views: those with a camera and both depths are compared.
    """
    rendered = [
        _Rendered(
            (view.base_render, SeenSurface.of_depth(view.camera, view.base_depth)),
            (view.edited_render, SeenSurface.of_depth(view.camera, view.edited_depth)),
        )
        for view in views
        if view.camera is not None and view.base_depth is not None and view.edited_depth is not None
    ]
    short, long = choose_pairs([view.base[1] for view in rendered])
    short_range = _compare(rendered, short)
    if short_range is None:
        return Unavailable(
            reason=f"agreement between views needs two held-out ones that share {LEAST_SHARED:.0%} of a picture",
            remedy="hold out more views, or such that lie closer",
        )
    return Consistency(short_range, _compare(rendered, long))


def choose_pairs(surfaces: Sequence[SeenSurface]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Of each view (i, j) with the view j that sees most of it, and with another one that sees least of it."""
    short: list[tuple[int, int]] = []
    long: list[tuple[int, int]] = []
    if not any(surface.valid.any() for surface in surfaces):
        return short, long
    seen = Coverage.of([surface.reduced(_LOOKED_AT) for surface in surfaces]).between()
    for i in range(len(surfaces)):
        shares = {j: seen[j, i] for j in range(len(surfaces)) if j != i and seen[j, i] >= LEAST_SHARED}
        if shares:
            nearest = max(shares, key=shares.__getitem__)
            short.append((i, nearest))
            del shares[nearest]
        if shares:
            long.append((i, min(shares, key=shares.__getitem__)))
    return short, long


def reprojection_error(
    picture: Tensor, surface: SeenSurface, other: Tensor, other_surface: SeenSurface
) -> float | None:
    """error(i, j) of this module's page: pictures [H, W, 3] in 0..1, of their surfaces' sizes, which may differ.

    Returns:
        None where no point is shared.
    """
    match = matches(surface, other_surface)
    shared = match.weight > 0
    if not shared.any():
        return None
    return (picture[shared].double() - warp(other, match)[shared].double()).square().mean().sqrt().item()


class _Rendered(NamedTuple):
    """A view's pictures [H, W, 3] before and after an edit, each with its surface."""

    base: tuple[Tensor, SeenSurface]
    edited: tuple[Tensor, SeenSurface]


def _compare(views: Sequence[_Rendered], pairs: Sequence[tuple[int, int]]) -> Reprojection | None:
    found = []
    for i, j in pairs:
        before = reprojection_error(*views[i].base, *views[j].base)
        after = reprojection_error(*views[i].edited, *views[j].edited)
        if before is not None and after is not None:
            found.append((before, after))
    if not found:
        return None
    before, after = torch.tensor(found, dtype=torch.float64).mean(0).tolist()
    return Reprojection(before, after, len(found))
