"""Write SuperSplat's compressed .ply, as .compressed.ply; `chunks` has the layout.

Precision of what is written: half a step of its bits within what a chunk spans (positions, colours, log scales within
-20..20), rotations to 0.3 degrees, opacities to 1/510, higher harmonics to 1/64 within +-4. The order follows a
space-filling curve, so that chunks are small.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gaussian.files.arrays import along_curve, packed_smallest_three
from gaussian.files.contents import SplatFile
from gaussian.files.ply.chunks import CHUNK, COLOR, PACKED, POSITION, SCALE
from gaussian.files.ply.comments import comments_of
from gaussian.files.ply.standard import read
from gaussian.splats import SH_C0, select

__all__ = ["read", "write"]


def write(path: Path, contents: SplatFile) -> None:
    """Write N Gaussians on the CPU; the module says to which precision.

    Args:
        path: the file, which is overwritten.
        contents: all values finite.
    """
    splats = select(contents.splats, along_curve(contents.splats.means))
    count = len(splats)
    starts = np.arange(0, count, CHUNK)
    columns = {
        "position": splats.means.numpy().astype(np.float64),
        "scale": splats.log_scales.numpy().astype(np.float64).clip(-20, 20),
        "color": 0.5 + SH_C0 * splats.sh[:, 0].numpy().astype(np.float64),
    }
    bounds, units = [], {}
    for name, values in columns.items():
        low = np.minimum.reduceat(values, starts).astype("<f4")
        high = np.maximum.reduceat(values, starts).astype("<f4")
        bounds += [low, high]
        span = np.repeat((high - low).astype(np.float64), CHUNK, 0)[:count]
        above = values - np.repeat(low.astype(np.float64), CHUNK, 0)[:count]
        units[name] = np.where(span > 0, above / np.where(span > 0, span, 1), 0)
    largest, smallest = packed_smallest_three(splats.quats.numpy(), 1023)
    color = np.concatenate([units["color"], splats.opacities.numpy()[:, None]], 1)
    packed = np.stack(
        [
            _packed(units["position"], (21, 11, 0), (11, 10, 11)),
            (largest << 30 | smallest[:, 0] << 20 | smallest[:, 1] << 10 | smallest[:, 2]).astype("<u4"),
            _packed(units["scale"], (21, 11, 0), (11, 10, 11)),
            _packed(color, (24, 16, 8, 0), (8, 8, 8, 8)),
        ],
        1,
    )
    header = ["ply", "format binary_little_endian 1.0", *(f"comment {text}" for text in comments_of(contents))]
    header += [f"element chunk {len(starts)}", *(f"property float {name}" for name in (*POSITION, *SCALE, *COLOR))]
    header += [f"element vertex {count}", *(f"property uint {name}" for name in PACKED)]
    higher = splats.sh[:, 1:].numpy().transpose(0, 2, 1).reshape(count, -1)
    if higher.shape[1]:
        header += [f"element sh {count}", *(f"property uchar f_rest_{i}" for i in range(higher.shape[1]))]
    with path.open("wb") as file:
        file.write("\n".join([*header, "end_header", ""]).encode("latin-1"))
        file.write(np.concatenate(bounds, 1).astype("<f4").tobytes())
        file.write(packed.astype("<u4").tobytes())
        file.write(np.floor((higher / 8 + 0.5) * 256).clip(0, 255).astype(np.uint8).tobytes())


def _packed(unit: np.ndarray, shifts: tuple[int, ...], bits: tuple[int, ...]) -> np.ndarray:
    """Fractions [N, len(shifts)] as bit fields [N]; see `_unit`."""
    words = np.zeros(len(unit), np.int64)
    for column, (shift, width) in enumerate(zip(shifts, bits, strict=True)):
        most = (1 << width) - 1
        words |= np.rint(unit[:, column] * most).clip(0, most).astype(np.int64) << shift
    return words.astype("<u4")
