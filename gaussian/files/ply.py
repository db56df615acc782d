"""3D Gaussian Splatting's .ply: one row of floats a Gaussian, exact.

Properties are found by name: x y z, f_dc_0..2, f_rest_0.. (all of red, then green, then blue), opacity (logit),
scale_0..2 (logarithm) and rot_0..3 (wxyz). Others, such as normals, are passed over. Read are text and both byte
orders, floats and doubles, SH degrees 0 to 3, and SuperSplat's compressed .ply (`compressed_ply`). Written is what
the original code writes: little endian floats, with normals of zero.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.lib.recfunctions import structured_to_unstructured

from editor3d.errors import DataError
from gaussian.files import compressed_ply
from gaussian.files.arrays import splats_of
from gaussian.files.ply_header import Element, PlyHeader, read_header, read_rows
from gaussian.splats import MAX_SH_DEGREE, Splats

_MEANS, _DC, _OPACITY = ["x", "y", "z"], ["f_dc_0", "f_dc_1", "f_dc_2"], ["opacity"]
_SCALES, _QUATS = ["scale_0", "scale_1", "scale_2"], ["rot_0", "rot_1", "rot_2", "rot_3"]
_NORMALS = ["nx", "ny", "nz"]
_ROWS_AT_ONCE = 1 << 16


def read(path: Path) -> Splats:
    """
    Raises:
        DataError: as `read_splats`.
    """
    header = read_header(path)
    if compressed_ply.is_compressed(header):
        return compressed_ply.read(header)
    vertices = header.element("vertex")
    rest = _rest_names(header, vertices)
    rows = read_rows(header, vertices)
    order = list(vertices.properties)
    # Rows of one type are a table already, which is several times faster than gathering fields.
    uniform = len(set(vertices.properties.values())) == 1
    table = rows.view(rows.dtype[0]).reshape(len(rows), -1) if uniform else None

    def columns(names: list[str]) -> np.ndarray:
        if not names:
            return np.empty((len(rows), 0), np.float32)
        if table is not None:
            places = [order.index(name) for name in names]
            together = places == list(range(places[0], places[0] + len(places)))
            return table[:, places[0] : places[-1] + 1] if together else table[:, places]
        with np.errstate(over="ignore"):  # doubles beyond float32 become infinite, which is refused afterwards
            return structured_to_unstructured(rows[names], np.float32)

    sh = np.empty((len(rows), 1 + len(rest) // 3, 3), np.float32)
    with np.errstate(over="ignore"):
        sh[:, 0] = columns(_DC)
        sh[:, 1:] = columns(rest).reshape(len(rows), 3, -1).transpose(0, 2, 1)
    return splats_of(columns(_MEANS), columns(_SCALES), columns(_QUATS), columns(_OPACITY)[:, 0], sh)


def write(path: Path, splats: Splats) -> None:
    """Write N Gaussians on the CPU; reading gives the same bits.

    Args:
        path: the file, which is overwritten.
        splats: all values finite.
    """
    rest = 3 * (splats.sh.shape[1] - 1)
    names = [*_MEANS, *_NORMALS, *_DC, *(f"f_rest_{i}" for i in range(rest)), *_OPACITY, *_SCALES, *_QUATS]
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(splats)}"]
    header += [f"property float {name}" for name in names] + ["end_header", ""]
    means, scales, quats = (t.numpy() for t in (splats.means, splats.log_scales, splats.quats))
    opacities, sh = splats.opacity_logits.numpy()[:, None], splats.sh.numpy()
    with path.open("wb") as file:
        file.write("\n".join(header).encode("ascii"))
        for start in range(0, len(splats), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            sh_rest = sh[part, 1:].transpose(0, 2, 1).reshape(len(means[part]), rest)
            normals = np.zeros_like(means[part])
            columns = [means[part], normals, sh[part, 0], sh_rest, opacities[part], scales[part], quats[part]]
            file.write(np.concatenate(columns, 1).astype("<f4").tobytes())


def _rest_names(header: PlyHeader, vertices: Element | None) -> list[str]:
    """The names of the higher spherical harmonics, once it is clear that these are Gaussians.

    Raises:
        DataError: a property is missing or no float, or the count of f_rest belongs to no SH degree.
    """
    kinds = vertices.properties if vertices else {}
    required = [*_MEANS, *_DC, *_OPACITY, *_SCALES, *_QUATS]
    missing = [name for name in required if name not in kinds]
    if missing:
        raise DataError(
            f"{header.path} is a PLY file, but not one of Gaussians: its vertices lack {', '.join(missing)}."
        )
    count = sum(name.startswith("f_rest_") for name in kinds)
    allowed = [3 * ((degree + 1) ** 2 - 1) for degree in range(MAX_SH_DEGREE + 1)]
    rest = [f"f_rest_{i}" for i in range(count)]
    if count not in allowed or not kinds.keys() >= set(rest):
        raise DataError(
            f"{header.path}: expected f_rest_0 up to one of {', '.join(str(n) for n in allowed)} properties "
            f"(SH degrees 0 to {MAX_SH_DEGREE}), found {count}."
        )
    for name in required + rest:
        if kinds[name] not in ("f4", "f8"):
            raise DataError(f"{header.path}: the property '{name}' must be float or double, not '{kinds[name]}'.")
    return rest
