"""Read a watermark from a picture of a marked scene, by a correlation test.

Whoever reads has the unmarked scene, the key, and the camera, or a few that the picture may be from: the one whose
render shares most features with the picture is taken, and the similarity between the two undoes scaling and cropping.
With the difference r of the picture and the unmarked render, and the renders X [pixels, F] of the waves, both without
their coarse part, and the picture's contrast that of the render,

    a = (X'X + l I)^-1 X'r,    score_b = (M'a)_b,    bit_b = score_b > 0.

Without a mark, or with another key, a bit is right by chance of one half: `chance` is the probability of as many right
bits as were found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from scipy.stats import binom
from torch import Tensor

from editor3d.errors import DataError
from editor3d.metrics.image import REC709_LUMINANCE
from gaussian.draw.selection import PosedPinhole
from gaussian.mark.embed import picture_of
from gaussian.mark.pattern import BITS, WAVES, mixture, waves
from gaussian.raster.rasterize import rasterization
from gaussian.splats import Splats

_COARSE = 12.0
"""Pixels; what a Gaussian of this width keeps is light and colour, which edits and photographs differ in."""
_CLIPPED = 0.1
"""A greater difference is something else than a mark."""
_RIDGE = 1e-3
_CHANNELS = 16
_LEAST_MATCHES = 12


@dataclass(frozen=True, eq=False)
class Reading:
    """What a picture says."""

    bits: tuple[bool, ...]
    scores: Tensor
    """[B] float64; further from 0 is surer."""
    view: int
    """Which of the cameras it was taken for."""

    def right(self, message: Sequence[bool]) -> int:
        """How many bits are those of a message."""
        return sum(mine == theirs for mine, theirs in zip(self.bits, message, strict=True))

    def chance(self, message: Sequence[bool]) -> float:
        """The probability that so many bits are right without the mark."""
        return float(binom.sf(self.right(message) - 1, len(self.bits), 0.5))


@dataclass(frozen=True, eq=False)
class Sight:
    """The unmarked scene, and the waves in it, from one camera."""

    picture: np.ndarray
    """[H, W, 3] float32 in 0..1."""
    waves: np.ndarray
    """[H, W, F] float32."""


@torch.no_grad()
def sight_of(splats: Splats, camera: PosedPinhole) -> Sight:
    """What a camera sees of the unmarked scene."""
    values, parts = waves(splats, splats.means), []
    for start in range(0, WAVES, _CHANNELS):
        some = values[:, start : start + _CHANNELS].contiguous()
        part, _, _ = rasterization(
            splats.means, splats.quats, splats.scales, splats.opacities, some,
            camera.viewmat[None].to(splats.means), camera.K[None].to(splats.means), camera.width, camera.height,
            near_plane=camera.near, packed=False,
        )  # fmt: skip
        parts.append(part[0].cpu().numpy())
    return Sight(picture_of(splats, camera).numpy(), np.concatenate(parts, -1))


def read_mark(picture: np.ndarray, sights: Sequence[Sight], key: str, bits: int = BITS) -> Reading:
    """Read a message.

    Args:
        picture: [H, W, 3] float in 0..1, of any size, upright; of about the whole view or a part of it.
        sights: of the cameras that it may be from.
        key: that of the mark.
        bits: of the message.

    Raises:
        DataError: the picture fits none of them.
    """
    view, aligned, known = _registered(picture, sights)
    weights = waves_in(aligned, known, sights[view])
    scores = mixture(key, bits).T @ torch.from_numpy(weights)
    return Reading(tuple(bool(score > 0) for score in scores), scores, view)


def waves_in(aligned: np.ndarray, known: np.ndarray, sight: Sight) -> np.ndarray:
    """How much of each wave is in a picture: a of this module's page, [F] float64.

    Args:
        aligned: [H, W, 3] float, registered with the sight.
        known: [H, W] bool, the pixels that it has.
    """
    luminance = np.array(REC709_LUMINANCE, np.float32)
    weight = known.astype(np.float32)
    norm = np.maximum(cv2.GaussianBlur(weight, (0, 0), _COARSE), 1e-3)

    def fine(plane: np.ndarray) -> np.ndarray:
        return plane - cv2.GaussianBlur(plane * weight, (0, 0), _COARSE) / norm

    seen, there = (fine((picture @ luminance).astype(np.float32)) for picture in (aligned, sight.picture))
    gain = float((seen * there)[known].sum() / max((there * there)[known].sum(), 1e-12))
    if gain <= 0:
        gain = 1.0
    r = np.clip(seen / gain - there, -_CLIPPED, _CLIPPED)[known].astype(np.float64)
    x = np.stack([fine(np.ascontiguousarray(sight.waves[..., f]))[known] for f in range(sight.waves.shape[-1])], -1)
    x = x.astype(np.float64)
    gram = x.T @ x
    return np.linalg.solve(gram + _RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram)), x.T @ r)


def _registered(picture: np.ndarray, sights: Sequence[Sight]) -> tuple[int, np.ndarray, np.ndarray]:
    """The sight that a picture is of, the picture on its pixels, and which of these it has."""
    if len(sights) == 1 and picture.shape == sights[0].picture.shape:
        return 0, picture.astype(np.float32), np.ones(picture.shape[:2], bool)
    points, told = _features(picture)
    best: tuple[int, int, np.ndarray] | None = None
    for number, sight in enumerate(sights):
        there, described = _features(sight.picture)
        if told is None or described is None or len(described) < 2:
            continue
        pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(told, described, k=2)
        good = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < 0.8 * pair[1].distance]
        if len(good) < _LEAST_MATCHES:
            continue
        source = np.array([points[match.queryIdx].pt for match in good], np.float32)
        target = np.array([there[match.trainIdx].pt for match in good], np.float32)
        transform, inliers = cv2.estimateAffinePartial2D(source, target, method=cv2.RANSAC, ransacReprojThreshold=1.5)
        if inliers is None or transform is None:
            continue
        count = int(inliers.sum())
        if count >= _LEAST_MATCHES and (best is None or count > best[0]):
            best = (count, number, transform)
    if best is None:
        raise DataError(
            "Expected a picture from about one of the cameras, found none that shows the same: give the camera."
        )
    _, number, transform = best
    height, width = sights[number].picture.shape[:2]
    ones = np.ones(picture.shape[:2], np.float32)
    kind = cv2.INTER_AREA if abs(np.linalg.det(transform[:, :2])) < 0.9 else cv2.INTER_CUBIC
    aligned = cv2.warpAffine(picture.astype(np.float32), transform, (width, height), flags=kind)
    known = cv2.warpAffine(ones, transform, (width, height)) > 0.99
    return number, aligned, known


def _features(picture: np.ndarray) -> tuple[Sequence[cv2.KeyPoint], np.ndarray | None]:
    gray = np.rint(np.clip(picture, 0, 1) @ np.array(REC709_LUMINANCE) * 255).astype(np.uint8)
    sift: Any = vars(cv2)["SIFT_create"](contrastThreshold=0.01)  # its types leave it out
    return sift.detectAndCompute(gray, None)
