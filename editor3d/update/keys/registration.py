"""Undo small shifts of an edited picture against the picture that was edited, where an edit keeps the shape."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

LONGEST = 0.015
"""The longest shift, as a share of the shorter side."""
_SMOOTH = 0.06
"""The blur of the shifts, as a share of the shorter side: an editor moves whole parts of a picture."""
_BETTER = 0.98
"""A shift is taken where it leaves at most this share of the difference in the edges."""


def registered(edited: Tensor, original: Tensor) -> Tensor:
    """An edited picture moved back to where the original shows the same things.

    Dense inverse search (DIS) between the edges of both, smoothed; the picture stays as it is where that does not bring
    the edges together.

    Args:
        edited: [H, W, 3] in 0..1.
        original: the same.

    Returns:
        [H, W, 3] in 0..1.
    """
    height, width = edited.shape[:2]
    shorter = min(height, width)
    if shorter < 32:
        return edited
    ours, theirs = _edges(edited), _edges(original)
    found = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = found.calc(theirs, ours, None)  # pyright: ignore[reportCallIssue, reportArgumentType]  # from no flow
    trust = cv2.GaussianBlur(theirs.astype(np.float32), (0, 0), 2.0)[..., None] + 1.0
    sigma = _SMOOTH * shorter
    flow = np.clip(flow, -2 * LONGEST * shorter, 2 * LONGEST * shorter)
    smooth = cv2.GaussianBlur(flow * trust, (0, 0), sigma) / cv2.GaussianBlur(trust, (0, 0), sigma)[..., None]
    length = np.linalg.norm(smooth, axis=-1, keepdims=True)
    smooth *= np.minimum(1.0, LONGEST * shorter / np.maximum(length, 1e-6))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    where = x + smooth[..., 0], y + smooth[..., 1]

    def moved(picture: np.ndarray, how: int) -> np.ndarray:
        return cv2.remap(picture, *where, how, borderMode=cv2.BORDER_REPLICATE)

    before = np.abs(ours.astype(np.float32) - theirs).mean()
    after = np.abs(moved(ours, cv2.INTER_LINEAR).astype(np.float32) - theirs).mean()
    if after > _BETTER * before:
        return edited
    array = moved(np.ascontiguousarray(edited.detach().cpu().numpy()), cv2.INTER_CUBIC)
    return torch.from_numpy(array).clamp(0.0, 1.0)


def _edges(picture: Tensor) -> np.ndarray:
    """How steep the luminance is, against its surroundings: [H, W] uint8. An edit of colours keeps where that is."""
    array = np.ascontiguousarray(picture.detach().cpu().float().numpy())
    grey = cv2.cvtColor(array, cv2.COLOR_RGB2GRAY)
    steep = np.hypot(cv2.Scharr(grey, cv2.CV_32F, 1, 0), cv2.Scharr(grey, cv2.CV_32F, 0, 1))
    usual = cv2.GaussianBlur(steep, (0, 0), 0.05 * min(grey.shape)) + 0.02
    return (100.0 * steep / usual).clip(0, 255).astype(np.uint8)
