"""Stage 2: views whose garment disagrees with that of the views beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from nerfstudio.cameras.cameras import Cameras
from scipy.fft import dctn
from torch import Tensor

NEIGHBOURS = 4
HASH_SIDE, HASH_KEPT = 32, 8
LEAST_COLOR, LEAST_BITS = 9.0, 22
"""Disagreement below which no view is an outlier: CIELAB units, and bits of 63."""
SPREADS = 5.0
"""An outlier disagrees by more than so many median absolute deviations beyond the median view."""
_LIGHTNESS = 0.5
"""Lightness counts less than hue: light differs from side to side."""


@dataclass(frozen=True, eq=False)
class Look:
    """What a garment looks like in one view."""

    color: np.ndarray
    """[6], mean and spread of L*, a*, b* in the region, lightness halved."""
    hash: np.ndarray
    """[63] bool, the perceptual hash of the region: signs of low DCT frequencies round their median."""


def look_of(picture: Tensor, mask: Tensor) -> Look:
    """The statistics of a garment's region.

    Args:
        picture: [H, W, 3] uint8.
        mask: [H, W] bool, with at least one pixel.
    """
    pixels, inside = picture.numpy().astype(np.float32) / 255.0, mask.numpy()
    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB) * np.array([_LIGHTNESS, 1.0, 1.0], np.float32)
    values = lab[inside]
    rows, columns = np.nonzero(inside.any(1))[0], np.nonzero(inside.any(0))[0]
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    grey = np.where(inside[box], lab[box][..., 0], values[:, 0].mean())
    small = cv2.resize(grey, (HASH_SIDE, HASH_SIDE), interpolation=cv2.INTER_AREA)
    low = np.asarray(dctn(small, norm="ortho"))[:HASH_KEPT, :HASH_KEPT].ravel()[1:]
    return Look(np.concatenate([values.mean(0), values.std(0)]), low > np.median(low))


def neighbours_of(cameras: Cameras, count: int = NEIGHBOURS) -> list[list[int]]:
    """The views beside each view: those whose camera's place and direction are nearest."""
    c2w = cameras.camera_to_worlds.double().cpu().numpy()
    places, directions = c2w[:, :, 3], -c2w[:, :, 2]
    spread = np.sqrt(((places - places.mean(0)) ** 2).sum(-1).mean()) or 1.0
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1) / spread
    apart = apart + np.arccos(np.clip(directions @ directions.T, -1.0, 1.0))
    np.fill_diagonal(apart, np.inf)
    return [np.argsort(row, kind="stable")[: min(count, len(row) - 1)].tolist() for row in apart]


@dataclass(frozen=True)
class Disagreement:
    """How far a view's garment is from that of its neighbours: the median over them."""

    color: float
    """CIELAB units."""
    bits: float
    """Of the perceptual hash, 0..63."""


def disagreements(looks: Sequence[Look | None], neighbours: Sequence[Sequence[int]]) -> list[Disagreement | None]:
    """For each view, None where it or all its neighbours show no garment."""
    found: list[Disagreement | None] = []
    for look, beside in zip(looks, neighbours, strict=True):
        others = [other for i in beside if (other := looks[i]) is not None]
        if look is None or not others:
            found.append(None)
            continue
        colors = [float(np.linalg.norm(look.color - other.color)) for other in others]
        bits = [int((look.hash != other.hash).sum()) for other in others]
        found.append(Disagreement(float(np.median(colors)), float(np.median(bits))))
    return found


def outliers(found: Sequence[Disagreement | None]) -> list[int]:
    """The views that disagree, the worst first: by colour, or by the hash where colour disagrees a little, too."""
    known = [(index, one) for index, one in enumerate(found) if one is not None]
    if len(known) < 3:
        return []
    color_limit = _limit([one.color for _, one in known], LEAST_COLOR)
    bits_limit = _limit([one.bits for _, one in known], LEAST_BITS)
    worst = [
        (one.color / color_limit, index)
        for index, one in known
        if one.color > color_limit or (one.bits > bits_limit and one.color > 0.6 * color_limit)
    ]
    return [index for _, index in sorted(worst, reverse=True)]


def _limit(values: Sequence[float], least: float) -> float:
    middle = float(np.median(values))
    spread = float(np.median(np.abs(np.asarray(values) - middle)))
    return max(least, middle + SPREADS * spread)
