"""Carry the edit of keys over to other views by warping it along the scene's surfaces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

import cv2
import numpy as np
import torch
from torch import Tensor

from editor3d.geometry.carving import CARVING_SIDE, Change, changed_pixels, possible_changes
from editor3d.geometry.matching import Match, matches, warp
from editor3d.geometry.surface import SeenSurface
from editor3d.types import Carried, EditedKey
from editor3d.update.keys.colors import blurred
from editor3d.update.keys.table import ColorTable, fit_table

SOURCES = 4
"""Keys that say how one view is to look, at most: those that show most of it, most squarely."""
COARSE = 96
"""Pixels of a view's longer side at which these are chosen."""
ENOUGH = 0.06
"""Sum of the keys' weights from which on what is warped counts for more than what a colour map says."""
GUESSED = 0.35
"""Weight of a pixel that only a colour map knows of."""
_ALIKE = 0.12
"""Difference of colours, before the edit, at which two views hardly show the same."""
_LEAST_SHARE = 0.005
CARRIED = 0.98
"""Weight at most of what is carried over where the edit changes the shape: in full counts what is known."""
_AGREED, _ALONE = 0.1, 0.9  # difference of colours from which keys disagree; share of one key that is no agreement
_ALL_OVER = 0.85  # share of the keys' pixels that changed, above which nothing can be said to be as before


@dataclass(frozen=True, eq=False)
class Warped:
    """What some keys say of a view."""

    picture: Tensor
    """[H, W, 3]; any values where nothing is known."""
    weight: Tensor
    """[H, W], at least 0: the sum of the keys' weights."""
    agreement: Tensor
    """[H, W] in 0..1: how alike the keys are in what they show there."""


