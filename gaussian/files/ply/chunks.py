"""SuperSplat's compressed .ply: 16 bytes a Gaussian, quantised within chunks of 256.

A chunk holds the least and greatest position, log scale and colour of its Gaussians; a vertex holds where between
them it lies (11, 10 and 11 bits for positions and scales, 8 for each colour and the opacity) and its rotation as the
three smallest components (10 bits each). Higher spherical harmonics are bytes over -4..4 in an element of their own.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.lib.recfunctions import structured_to_unstructured

from editor3d.datasets.formats.ply_header import Element, PlyHeader
from editor3d.errors import DataError
from gaussian.files.arrays import opacity_logits_of, quats_of_smallest_three, splats_of
from gaussian.files.ply.rows import read_rows
from gaussian.splats import MAX_SH_DEGREE, SH_C0, Splats

CHUNK = 256
POSITION = ["min_x", "min_y", "min_z", "max_x", "max_y", "max_z"]
SCALE = ["min_scale_x", "min_scale_y", "min_scale_z", "max_scale_x", "max_scale_y", "max_scale_z"]
COLOR = ["min_r", "min_g", "min_b", "max_r", "max_g", "max_b"]
PACKED = ["packed_position", "packed_rotation", "packed_scale", "packed_color"]
_SH_COUNTS = (9, 24, 45, 72)


def is_compressed(header: PlyHeader) -> bool:
    vertices = header.element("vertex")
    return vertices is not None and "packed_position" in vertices.properties


def read(path: Path, header: PlyHeader) -> Splats:
    """
    Raises:
        DataError: as `read_splats`.
    """
    chunks, vertices = header.element("chunk"), header.element("vertex")
    chunks = _required(path, chunks, "chunk", [*POSITION, *SCALE], "f4")
    vertices = _required(path, vertices, "vertex", PACKED, "u4")
    if chunks.count != -(-vertices.count // CHUNK):
        raise DataError(
            f"{path}: {vertices.count} Gaussians belong in {-(-vertices.count // CHUNK)} chunks of {CHUNK}, "
            f"but there are {chunks.count}."
        )
    bounds, packed = read_rows(path, header, chunks), read_rows(path, header, vertices)
    chunk = np.arange(len(packed)) // CHUNK

    def between(names: list[str], unit: np.ndarray) -> np.ndarray:
        ends = structured_to_unstructured(bounds[names], np.float64)[chunk]
        with np.errstate(invalid="ignore", over="ignore"):  # infinite bounds: refused afterwards
            return ends[:, :3] * (1 - unit) + ends[:, 3:] * unit

    colors = _unit(packed["packed_color"], (24, 16, 8, 0), (8, 8, 8, 8))
    rgb = colors[:, :3]
    if "min_r" in chunks.properties:
        _required(path, chunks, "chunk", COLOR, "f4")
        rgb = between(COLOR, rgb)
    rotation = packed["packed_rotation"]
    smallest = (_unit(rotation, (20, 10, 0), (10, 10, 10)) - 0.5) * 2**0.5
    return splats_of(
        between(POSITION, _unit(packed["packed_position"], (21, 11, 0), (11, 10, 11))),
        between(SCALE, _unit(packed["packed_scale"], (21, 11, 0), (11, 10, 11))),
        quats_of_smallest_three(rotation >> 30, smallest),
        opacity_logits_of(colors[:, 3] * 255),
        np.concatenate([((rgb - 0.5) / SH_C0)[:, None], _sh_rest(path, header, len(packed))], 1),
    )


def _sh_rest(path: Path, header: PlyHeader, count: int) -> np.ndarray:
    """[N, K - 1, 3]."""
    element = header.element("sh")
    if element is None:
        return np.empty((count, 0, 3))
    names = [f"f_rest_{i}" for i in range(len(element.properties))]
    _required(path, element, "sh", names, "u1")
    if len(names) not in _SH_COUNTS or element.count != count:
        raise DataError(
            f"{path}: expected {count} rows of 9, 24, 45 or 72 spherical harmonics, the header announces "
            f"{element.count} of {len(names)}."
        )
    values = structured_to_unstructured(read_rows(path, header, element), np.uint8)
    # SuperSplat writes floor(256 (sh / 8 + 1/2)); 0 and 255 stand for the ends, the others for their step's middle
    middle = (np.arange(256) + 0.5) / 256
    middle[0], middle[255] = 0, 1
    stored = (MAX_SH_DEGREE + 1) ** 2 - 1
    return ((middle - 0.5) * 8)[values].reshape(count, 3, -1)[:, :, :stored].transpose(0, 2, 1)


def _unit(packed: np.ndarray, shifts: tuple[int, ...], bits: tuple[int, ...]) -> np.ndarray:
    """Bit fields as fractions of their greatest value [N, len(shifts)]."""
    fields = [((packed >> s) & ((1 << b) - 1)) / ((1 << b) - 1) for s, b in zip(shifts, bits, strict=True)]
    return np.stack(fields, 1)


def _required(path: Path, element: Element | None, name: str, properties: list[str], kind: str) -> Element:
    codes = element.codes() if element else {}
    wrong = [prop for prop in properties if codes.get(prop) != kind]
    if element is None or wrong:
        raise DataError(
            f"{path} has packed splats, but its element '{name}' lacks {', '.join(wrong)}, or has another type."
        )
    return element
