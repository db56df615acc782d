"""antimatter15's .splat: 32 bytes a Gaussian, no header, one colour from all sides.

A row is the centre and the standard deviations (three floats each), red, green, blue and opacity (a byte each), and
the rotation wxyz (a byte each, 128 (1 + component)). Precision: means are exact, log scales to 1e-5 where they lie in
-87..88, colours 0.5 + C0 sh[:, 0] and opacities to 1/510 where they lie in 0..1, rotations to 1.4 degrees. Higher
spherical harmonics are dropped. The order is kept.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from editor3d.errors import DataError
from gaussian.files.arrays import opacity_bytes, opacity_logits_of, splats_of
from gaussian.files.contents import SplatFile
from gaussian.splats import SH_C0

_ROW = np.dtype([("means", "<f4", 3), ("scales", "<f4", 3), ("rgba", "u1", 4), ("quats", "u1", 4)])
_TINY, _HUGE = np.finfo(np.float32).tiny, np.finfo(np.float32).max


def read(path: Path) -> SplatFile:
    """
    Raises:
        DataError: as `read_splats`.
    """
    size = path.stat().st_size
    if size == 0 or size % _ROW.itemsize:
        raise DataError(f"{path} is no .splat file or is cut short: {size} bytes are no multiple of {_ROW.itemsize}.")
    rows = np.fromfile(path, _ROW)
    if (rows["scales"] < 0).any():
        raise DataError(f"{path} is no .splat file: it has negative scales.")
    rgb, opacity = rows["rgba"][:, :3], rows["rgba"][:, 3]
    return SplatFile(
        splats_of(
            rows["means"],
            np.log(np.maximum(rows["scales"], _TINY)),
            (rows["quats"].astype(np.float32) - 128) / 128,
            opacity_logits_of(opacity),
            ((rgb / 255 - 0.5) / SH_C0)[:, None],
        )
    )


def write(path: Path, contents: SplatFile) -> None:
    """Write N Gaussians on the CPU; the module says to which precision.

    Args:
        path: the file, which is overwritten.
        contents: all values finite.
    """
    splats = contents.splats
    rows = np.empty(len(splats), _ROW)
    rows["means"] = splats.means.numpy()
    with np.errstate(over="ignore"):
        rows["scales"] = np.clip(np.exp(splats.log_scales.numpy()), _TINY, _HUGE)
    rgb = 0.5 + SH_C0 * splats.sh[:, 0].numpy().astype(np.float64)
    rows["rgba"][:, :3] = np.rint(rgb.clip(0, 1) * 255)
    rows["rgba"][:, 3] = opacity_bytes(splats)
    quats = splats.quats.numpy().astype(np.float64)
    quats /= np.linalg.norm(quats, axis=1, keepdims=True)
    rows["quats"] = np.rint(quats * 128 + 128).clip(0, 255)
    rows.tofile(path)
