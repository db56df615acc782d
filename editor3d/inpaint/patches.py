"""Fill a hole in a texture with patches of what is around it (Wexler, Shechtman and Irani 2007).

Coarse to fine: every patch that overlaps the hole looks for the known patch most like it, and every unknown pixel
becomes the mean of what those patches say of it, the likelier ones counting more,

    c_p = sum_i w_i c_i(p) / sum_i w_i,   w_i = exp(-d_i^2 / 2 s^2),

s^2 being the 75th percentile of the d_i^2. Nothing is random. The search is exhaustive, which suits holes of a few
thousand pixels.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

PATCH, ROUNDS = 7, 6
_SMALLEST = 24
_MOST_SOURCES = 6000
_CHUNK = 512


def fill_texture(picture: np.ndarray, unknown: np.ndarray, source: np.ndarray) -> np.ndarray:
    """A texture without its hole.

    Args:
        picture: [H, W, 3] float in 0..1; any values where unknown.
        unknown: [H, W] bool, what is to be filled.
        source: [H, W] bool, pixels that may be copied from; those that are neither stay as they are.

    Returns:
        [H, W, 3] float32; what is not unknown keeps its values.

    Raises:
        ValueError: nothing may be copied from.
    """
    if not source.any():
        raise ValueError("a texture is filled from known pixels, and there is none")
    source = source & ~unknown
    picture = np.asarray(picture, np.float32)
    filled = _diffused(picture, ~source)
    sizes = [picture.shape[:2]]
    while min(sizes[-1]) // 2 >= _SMALLEST:
        sizes.append((sizes[-1][0] // 2, sizes[-1][1] // 2))
    for size in reversed(sizes):
        small = (size[1], size[0])
        known = cv2.resize(source.astype(np.float32), small, interpolation=cv2.INTER_AREA) > 0.99
        hole = cv2.resize(unknown.astype(np.float32), small, interpolation=cv2.INTER_AREA) > 0.01
        colors = cv2.resize(np.where(source[..., None], picture, filled), small, interpolation=cv2.INTER_AREA)
        guess = cv2.resize(filled, small, interpolation=cv2.INTER_AREA)
        colors = np.where(hole[..., None], guess, colors)
        for _ in range(ROUNDS):
            colors = _improved(colors, hole, known & ~hole)
        filled = np.where(unknown[..., None], cv2.resize(colors, picture.shape[1::-1]), picture)
        filled = np.where((~unknown & ~source)[..., None], _diffused(picture, ~source), filled)
    return np.where(unknown[..., None], filled, picture).astype(np.float32)


def _diffused(picture: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    """A first guess: every unknown pixel is a mean of known ones, near ones counting most."""
    total, weight = np.zeros_like(picture), np.zeros(picture.shape[:2], np.float32)
    known = (~unknown).astype(np.float32)
    for sigma in (2.0, 4.0, 8.0, 16.0, 32.0, 64.0):
        share = cv2.GaussianBlur(known, (0, 0), sigma) * 1e-3 ** np.log2(sigma)
        colors = cv2.GaussianBlur(picture * known[..., None], (0, 0), sigma) * 1e-3 ** np.log2(sigma)
        total, weight = total + colors, weight + share
    mean = picture[~unknown].mean(0)
    guess = np.where(weight[..., None] > 1e-30, total / np.maximum(weight, 1e-30)[..., None], mean)
    return np.where(unknown[..., None], guess, picture).astype(np.float32)


def _improved(colors: np.ndarray, hole: np.ndarray, known: np.ndarray) -> np.ndarray:
    """One round of looking for like patches and taking their mean."""
    half = PATCH // 2
    padded = np.pad(colors, ((half, half), (half, half), (0, 0)), mode="reflect")
    patches = sliding_window_view(padded, (PATCH, PATCH, 3))[:, :, 0]
    whole = cv2.erode(known.astype(np.uint8), np.ones((PATCH, PATCH), np.uint8), borderValue=(0,)).astype(bool)
    rows, columns = np.nonzero(whole)
    if not len(rows):
        return colors
    some = np.linspace(0, len(rows) - 1, min(len(rows), _MOST_SOURCES)).astype(int)
    sources = patches[rows[some], columns[some]].reshape(len(some), -1)
    touched = cv2.dilate(hole.astype(np.uint8), np.ones((PATCH, PATCH), np.uint8)).astype(bool)
    at = np.argwhere(touched)
    targets = patches[at[:, 0], at[:, 1]].reshape(len(at), -1)
    best, apart = _nearest(targets, sources)
    spread = max(float(np.quantile(apart, 0.75)), 1e-6)
    likely = np.exp(-apart / (2.0 * spread)).astype(np.float32)
    said = sources[best].reshape(len(at), PATCH, PATCH, 3)
    total, weight = np.zeros_like(padded), np.zeros(padded.shape[:2], np.float32)
    for dy in range(PATCH):
        for dx in range(PATCH):
            np.add.at(total, (at[:, 0] + dy, at[:, 1] + dx), said[:, dy, dx] * likely[:, None])
            np.add.at(weight, (at[:, 0] + dy, at[:, 1] + dx), likely)
    mean = (total / np.maximum(weight, 1e-12)[..., None])[half:-half, half:-half]
    return np.where(hole[..., None], mean, colors).astype(np.float32)


def _nearest(targets: np.ndarray, sources: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The place [N] of the nearest of M sources to each of N targets, and the squared distance [N]."""
    squares = (sources**2).sum(1)
    best, apart = np.empty(len(targets), np.int64), np.empty(len(targets), np.float32)
    for start in range(0, len(targets), _CHUNK):
        part = targets[start : start + _CHUNK]
        scores = squares - 2.0 * part @ sources.T
        chosen = scores.argmin(1)
        best[start : start + _CHUNK] = chosen
        apart[start : start + _CHUNK] = scores[np.arange(len(part)), chosen] + (part**2).sum(1)
    return best, np.maximum(apart, 0.0)
