"""Separate an edit's voxels from the rest by colour, where attention is too coarse.

As in GrabCut (Rother et al. 2004), the colours that labels hold so far are one model, those around them another, and
the labels are found anew with both:

    U_p(M) = -log softmax_M(A_p / temperature) - weight * log p(c_p | M).

The models are smoothed histograms in Lab, in which each voxel inside counts by its attention squared: a layer of the
neighbourhood that came along has less of it. Nothing here is random.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.color import rgb2lab

REACH = 8
"""Voxels around the labels whose colours are the other model, and which may change their label."""
ROUNDS = 3
_BIN, _SMOOTH = 5.0, 1.2
"""Sides of the histogram's cells in Lab, and the Gaussian that smooths it, in cells."""
_FLOOR = 1e-6
_MOST = 10.0
"""Log ratio of the two models beyond which a colour tells no more."""
_LOW, _HIGH = np.array([0.0, -110.0, -110.0]), np.array([100.0, 110.0, 110.0])


class ColorModel:
    """Colours of voxels, as cells of a histogram.

    Args:
        colors: [X, Y, Z, 3] sRGB in 0..1.
    """

    def __init__(self, colors: np.ndarray) -> None:
        lab = rgb2lab(colors.reshape(-1, 1, 3)).reshape(-1, 3)
        self._shape = tuple(np.ceil((_HIGH - _LOW) / _BIN).astype(int))
        cells = ((lab - _LOW) / _BIN).astype(int).clip(0, np.array(self._shape) - 1)
        self._cells = np.ravel_multi_index(tuple(cells.T), self._shape).reshape(colors.shape[:3])

    def log_ratio(self, labels: np.ndarray, mass: np.ndarray, where: np.ndarray) -> np.ndarray:
        """log p(c | inside) - log p(c | around), clipped to +-10; 0 farther than `REACH` from the labels.

        Args:
            labels: [X, Y, Z] bool.
            mass: [X, Y, Z], at least 0: what a labelled voxel counts for.
            where: [X, Y, Z] bool, the voxels that count at all.
        """
        ratio = np.zeros(labels.shape)
        inside = labels & where
        near = ndimage.binary_dilation(labels, iterations=REACH) & where
        around = near & ~labels
        if mass[inside].sum() <= 0.0 or not around.any():
            return ratio
        one, other = self._density(inside, mass), self._density(around, np.ones_like(mass))
        ratio[near] = np.clip(np.log(one / other)[self._cells[near]], -_MOST, _MOST)
        return ratio

    def _density(self, where: np.ndarray, mass: np.ndarray) -> np.ndarray:
        counts = np.bincount(self._cells[where], mass[where], minlength=int(np.prod(self._shape)))
        smooth = ndimage.gaussian_filter(counts.reshape(self._shape), _SMOOTH, mode="constant").ravel()
        return smooth / smooth.sum() + _FLOOR