class WarpPropagator:
    """`Propagator` by depth-tested warps.

    A pixel p of the target gets the mean of what its sources s show of the same point, with weights
    trust_s w_s(p)^2 exp(-(d_s(p) / 0.12)^2), where w is that of `editor3d.geometry.matching` (visibility, angle,
    distance and depth agreement) and d how the unedited pictures differ there. Where the edit keeps the shape, a table
    of colours T fitted to the keys says most of what it does, and what is warped is the rest: with I before and E after
    the edit, and a bar over what is warped,

        E_t = T(I_t) + bar(E_s - T(I_s)),

    so that the target keeps its own detail, and what does not meet exactly shows as little as can be. Where no source
    sees a pixel it is T(I_t), at `GUESSED` of the weight.

    Where the edit changes the shape of a part of the scene, what keys do not show to change stays
    (`editor3d.geometry.carving`). Nothing is said of the rest until the scene was fitted to the keys: warped by the
    shape that it had before, they would be wrong. From then on colours before the edit do not count, and the mean
    counts the less, the more the keys differ in what they show: by exp(-(s / 0.1)^2) with s their weighted deviation,
    and by half for one key alone.

    Args:
        surface: what a view sees of the scene now, by its index.
    """

    def __init__(self, surface: Callable[[int], SeenSurface]) -> None:
        self._surface, self.keeps_shape, self._fitted_scene = surface, True, False
        self._surfaces: dict[int, SeenSurface] = {}
        self._coarse: dict[int, SeenSurface] = {}
        self._fitted: tuple[list[tuple[Tensor, float]], ColorTable] | None = None
        self._changed: dict[int, tuple[SeenSurface, Tensor]] = {}
        self._local = False
        """Whether the edit is known to leave a part of the scene as it is."""

    def look(self, keeps_shape: bool, fitted: bool = False) -> None:
        self.keeps_shape, self._fitted_scene = keeps_shape, fitted
        self._changed.clear()
        self._local = False
        self._surfaces.clear()
        self._coarse.clear()
        self._fitted = None

    def surface(self, view: int) -> SeenSurface:
        """What a view sees, since the last `look`."""
        if view not in self._surfaces:
            self._surfaces[view] = self._surface(view)
        return self._surfaces[view]

    def unchanged(self, target: int, original: Tensor, keys: Sequence[EditedKey]) -> Tensor | None:
        """See `Propagator.unchanged`; None where keys changed nearly everywhere."""
        surfaces, changed = self._changes(keys)
        self._local = fmean(float(mask.float().mean()) for mask in changed) < _ALL_OVER
        if not self._local:
            return None
        found = possible_changes(self.surface(target).reduced(CARVING_SIDE), surfaces, changed)
        height, width = original.shape[:2]
        # what no key shows is not known to change either
        where = cv2.resize((found != Change.POSSIBLE).byte().numpy(), (width, height), interpolation=cv2.INTER_NEAREST)
        return torch.from_numpy(where > 0)

    def changes(self, keys: Sequence[EditedKey]) -> tuple[list[SeenSurface], list[Tensor]] | None:
        """What keys saw before the edit, and where it changed them, [H, W] bool; None where nothing of the scene is
        known to stay as it is. For a scene that was looked at before the edit."""
        return self._changes(keys) if self._local else None

    def _changes(self, keys: Sequence[EditedKey]) -> tuple[list[SeenSurface], list[Tensor]]:
        """What keys saw before the edit, and where it changed them."""
        for key in keys:
            if key.view not in self._changed:
                surface = self.surface(key.view).reduced(CARVING_SIDE)
                self._changed[key.view] = surface, changed_pixels(key.original, key.edited, surface)
        found = [self._changed[key.view] for key in keys]
        return [surface for surface, _ in found], [mask for _, mask in found]

    def carry(self, target: int, original: Tensor, keys: Sequence[EditedKey], mask: Tensor | None = None) -> Carried:
        if self._local and mask is not None:  # the scene has not the shape yet by which keys could be warped
            return Carried(original, (~mask).float())
        found = self.warped(target, original, keys)
        known = found.weight / (found.weight + ENOUGH)
        if not self.keeps_shape:
            picture = torch.where(found.weight[..., None] > 0, found.picture, original)
            weight = (2.0 * known).clamp(max=CARRIED) * found.agreement
        else:
            guess = self.guess(keys)(original)
            picture = torch.lerp(guess, found.picture, known[..., None])
            weight = GUESSED + (1.0 - GUESSED) * (2.0 * known).clamp(max=1.0)
        if mask is not None:
            picture = torch.where(mask[..., None], picture, original)
            weight = torch.where(mask, weight, torch.ones_like(weight))
        return Carried(picture.clamp(0.0, 1.0), weight)

    def warped(self, target: int, original: Tensor, keys: Sequence[EditedKey]) -> Warped:
        """What keys say of a view, by warping alone."""
        height, width = original.shape[:2]
        total, weights, seen = torch.zeros(height, width, 3), torch.zeros(height, width), torch.zeros(height, width)
        squares, best = torch.zeros(height, width), torch.zeros(height, width)
        table = self.guess(keys) if self.keeps_shape and keys else None
        own = original if table is None else table(original)
        for key in self._sources(target, keys):
            match = _at_size(matches(self.surface(target), self.surface(key.view)), height, width)
            surely = key.trust * match.weight
            if not self._fitted_scene:  # what has another shape now does not show the same before the edit
                before = warp(key.original, match)
                # blurred: that details do not meet exactly says nothing of the surface
                apart = blurred((before - original).abs().mean(-1), max(1.0, min(height, width) / 256))
                surely = surely * torch.exp(-((apart / _ALIKE) ** 2))
            weight = surely * match.weight  # the squarer a surface is seen, the more its colours count
            if table is None:
                after = warp(key.edited, match)
            else:
                after = own + warp(key.edited - table(key.original), match)
            total += weight[..., None] * after
            squares += weight * after.square().mean(-1)
            weights += weight
            best = torch.maximum(best, weight)
            seen += surely
        picture = total / weights.clamp_min(1e-9)[..., None]
        spread = squares / weights.clamp_min(1e-9) - picture.square().mean(-1)
        agreement = torch.exp(-spread.clamp_min(0.0) / _AGREED**2)
        alone = best > _ALONE * weights
        return Warped(picture, seen, torch.where(alone, 0.5 * agreement, agreement))

    def _sources(self, target: int, keys: Sequence[EditedKey]) -> list[EditedKey]:
        """The keys that show most of a view, the best first."""
        shares = [
            (float(matches(self._small(target), self._small(key.view), dilate=0).weight.mean()), -place)
            for place, key in enumerate(keys)
            if key.view != target and key.trust > 0
        ]
        best = sorted(shares, reverse=True)[:SOURCES]
        return [keys[-place] for share, place in best if share > _LEAST_SHARE]

    def _small(self, view: int) -> SeenSurface:
        if view not in self._coarse:
            self._coarse[view] = self.surface(view).reduced(COARSE)
        return self._coarse[view]

    def guess(self, keys: Sequence[EditedKey]) -> ColorTable:
        """What the edit does to colours, whatever shows them."""
        # One view after another needs the table of the same keys. They are kept, so that no other picture can come to
        # lie in memory where one of theirs lay.
        which = [(key.edited, key.trust) for key in keys]
        if self._fitted is None or not _same(self._fitted[0], which):
            weights = [_everywhere(key) if key.mask is None else key.trust * key.mask.float() for key in keys]
            fitted = fit_table([key.original for key in keys], [key.edited for key in keys], weights)
            self._fitted = which, fitted
        return self._fitted[1]


def _same(one: Sequence[tuple[Tensor, float]], other: Sequence[tuple[Tensor, float]]) -> bool:
    """Whether both are the very same pictures, each counting alike."""
    return len(one) == len(other) and all(a[0] is b[0] and a[1] == b[1] for a, b in zip(one, other, strict=True))


def _everywhere(key: EditedKey) -> Tensor:
    return torch.full(key.original.shape[:2], key.trust)


def _at_size(match: Match, height: int, width: int) -> Match:
    """A match of a surface whose pixels are larger than those of the picture."""
    if match.weight.shape == (height, width):
        return match
    pixels = cv2.resize(match.pixels.numpy(), (width, height), interpolation=cv2.INTER_LINEAR)
    # a place between a pixel that is seen and one that is not has no place in the source
    least = cv2.erode(match.weight.numpy(), np.ones((3, 3), np.uint8))
    weight = cv2.resize(least, (width, height), interpolation=cv2.INTER_LINEAR)
    return Match(torch.from_numpy(pixels), torch.from_numpy(weight), match.source_size)
