"""Read depth from numpy files, as many depth estimators write it."""

from __future__ import annotations

import tokenize
from pathlib import Path

import numpy as np

from editor3d.errors import DataError, first_line
from editor3d.files.safe_open import MAX_PIXELS, require_regular

UNREADABLE = (OSError, ValueError, EOFError, SyntaxError, TypeError, OverflowError, tokenize.TokenError)
"""What numpy raises for a damaged file: its header is parsed as Python's literals are."""


def read_depth_array(path: Path) -> np.ndarray:
    """Read a `.npy` file of depth.

    Its size is held against what its header says before anything is allocated, and nothing in it is unpickled.

    Returns:
        [H, W] float32, 0 where the file has NaN or infinity.

    Raises:
        DataError: it is missing, no array of numbers, or not of one channel.
    """
    require_regular(path)
    try:
        found = np.lib.format.open_memmap(path, mode="r")
    except UNREADABLE as error:
        raise DataError(
            f"The depth {path} is damaged or no .npy file ({first_line(error)}): write it anew with numpy.save."
        ) from error
    shape = found.shape
    if len(shape) == 3 and 1 in (shape[0], shape[2]):
        found = found.squeeze(0 if shape[0] == 1 else 2)
    if found.ndim != 2 or found.dtype.kind not in "fiu" or not found.size:
        kind = f"{'x'.join(map(str, shape)) or 'one'} of {str(found.dtype)[:40]}"
        raise DataError(f"Expected depth as numbers in height x width in {path}, got {kind}: write it anew.")
    if found.size > MAX_PIXELS:
        raise DataError(f"Expected depth of at most {MAX_PIXELS >> 20} million numbers in {path}, got {found.size}.")
    with np.errstate(over="ignore"):
        depth = np.asarray(found, dtype=np.float32)
    return np.where(np.isfinite(depth), depth, np.float32(0))
