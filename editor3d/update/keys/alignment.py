"""Align an edited picture with what its own photograph says it should show, by a smooth shift of places."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

_NODES = 9
"""Of the shift along the longer side, at most."""
_LEVELS = (0.016, 0.008, 0.004)
"""Blurs of both pictures, coarse to fine, as shares of the shorter side."""
_ROUNDS = 3
"""Steps of Gauss-Newton a level."""
_STIFF, _SHORT = 1e-2, 1e-4
"""Weights of the shift's bends and of its length, beside the mean evidence of a node."""
_LONGEST = 0.02
"""The longest shift, as a share of the shorter side."""
_LEAST_SCALE = 0.02
_BETTER = 0.98
"""A shift is taken where it leaves at most this share of the difference."""
_PIXELS = 320
"""Pixels of the longer side at which the shift is looked for."""


def aligned(edited: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """An edited picture moved to where `wanted` shows the same.

    The shift u, a bicubic function of place on a coarse grid, minimises

        sum_p m_p rho(|E(p + u(p)) - W(p)|) + s sum |second differences of u|^2 + k |u|^2

    by Gauss-Newton from coarse to fine, with Cauchy's weights for rho: what `wanted` does not know of counts little.

    Args:
        edited: [H, W, 3] in 0..1.
        wanted: the same: what the edit makes of the photograph, roughly.
        weight: [H, W] of at least 0.

    Returns:
        [H, W, 3] in 0..1: as it came where no shift brings both closer.
    """
    height, width = edited.shape[:2]
    ratio = min(1.0, _PIXELS / max(height, width))
    size = (max(8, round(width * ratio)), max(8, round(height * ratio)))
    ours, theirs = (_reduced(picture, size) for picture in (edited, wanted))
    amount = _reduced(weight, size).astype(np.float64)
    shift = _shift(ours, theirs, amount)
    before, after = (
        float((amount[..., None] * np.abs(picture - theirs)).sum())
        for picture in (ours, _moved(ours, shift.astype(np.float32), cv2.INTER_LINEAR))
    )
    if after > _BETTER * before:
        return edited
    large = cv2.resize(shift.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    large *= np.array([width / size[0], height / size[1]], np.float32)
    array = _moved(np.ascontiguousarray(edited.detach().cpu().float().numpy()), large, cv2.INTER_LANCZOS4)
    return torch.from_numpy(array).clamp(0.0, 1.0)


def _shift(ours: np.ndarray, theirs: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """The shift [h, w, 2] in pixels (x, y) that takes `ours` to `theirs`, both [h, w, 3]."""
    height, width = amount.shape
    shorter = min(height, width)
    rows, columns = _basis(height, max(height, width)), _basis(width, max(height, width))
    count = rows.shape[1] * columns.shape[1]
    basis = np.einsum("ya,xb->yxab", rows, columns).reshape(height * width, count)
    bends = np.kron(_bends(rows.shape[1]), np.eye(columns.shape[1])) + np.kron(
        np.eye(rows.shape[1]), _bends(columns.shape[1])
    )
    nodes = np.zeros((count, 2))
    for level in _LEVELS:
        sigma = max(0.6, level * shorter)
        sparse = max(1, round(sigma))
        some = (slice(sparse // 2, None, sparse),) * 2  # what is blurred says the same at its neighbours
        few = basis.reshape(height, width, -1)[some].reshape(-1, count)
        blurry, goal = (cv2.GaussianBlur(picture, (0, 0), sigma) for picture in (ours, theirs))
        along = [cv2.Scharr(blurry, cv2.CV_32F, *axis) / 32.0 for axis in ((1, 0), (0, 1))]
        for _ in range(_ROUNDS):
            shift = (basis @ nodes).reshape(height, width, 2).astype(np.float32)
            apart = goal - _moved(blurry, shift, cv2.INTER_LINEAR)
            slope = np.stack([_moved(part, shift, cv2.INTER_LINEAR) for part in along], -1)
            size = np.abs(apart).mean(-1)
            scale = max(_LEAST_SCALE, 1.5 * float(np.median(size)))
            by = (amount / (1.0 + (size / scale) ** 2))[some].ravel()
            flat = slope[some].reshape(-1, 3, 2).astype(np.float64)
            difference = apart[some].reshape(-1, 3).astype(np.float64)
            products = np.einsum("pci,pcj->pij", flat, flat) * by[:, None, None]
            toward = np.einsum("pci,pc->pi", flat, difference) * by[:, None]
            xx, xy, yy = (few.T @ (products[:, i, j, None] * few) for i, j in ((0, 0), (0, 1), (1, 1)))
            system = np.block([[xx, xy], [xy, yy]])
            evidence = np.trace(system) / (2 * count)
            kept = evidence * np.kron(np.eye(2), _STIFF * bends + _SHORT * np.eye(count))
            right = (few.T @ toward).T.ravel()
            step = np.linalg.solve(system + kept + 1e-9 * np.eye(2 * count), right - kept @ nodes.T.ravel())
            nodes = nodes + step.reshape(2, count).T
            furthest = np.linalg.norm(nodes, axis=1, keepdims=True)
            nodes = nodes * np.minimum(1.0, _LONGEST * shorter / np.maximum(furthest, 1e-9))
    return (basis @ nodes).reshape(height, width, 2)


def _basis(size: int, longer: int) -> np.ndarray:
    """Cubic interpolation [size, N] between nodes along one side."""
    count = max(4, round(_NODES * size / longer))
    eye = np.eye(count, dtype=np.float32)
    where = np.linspace(0, count - 1, size, dtype=np.float32)[None].repeat(count, 0)
    lines = np.arange(count, dtype=np.float32)[:, None].repeat(size, 1)
    return cv2.remap(eye, where, lines, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).T.astype(np.float64)


def _bends(count: int) -> np.ndarray:
    second = np.diff(np.eye(count), 2, axis=0)
    return second.T @ second


def _reduced(picture: Tensor, size: tuple[int, int]) -> np.ndarray:
    array = np.ascontiguousarray(picture.detach().cpu().float().numpy())
    return cv2.resize(array, size, interpolation=cv2.INTER_AREA)


def _moved(picture: np.ndarray, shift: np.ndarray, how: int) -> np.ndarray:
    """A picture [h, w, C] of at most four channels, looked up at p + shift(p)."""
    y, x = np.mgrid[0 : shift.shape[0], 0 : shift.shape[1]].astype(np.float32)
    return cv2.remap(picture, x + shift[..., 0], y + shift[..., 1], how, borderMode=cv2.BORDER_REPLICATE)
