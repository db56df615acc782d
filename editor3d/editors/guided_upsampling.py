"""Carrying an edit made at a small size over to the full-size picture, so that its detail survives.

In each neighbourhood the edit is taken to be an affine map of colour, e = A g + b, fitted by least squares between the
small picture before (g) and after (e); A and b vary smoothly, are scaled up, and are applied to the full-size picture.
This is the guided filter with a colour guide (He et al. 2013, equations 19-21) used for upsampling (Chen et al. 2016,
"Bilateral guided upsampling"), except that A shrinks toward the map of the whole picture instead of 0, so that fine
detail in flat areas is carried over too.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

_RADIUS = 4
"""Small pixels around each that one map is fitted to."""
_SHRINK = 0.01
"""Added to the diagonal of the guide's covariance: where colour varies by less than its root, the map is that of the
whole picture."""


def upsample_edit(full: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """Apply to a picture the change that a small copy of it underwent.

    Args:
        full: [H, W, 3] in 0..1, the picture at full size.
        before: [h, w, 3] in 0..1, the small copy as the small editor would give it back unedited.
        after: [h, w, 3] in 0..1, the small copy edited.

    Returns:
        [H, W, 3] float32 in 0..1 on `full`'s device. Where `after` equals `before`, the picture as it was.
    """
    guide, target = _array(before), _array(after)
    covariance, cross, mean_guide, mean_target = _moments(guide, target, _RADIUS)
    whole_covariance, whole_cross = _flat_moments(guide, target)
    # Toward the identity by as good as nothing: only a picture of one colour has no map of its own.
    whole = np.linalg.solve(whole_covariance + 1e-5 * np.eye(3), whole_cross + 1e-5 * np.eye(3))
    matrix = np.linalg.solve(covariance + _SHRINK * np.eye(3), cross + _SHRINK * whole)
    offset = mean_target - np.einsum("hwi,hwij->hwj", mean_guide, matrix)
    # Averaged over the windows that hold the pixel, then scaled up.
    coefficients = np.concatenate([matrix.reshape(*matrix.shape[:2], 9), offset], -1)
    height, width = full.shape[:2]
    smooth = [_box(np.ascontiguousarray(coefficients[..., i]), 1) for i in range(12)]
    large = np.stack([cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR) for plane in smooth], -1)
    picture = _array(full)
    out = np.einsum("hwi,hwij->hwj", picture, large[..., :9].reshape(height, width, 3, 3)) + large[..., 9:]
    return torch.from_numpy(out.clip(0, 1).astype(np.float32)).to(full.device)


def _moments(guide: np.ndarray, target: np.ndarray, radius: int) -> tuple[np.ndarray, ...]:
    """Covariance of the guide [h, w, 3, 3], guide with target [h, w, 3, 3], and both means [h, w, 3], in windows."""
    mean_guide, mean_target = _box(guide, radius), _box(target, radius)
    covariance = np.empty((*guide.shape[:2], 3, 3))
    cross = np.empty_like(covariance)
    for i in range(3):
        for j in range(3):
            covariance[..., i, j] = (
                _box(guide[..., i] * guide[..., j], radius) - mean_guide[..., i] * mean_guide[..., j]
            )
            cross[..., i, j] = _box(guide[..., i] * target[..., j], radius) - mean_guide[..., i] * mean_target[..., j]
    return covariance, cross, mean_guide, mean_target


def _flat_moments(guide: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same two covariances [3, 3] over the whole picture."""
    g, t = guide.reshape(-1, 3), target.reshape(-1, 3)
    g, t = g - g.mean(0), t - t.mean(0)
    return g.T @ g / len(g), g.T @ t / len(g)


def _box(values: np.ndarray, radius: int) -> np.ndarray:
    size = 2 * radius + 1
    return cv2.blur(values, (size, size), borderType=cv2.BORDER_REFLECT_101)


def _array(picture: Tensor) -> np.ndarray:
    return np.ascontiguousarray(picture.detach().cpu().double().numpy())
