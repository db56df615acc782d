"""Measure whether views agree: one view's pixels, found again in another by depth, should have the same colour.

The pixel p of view i shows the point x = X_i(p, d_i(p)) at its depth d_i. Where view j sees that point too (its own
depth there is that of x, within `DEPTH_TOLERANCE`), the colours are compared:

    error(i, j) = sqrt(mean_p |I_i(p) - I_j(P_j(x))|^2),    the mean over pixels and channels

as in SNeRF (Nguyen-Phuoc et al. 2022), which takes views 1 and 7 frames apart. Captures have no order of their own, so
here the short range is to the view that shares most of the picture and the long range to the one that shares least of
it, yet `LEAST_SHARED`. The same pairs are taken before and after an edit, each with its own depth. Blur and doing
nothing are consistent: read it beside sharpness and the size of the change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import grid_sample

from editor3d.metrics.depth import DEPTH_TOLERANCE, is_known
from editor3d.metrics.unavailable import Unavailable

if TYPE_CHECKING:
    from torch import Tensor

    from editor3d.metrics.views import HeldOutView, ViewCamera

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
    views = [v for v in views if v.camera is not None and v.base_depth is not None and v.edited_depth is not None]
    short, long = choose_pairs(views)
    short_range = _compare(views, short)
    if short_range is None:
        return Unavailable(
            reason=f"agreement between views needs two held-out ones that share {LEAST_SHARED:.0%} of a picture",
            remedy="hold out more views, or such that lie closer",
        )
    return Consistency(short_range, _compare(views, long))


def choose_pairs(views: Sequence[HeldOutView]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Of each view (i, j) with the view j that sees most of it, and with another one that sees least of it."""
    short, long = [], []
    for i, view in enumerate(views):
        points, pixels = _some_points(view)
        shares = {j: _shared(points, other) / pixels for j, other in enumerate(views) if j != i}
        shares = {j: share for j, share in shares.items() if share >= LEAST_SHARED}
        if shares:
            nearest = max(shares, key=shares.__getitem__)
            short.append((i, nearest))
            del shares[nearest]
        if shares:
            long.append((i, min(shares, key=shares.__getitem__)))
    return short, long


def reprojection_error(
    picture: Tensor, depth: Tensor, camera: ViewCamera, other: Tensor, other_depth: Tensor, other_camera: ViewCamera
) -> float | None:
    """error(i, j) of this module's page: pictures [H, W, 3] in 0..1 and z-depths [H, W]. None where no point is shared.

    The two pictures may differ in size.
    """
    known = is_known(depth)
    points = camera.points(depth)[known]
    pixels, seen = _seen(points, other_depth, other_camera)
    if not seen.any():
        return None
    size = pixels.new_tensor([other.shape[1], other.shape[0]])
    grid = (2.0 * pixels[seen] / size - 1.0).to(other)[None, None]
    found = grid_sample(other.permute(2, 0, 1)[None], grid, padding_mode="border", align_corners=False)[0, :, 0].T
    return (picture[known][seen].double() - found.double()).square().mean().sqrt().item()


def _seen(points: Tensor, depth: Tensor, camera: ViewCamera) -> tuple[Tensor, Tensor]:
    """Pixels [N, 2] of points [N, 3], and which of them the view sees [N] bool: nothing stands before them."""
    pixels, far = camera.project(points)
    height, width = depth.shape
    column = pixels[:, 0].nan_to_num().long().clamp(0, width - 1)
    row = pixels[:, 1].nan_to_num().long().clamp(0, height - 1)
    there = depth[row, column]
    return pixels, (far > 0) & is_known(there) & ((far - there).abs() <= DEPTH_TOLERANCE * there)


def _geometry(view: HeldOutView) -> tuple[ViewCamera, Tensor, Tensor]:
    """The camera of a view that is compared, and its z-depths [H, W] before and after the edit."""
    assert view.camera is not None
    assert view.base_depth is not None
    assert view.edited_depth is not None
    return view.camera, view.base_depth, view.edited_depth


def _some_points(view: HeldOutView) -> tuple[Tensor, int]:
    """The points [N, 3] behind some pixels of a view, before the edit, and how many pixels these were."""
    camera, base_depth, _ = _geometry(view)
    step = max(1, max(base_depth.shape) // _LOOKED_AT)
    depth = base_depth[::step, ::step]
    return camera.points(base_depth)[::step, ::step][is_known(depth)], depth.numel()


def _shared(points: Tensor, other: HeldOutView) -> int:
    """How many points another view sees, before the edit."""
    camera, base_depth, _ = _geometry(other)
    return int(_seen(points, base_depth, camera)[1].sum())


def _compare(views: Sequence[HeldOutView], pairs: Sequence[tuple[int, int]]) -> Reprojection | None:
    found = []
    for i, j in pairs:
        a, b = views[i], views[j]
        (camera, depth, new_depth), (other_camera, other_depth, new_other) = _geometry(a), _geometry(b)
        before = reprojection_error(a.base_render, depth, camera, b.base_render, other_depth, other_camera)
        after = reprojection_error(a.edited_render, new_depth, camera, b.edited_render, new_other, other_camera)
        if before is not None and after is not None:
            found.append((before, after))
    if not found:
        return None
    before, after = torch.tensor(found, dtype=torch.float64).mean(0).tolist()
    return Reprojection(before, after, len(found))
