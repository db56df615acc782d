"""Separate the light of folds from the colour of the cloth."""

from __future__ import annotations

import cv2
import numpy as np

from editor3d.srgb import to_linear

SHADING = (0.12, 2.2)
"""Least and greatest share of light that folds keep."""
WELL_LIT = 70
"""Percentile of the luminances of what is worn that a garment's own picture, which is lit well and evenly, shows."""
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
_FINE = 0.012
"""Detail finer than this share of the garment's height is the old cloth's, not a fold."""


def luminance_of(picture: np.ndarray) -> np.ndarray:
    """Luminance in linear light, [H, W] in 0..1, of a picture [H, W, 3] in sRGB."""
    return to_linear(np.asarray(picture, np.float64)) @ _LUMINANCE


def well_lit(luminances: np.ndarray) -> float:
    """The luminance of cloth where it is well lit, of all its luminances."""
    return float(np.percentile(luminances, WELL_LIT))


def shading(picture: np.ndarray, worn: np.ndarray, full: float | None) -> np.ndarray:
    """The share of light on what is worn: luminance over that of full light, smoothed within the mask; [H, W]."""
    luminance = luminance_of(picture)
    if full is None:
        full = well_lit(luminance[worn])
    rows = np.nonzero(worn.any(1))[0]
    sigma = max(0.6, _FINE * (rows[-1] - rows[0] + 1))
    inside = worn.astype(np.float64)
    weight = cv2.GaussianBlur(inside, (0, 0), sigma)
    smooth = cv2.GaussianBlur(luminance * inside, (0, 0), sigma) / np.maximum(weight, 1e-6)
    return np.clip(smooth / max(full, 1e-4), *SHADING)
