"""How one view's edit agrees with other views' edits, at the points of the scene that both see.

With the weights w of `editor3d.geometry.matching`, I the picture before and E the picture after an edit, slightly
blurred so that a shift of a pixel does not count, a bar over what a match brings from the other view to this one, and
means over pixels weighted by w,

    c = mean|E - I|,  c' = mean|bar E' - bar I'|,  p = mean|I - bar I'|
    color  = max(0, mean|E - bar E'| - p) / max(c, c')        0 is agreement, 1 as bad as nothing done
    style  = max(0, mean|E - A(bar E')| - p) / max(c, c')     the same after the affine map A of colours that fits best
    change = c / c'                                           below 1 this view was changed less
    detail = [F(E) / F(I)] / [F(bar E') / F(bar I')]          below 1 this view is blurred

with F(X) the energy of X finer than a pixel over that of one to four pixels, so that gain and contrast cancel. What the
pictures disagreed by before (shine, exposure) is not held against an edit. A low `color` alone would reward blur and
doing nothing: read the four together. Editors that differ from call to call differ first in what A takes away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from statistics import fmean, geometric_mean

import cv2
import numpy as np
import torch
from torch import Tensor

from editor3d.geometry.matching import Match, warp
from editor3d.geometry.surface import SeenSurface

LEAST_SEEN = 0.02
"""Share of a picture that another view has to see for the two to be compared."""
_BLUR = 1.0  # pixels of the surface
_FINE, _COARSE = 1.0, 4.0  # pixels of the picture
_BARE = 0.004  # mean change of colours, which counts as none
_STILL = 1e-6  # energy that counts as no detail
_RIDGE = 1e-3  # keeps the map of colours near to the identity where the pixels do not tell
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


@dataclass(frozen=True, eq=False)
class EditedView:
    """One view before and after an edit of it, in the pixels of its surface."""

    surface: SeenSurface
    before: Tensor
    """[H, W, 3] in 0..1."""
    after: Tensor
    energy: Tensor
    """[H, W, 4] of detail: fine and coarse before, fine and coarse after."""
    inside: Tensor | None = None
    """[H, W] bool: where the edit may change it; None is everywhere."""

    @staticmethod
    def of(surface: SeenSurface, before: Tensor, after: Tensor, inside: Tensor | None = None) -> EditedView:
        """A view with its pictures, brought to the size of its surface.

        Args:
            surface: with sides of 128 to 256 pixels.
            before, after: [H', W', 3] in 0..1, of any size over the same field of view.
            inside: where the edit may change the view, [H', W'] bool.
        """
        size = (surface.camera.lens.width, surface.camera.lens.height)
        pictures = [np.ascontiguousarray(picture.detach().cpu().float().numpy()) for picture in (before, after)]
        energy = np.concatenate([_energies(picture) for picture in pictures], -1)
        old, new = prepared(before, surface), prepared(after, surface)
        where = None if inside is None else torch.from_numpy(shrunk(inside.cpu().float().numpy(), size) >= 0.5)
        return EditedView(surface, old, new, torch.from_numpy(shrunk(energy, size)), where)


@dataclass(frozen=True)
class Agreement:
    """How one view's edit stands to others', by this module's page."""

    color: float
    style: float
    change: float
    detail: float
    apart: float
    """mean|E - bar E'|, 0..1."""
    apart_before: float
    """p, 0..1."""
    seen: float
    """Share of the view's pixels that were compared, 0..1."""


def compared(view: EditedView, other: EditedView, match: Match) -> Agreement | None:
    """Compare two edits.

    Args:
        match: where the other shows what this one sees: `matches(view.surface, other.surface)`.

    Returns:
        None where less than `LEAST_SEEN` of the one is seen in the other.
    """
    weight = match.weight.double()
    if view.inside is not None:
        weight = weight * view.inside
    if other.inside is not None:
        weight = weight * (warp(other.inside.float()[..., None], match)[..., 0] > 0.5)
    allowed = view.surface.valid if view.inside is None else view.surface.valid & view.inside
    seen = float((weight > 0).sum() / allowed.sum().clamp(min=1))
    if seen < LEAST_SEEN:
        return None
    before, after, energy = (warp(picture, match) for picture in (other.before, other.after, other.energy))
    total = weight.sum()

    def mean(difference: Tensor) -> float:
        return float((difference.double().abs().mean(-1) * weight).sum() / total)

    mine, theirs = (max(mean(change), _BARE) for change in (view.after - view.before, after - before))
    apart, differed, most = mean(view.after - after), mean(view.before - before), max(mine, theirs)
    color = max(0.0, apart - differed) / most
    style = max(0.0, mean(view.after - _mapped(after, view.after, weight)) - differed) / most
    kept = []
    for values in (view.energy, energy):
        fine, coarse, fine_after, coarse_after = ((values.double() * weight[..., None]).sum((0, 1)) / total).tolist()
        kept.append((fine_after + _STILL) / (coarse_after + _STILL) * (coarse + _STILL) / (fine + _STILL))
    return Agreement(color, style, mine / theirs, kept[0] / kept[1], apart, differed, seen)


def disagreement(view: EditedView, others: Sequence[EditedView], found: Sequence[Match]) -> Agreement | None:
    """Compare a view's edit with those of other views: the mean of the comparisons.

    Args:
        found: where each of the others shows what this one sees.

    Returns:
        None where none of them sees enough.
    """
    rows = [row for other, match in zip(others, found, strict=True) if (row := compared(view, other, match))]
    return mean_agreement(rows)


def mean_agreement(rows: Sequence[Agreement]) -> Agreement | None:
    """The mean of several comparisons of a view, of ratios the geometric one; None of none."""
    if not rows:
        return None
    values = {}
    for field in fields(Agreement):
        column = [getattr(row, field.name) for row in rows]
        is_ratio = field.name in ("change", "detail")
        values[field.name] = geometric_mean(column) if is_ratio else fmean(column)
    return Agreement(**values)


def prepared(picture: Tensor, surface: SeenSurface) -> Tensor:
    """A picture [H', W', 3] as pictures are compared: [H, W, 3] of the surface's size, slightly blurred."""
    size = (surface.camera.lens.width, surface.camera.lens.height)
    small = shrunk(np.ascontiguousarray(picture.detach().cpu().float().numpy()), size)
    return torch.from_numpy(cv2.GaussianBlur(small, (0, 0), _BLUR))


def shrunk(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture [H, W] or [H, W, C] at another size (width, height), the mean of what each pixel covers."""
    same = (picture.shape[1], picture.shape[0]) == size
    return picture if same else cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _mapped(after: Tensor, to: Tensor, weight: Tensor) -> Tensor:
    """A picture [H, W, 3] with its colours mapped by x -> x A + b as near as can be to those of another one."""
    where = weight > 0
    w = weight[where][:, None]
    x = torch.cat([after[where].double(), torch.ones_like(w)], 1)
    y = to[where].double()
    ridge = _RIDGE * w.sum() * torch.eye(4, dtype=torch.float64)
    identity = torch.eye(4, 3, dtype=torch.float64)
    solved = torch.linalg.solve(x.T @ (w * x) + ridge, x.T @ (w * y) + ridge @ identity)
    return (after.double() @ solved[:3] + solved[3]).to(after)


def _energies(picture: np.ndarray) -> np.ndarray:
    bright = picture @ _LUMINANCE
    fine, coarse = (cv2.GaussianBlur(bright, (0, 0), sigma) for sigma in (_FINE, _COARSE))
    return np.stack([(bright - fine) ** 2, (fine - coarse) ** 2], -1)
