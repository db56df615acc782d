"""How the texture of two pictures differs as distributions: what a surface is like, not where each mark lies.

Veins of a marble that lie elsewhere are still veins; a smooth surface of the same colour is none. A loss pixel by pixel
says the opposite: the mean colour is nearer to any veins than other veins are. Three distributions are compared, in
cells of the picture and over levels of halves, as in Portilla and Simoncelli's texture statistics:

    strength      W1(sorted |grad a|, sorted |grad b|) / (mean |grad a| + mean |grad b| + FLOOR)
    orientation   1/2 sum_k |h_a[k] - h_b[k]|, h = histogram of the gradients' directions, weighted by their strength
    spectrum      mean over rings of min(1, |ln((P_a + FLOOR) / (P_b + FLOOR))| / SPAN), P = power of frequencies

Each lies in 0..1, and is 0 where both pictures are equal. W1 is Wasserstein's distance of two samples of one size.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

CELLS, DIRECTIONS, RINGS, LEVELS = 4, 8, 6, 3
"""Cells a side, bins of direction in a half turn, rings of frequencies, and levels."""
FLOOR, SPAN = 0.01, 6.0
"""A gradient that no one sees, of 1 for a step from black to white; the logarithm that counts as wholly different."""
POWER_FLOOR = 1e-5


class Texture:
    """A picture's distributions.

    Args:
        levels: pictures [h, w, 3] float in 0..1, each of half the size of the one before it.
    """

    def __init__(self, levels: list[np.ndarray]) -> None:
        self._cells = [cell for level in levels[:LEVELS] for cell in _cells(level.mean(axis=-1))]
        self._spectrum = _spectrum(levels[0].mean(axis=-1))

    def difference(self, other: Texture) -> float:
        """The mean of the three parts, 0..1; both pictures must have one size."""
        strength, orientation = [], []
        for (mine, my_mean, my_turns), (theirs, their_mean, their_turns) in zip(self._cells, other._cells, strict=True):
            scale = my_mean + their_mean + FLOOR
            strength.append(np.abs(mine - theirs).mean() / scale)
            # directions count as far as there is something to have one
            orientation.append(0.5 * np.abs(my_turns - their_turns).sum() * min(1.0, scale / (10 * FLOOR)))
        ratio = np.log((self._spectrum + POWER_FLOOR) / (other._spectrum + POWER_FLOOR))
        spectrum = np.minimum(1.0, np.abs(ratio) / SPAN).mean()
        return float((np.mean(strength) + np.mean(orientation) + spectrum) / 3.0)


def _cells(grey: np.ndarray) -> list[tuple[np.ndarray, float, np.ndarray]]:
    """Of each cell: strengths in order, their mean, and the histogram of directions."""
    down, across = (ndimage.sobel(grey, axis, mode="nearest") / 4.0 for axis in (0, 1))
    strength, turn = np.hypot(down, across), np.mod(np.arctan2(down, across), np.pi)
    bins = np.minimum((turn * (DIRECTIONS / np.pi)).astype(int), DIRECTIONS - 1)
    found = []
    for rows in np.array_split(np.arange(grey.shape[0]), CELLS):
        for columns in np.array_split(np.arange(grey.shape[1]), CELLS):
            part = np.ix_(rows, columns)
            values = strength[part].ravel()
            histogram = np.bincount(bins[part].ravel(), values, DIRECTIONS)
            found.append((np.sort(values), float(values.mean()), histogram / max(histogram.sum(), 1e-9)))
    return found


def _spectrum(grey: np.ndarray) -> np.ndarray:
    """Power in rings of frequencies [RINGS], each twice as far out as the one before, without the picture's mean."""
    window = np.outer(np.hanning(grey.shape[0]), np.hanning(grey.shape[1]))
    power = np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2 / grey.size
    down, across = np.meshgrid(np.fft.fftfreq(grey.shape[0]), np.fft.fftfreq(grey.shape[1]), indexing="ij")
    ring = np.clip(np.floor(RINGS + np.log2(np.maximum(np.hypot(down, across), 1e-9))), 0, RINGS - 1).astype(int)
    return np.bincount(ring.ravel(), power.ravel(), RINGS) / np.bincount(ring.ravel(), minlength=RINGS).clip(1)
