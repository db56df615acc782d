"""Colour maps between pictures: one that brings a key to the look of others, and one that says what an edit does."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

_SAMPLED = 40_000
"""Pixels that a map is fitted to, at most."""
_ROUNDS = 8
_LEAST_SCALE = 0.01
_WHITE = 0.985
_KEPT = 0.01
"""How strongly a map is drawn to the one that it is without evidence, as a share of all its evidence."""


@dataclass(frozen=True, eq=False)
class ColorMap:
    """A smooth map of colours: c' = A features(c, x, y), kept to 0..1."""

    coefficients: np.ndarray
    """[F, 3] float64."""
    degree: int
    """1: the features are (r, g, b, 1, x, y); 2: also the products of colours two by two, and no place."""

    def __call__(self, picture: Tensor) -> Tensor:
        """A picture [H, W, 3] in 0..1, mapped: the same."""
        height, width = picture.shape[:2]
        colors = picture.detach().cpu().reshape(-1, 3).double().numpy()
        mapped = _features(colors, _places(height, width), self.degree) @ self.coefficients
        return torch.from_numpy(mapped.clip(0.0, 1.0).astype(np.float32)).view(height, width, 3)


def fit_map(
    sources: list[Tensor], wanted: list[Tensor], weights: list[Tensor], degree: int, start: np.ndarray | None = None
) -> ColorMap:
    """The map of colours that takes `sources` to `wanted`, where weights say that both show the same.

    Iteratively reweighted least squares with Cauchy's weights 1 / (1 + (r / s)^2), s 1.5 times the median residual r.
    What is black or white in `wanted` may be mapped beyond.

    Args:
        sources: pictures [H, W, 3] in 0..1.
        wanted: the same.
        weights: [H, W] of at least 0 each.
        degree: as of `ColorMap`.
        start: the coefficients without any evidence; those of the identity by default.
    """
    colors, targets, places, amounts = [], [], [], []
    step = max(1, round((sum(s.shape[0] * s.shape[1] for s in sources) / _SAMPLED) ** 0.5))
    for source, target, weight in zip(sources, wanted, weights, strict=True):
        height, width = weight.shape
        some = (slice(step // 2, None, step), slice(step // 2, None, step))
        colors.append(source[some].reshape(-1, 3).double().numpy())
        targets.append(target[some].reshape(-1, 3).double().numpy())
        places.append(_places(height, width).reshape(height, width, 2)[some].reshape(-1, 2))
        amounts.append(weight[some].reshape(-1).double().numpy())
    known = np.concatenate(amounts) > 0
    amount = np.concatenate(amounts)[known]
    features = _features(np.concatenate(colors)[known], np.concatenate(places)[known], degree)
    target = np.concatenate(targets)[known]
    coefficients = _identity(features.shape[1] if len(features) else _count(degree)) if start is None else start
    if len(features) < 32:
        return ColorMap(coefficients, degree)
    prior, robust = coefficients.copy(), np.ones(len(features))
    for _ in range(_ROUNDS):
        found = features @ coefficients
        beyond = ((target >= _WHITE) & (found > target)) | ((target <= 1.0 - _WHITE) & (found < target))
        reached = np.where(beyond, found, target)  # a picture says no more of what it cut off
        by = (amount * robust)[:, None]
        kept = _KEPT * by.sum() / features.shape[1] * np.eye(features.shape[1])
        coefficients = np.linalg.solve(features.T @ (by * features) + kept, features.T @ (by * reached) + kept @ prior)
        residual = np.abs((features @ coefficients).clip(0.0, 1.0) - target.clip(0.0, 1.0)).mean(1)
        scale = max(_LEAST_SCALE, 1.5 * _weighted_median(residual, amount))
        robust = 1.0 / (1.0 + (residual / scale) ** 2)
    return ColorMap(coefficients, degree)


def identity_of(degree: int) -> ColorMap:
    """The map that leaves every colour as it is."""
    return ColorMap(_identity(_count(degree)), degree)


def blurred(picture: Tensor, sigma: float) -> Tensor:
    """[H, W, C] or [H, W], by a Gaussian of so many pixels."""
    array = cv2.GaussianBlur(np.ascontiguousarray(picture.detach().cpu().float().numpy()), (0, 0), sigma)
    return torch.from_numpy(array.reshape(picture.shape))


def _features(colors: np.ndarray, places: np.ndarray, degree: int) -> np.ndarray:
    one = np.ones((len(colors), 1))
    if degree == 1:
        return np.concatenate([colors, one, places], 1)
    r, g, b = colors.T
    return np.concatenate([colors, one, np.stack([r * r, g * g, b * b, r * g, g * b, b * r], 1)], 1)


def _count(degree: int) -> int:
    return 6 if degree == 1 else 10


def _identity(count: int) -> np.ndarray:
    return np.eye(count, 3)


def _places(height: int, width: int) -> np.ndarray:
    """Of pixels row by row, [H * W, 2] in -0.5..0.5."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([(x.ravel() + 0.5) / width - 0.5, (y.ravel() + 0.5) / height - 0.5], 1)


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = values.argsort()
    sums = weights[order].cumsum()
    return float(values[order][np.searchsorted(sums, 0.5 * sums[-1])])
