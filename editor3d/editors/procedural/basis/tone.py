"""The building blocks of every effect: local, deterministic maps of pictures [H, W, 3] and planes [H, W] in 0..1.

None looks at statistics of the whole picture or at a pixel's place, so that the same surface point gets the same colour
from each view. Neighborhoods are given in pixels of a picture whose shorter side is 512 and scale with the picture.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import torch
from scipy.interpolate import PchipInterpolator
from torch import Tensor

Stops = tuple[tuple[float, float, float, float], ...]
"""A color ramp: (luma, red, green, blue), by rising luma from 0 to 1."""

_LUMA = (0.299, 0.587, 0.114)
_RAMP_SIZE = 4096
_REFERENCE_SIDE = 512


def luma(image: Tensor) -> Tensor:
    """Y' = 0.299 R' + 0.587 G' + 0.114 B' of [H, W, 3] -> [H, W] (ITU-R BT.601, on sRGB values)."""
    return image @ image.new_tensor(_LUMA)


@lru_cache(maxsize=128)
def _table(stops: Stops) -> Tensor:
    knots = np.asarray(stops, dtype=np.float64)
    values = PchipInterpolator(knots[:, 0], knots[:, 1:])(np.linspace(0.0, 1.0, _RAMP_SIZE))
    return torch.from_numpy(values.clip(0.0, 1.0).astype(np.float32))


def ramp(plane: Tensor, stops: Stops) -> Tensor:
    """Color each value of a plane [H, W] by a smooth (monotone cubic) ramp -> [H, W, 3]."""
    index = (plane.clamp(0.0, 1.0) * (_RAMP_SIZE - 1) + 0.5).to(torch.int64)
    return _table(stops)[index]


@lru_cache(maxsize=64)
def _curve_table(knots: tuple[tuple[float, float], ...]) -> Tensor:
    x, y = np.asarray(knots, dtype=np.float64).T
    values = PchipInterpolator(x, y)(np.linspace(0.0, 1.0, _RAMP_SIZE))
    return torch.from_numpy(values.clip(0.0, 1.0).astype(np.float32))


def curve(values: Tensor, *knots: tuple[float, float]) -> Tensor:
    """A tone curve through (input, output) knots from input 0 to 1, applied to any tensor; monotone between knots."""
    index = (values.clamp(0.0, 1.0) * (_RAMP_SIZE - 1) + 0.5).to(torch.int64)
    return _curve_table(knots)[index]


def smoothstep(low: float, high: float, values: Tensor) -> Tensor:
    """0 below `low`, 1 above `high`, 3t^2 - 2t^3 between."""
    t = ((values - low) / (high - low)).clamp(0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def mix(a: Tensor, b: Tensor, weight: Tensor | float) -> Tensor:
    """(1 - weight) a + weight b, exact at 0 and 1; a weight plane [H, W] serves all three channels."""
    if isinstance(weight, Tensor) and weight.ndim == 2:
        weight = weight.unsqueeze(-1)
    return torch.lerp(a, b.expand_as(a), weight)


def saturate(image: Tensor, factor: float) -> Tensor:
    """Scale the distance to the gray of the same luma; 0 is gray, 1 leaves the picture unchanged."""
    gray = luma(image).unsqueeze(-1)
    return gray + factor * (image - gray)


def greenness(image: Tensor) -> Tensor:
    """How much green stands above the mean of red and blue, [H, W] in -1..1; about 0.1 and more is foliage."""
    red, green, blue = image.unbind(-1)
    return green - 0.5 * (red + blue)


def pixels(image: Tensor, length: float) -> float:
    """A length at a shorter side of 512 pixels, in pixels of this picture; at least 0.5."""
    return max(0.5, length * min(image.shape[0], image.shape[1]) / _REFERENCE_SIDE)


def blur(values: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of a plane or picture, sigma in reference pixels."""
    out = cv2.GaussianBlur(values.numpy(), (0, 0), pixels(values, sigma), borderType=cv2.BORDER_REFLECT_101)
    return torch.from_numpy(out)


def slope(plane: Tensor) -> Tensor:
    """Length of the gradient of a plane [H, W], in units per reference pixel."""
    y = plane.numpy()
    gx = cv2.Scharr(y, cv2.CV_32F, 1, 0, scale=1.0 / 32.0)
    gy = cv2.Scharr(y, cv2.CV_32F, 0, 1, scale=1.0 / 32.0)
    return torch.from_numpy(cv2.magnitude(gx, gy)) * (min(plane.shape) / _REFERENCE_SIDE)


def box(values: np.ndarray, radius: int) -> np.ndarray:
    """Mean over a (2 radius + 1) square, mirrored at the border."""
    return cv2.blur(values, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REFLECT_101)


def flatten(plane: Tensor, radius: float, contrast: float) -> Tensor:
    """Smooth what varies by less than `contrast` within `radius` reference pixels, and keep stronger edges.

    The guided filter (He et al. 2013) of a plane [H, W] by itself: q = a p + b with a = var / (var + contrast^2) and
    b = (1 - a) mean in each window, both averaged over the windows that hold the pixel.
    """
    size = max(1, round(pixels(plane, radius)))
    p = plane.numpy()
    mean = box(p, size)
    variance = np.maximum(box(p * p, size) - mean * mean, 0.0)
    a = variance / (variance + contrast * contrast)
    b = (1.0 - a) * mean
    return torch.from_numpy(box(a, size) * p + box(b, size))
