"""Coordinates far from the origin: georeferenced scenes lie millions of units away, where float32 knows no centimetres.

Such coordinates stay in float64 until an offset is taken off; what is left is float32 as everywhere.
"""

from __future__ import annotations

import numpy as np

_FAR = 256
"""What lies farther away than so many times its own size is centred first: float32 leaves 1/65 000 of it there."""
_FAR_POINT = 1e4
"""The same for what has no size, such as pictures taken from one place, in units of the file."""
_SPREAD = 0.9
"""Share of the points that the size is taken of: a few strays do not count."""


def offset_of(points: np.ndarray, size: float = 0.0) -> np.ndarray:
    """What to take off coordinates, in float64, before they become float32.

    Args:
        points: [N, 3], finite.
        size: the least size that they describe, where they are more than points.

    Returns:
        [3] float64: zeros where the coordinates are fine as they are, else a point amid them in few binary digits.
    """
    if len(points) == 0:
        return np.zeros(3)
    points = np.asarray(points, dtype=np.float64)
    middle = np.median(points, axis=0)
    spread = float(np.quantile(np.abs(points - middle).max(1), _SPREAD))
    size = max(size, spread)
    if np.abs(middle).max() <= (_FAR * size if size > 0 else _FAR_POINT):
        return np.zeros(3)
    step = 2.0 ** np.floor(np.log2(size)) if size > 0 else 1.0
    return np.round(middle / step) * step + 0.0  # no negative zero
