"""Views that are compressed by meshoptimizer's codecs (EXT_meshopt_compression)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from editor3d.errors import DataError
from mesh.io.common.parts import check_size

if TYPE_CHECKING:
    from mesh.io.gltf.document import Document
    from mesh.io.gltf.schema import Meshopt

_HEADERS = {"ATTRIBUTES": 0xA0, "TRIANGLES": 0xE1, "INDICES": 0xD1}
_MOST_ROWS_A_BYTE = 64
"""Rows whose bytes at one place are the same take two bits for each 16 of them."""


def decoded_view(document: Document, packed: Meshopt) -> memoryview:
    """The bytes of a view before they were compressed.

    Raises:
        DataError: they are damaged, or of the newer version of the codec.
    """
    stream = np.frombuffer(document.bytes_of(packed.buffer, packed.byte_offset, packed.byte_length), np.uint8)
    stride, count = packed.byte_stride, packed.count
    check_size(count if packed.mode == "ATTRIBUTES" else count // 3, "rows", document.path)
    longest = _MOST_ROWS_A_BYTE if packed.mode == "ATTRIBUTES" else 3
    if count > longest * len(stream) or not len(stream):
        raise document.damaged(f"{count} compressed rows do not fit into {len(stream)} bytes")
    if packed.mode == "ATTRIBUTES" and stream[0] == 0xA1 or packed.filter == "COLOR":
        raise DataError(
            f"Expected meshopt compression of version 0 in {document.path}, got the newer one "
            f"(KHR_meshopt_compression): decompress it with `gltf-transform copy in.glb out.glb`."
        )
    if stream[0] != _HEADERS[packed.mode]:
        raise document.damaged("its meshopt data does not begin as its mode says")
    try:
        if packed.mode == "ATTRIBUTES":
            return memoryview(_filtered(document, packed, _attributes(stream, count, stride)).tobytes())
        return memoryview(_indices(stream, count, packed.mode).astype({2: "<u2", 4: "<u4"}[stride]).tobytes())
    except (IndexError, ValueError, KeyError) as error:
        raise document.damaged("its meshopt data is damaged or cut short") from error


def _attributes(stream: np.ndarray, count: int, stride: int) -> np.ndarray:
    """[count, stride] uint8.

    Raises:
        IndexError, ValueError: damaged.
    """
    from mesh.io.gltf.meshopt_kernels import decode_attributes

    end = len(stream) - max(32, stride)
    if stride % 4 or end < 1:
        raise ValueError
    out = np.zeros((count, stride), np.uint8)
    if decode_attributes(stream, end, stream[len(stream) - stride :].copy(), out) != end:
        raise ValueError
    return out


def _indices(stream: np.ndarray, count: int, mode: str) -> np.ndarray:
    """[count] int64.

    Raises:
        IndexError, ValueError: damaged.
    """
    from mesh.io.gltf.meshopt_kernels import decode_indices, decode_triangles

    tail = 16 if mode == "TRIANGLES" else 4
    end = len(stream) - tail
    if end < 1 or (mode == "TRIANGLES" and count % 3):
        raise ValueError
    if mode == "TRIANGLES":
        out = np.zeros((count // 3, 3), np.int64)
        reached = decode_triangles(stream, end, out)
    else:
        out = np.zeros(count, np.int64)
        reached = decode_indices(stream, end, out)
    if reached != end:
        raise ValueError
    return out.reshape(-1)


def _filtered(document: Document, packed: Meshopt, rows: np.ndarray) -> np.ndarray:
    """Rows of bytes [N, S] after the filter that makes values of them."""
    stride = rows.shape[1]
    if packed.filter == "EXPONENTIAL":
        coded = rows.view("<i4")
        return np.ldexp((coded << 8 >> 8).astype(np.float32), coded >> 24).astype("<f4")
    if packed.filter == "QUATERNION" and stride == 8:
        return _quaternions(rows.view("<i2"))
    if packed.filter == "OCTAHEDRAL" and stride in (4, 8):
        return _directions(rows.view("<i1" if stride == 4 else "<i2"))
    if packed.filter != "NONE":
        raise document.damaged(f"its meshopt filter {packed.filter} does not fit rows of {stride} bytes")
    return rows


def _quaternions(coded: np.ndarray) -> np.ndarray:
    """Unit quaternions of which the largest component is left out [N, 4] int16, as normalised int16."""
    one = (coded[:, 3] | 3).astype(np.float32)[:, None]
    small = coded[:, :3] / np.where(one == 0, 1, one) / np.sqrt(2.0)
    largest = np.sqrt(np.maximum(0.0, 1.0 - (small**2).sum(axis=1)))
    which = coded[:, 3] & 3
    out = np.zeros((len(coded), 4))
    for step, values in enumerate((largest, *small.T)):
        out[np.arange(len(coded)), (which + step) % 4] = values
    return np.rint(np.clip(out, -1.0, 1.0) * 32767).astype("<i2")


def _directions(coded: np.ndarray) -> np.ndarray:
    """Unit vectors in octahedral form [N, 4], the last component as it is."""
    largest = np.iinfo(coded.dtype).max
    one = coded[:, 2].astype(np.float64)
    x, y = coded[:, :2].T / np.where(one == 0.0, 1.0, one)
    z = 1.0 - np.abs(x) - np.abs(y)
    below = np.minimum(z, 0.0)
    vectors = np.stack([x - np.copysign(below, x), y - np.copysign(below, y), z], -1)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    out = coded.copy()
    out[:, :3] = np.rint(vectors / np.where(length == 0.0, 1.0, length) * largest)
    return out
