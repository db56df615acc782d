"""Niantic's .spz: about a tenth of a .ply's size.

Header of 16 bytes (magic, version, count, SH degree, fractional bits, flags), then one array after the other:
positions (24-bit fixed point), opacities, colours, log scales (a byte each), rotations, higher spherical harmonics.
Versions 1 to 3 are one gzip stream; version 4 has a header of 32 bytes and every array as a zstd stream. Read are
all four; written is 3, which every reader knows, or 4, the newest. Version 1 stores positions as 16-bit floats, 1 and 2
x, y, z of the rotation in a byte each, the others its three smallest components in 10 bits each. Harmonics of degree
4 are left out. The lowest flag says that the scene is drawn with anti-aliasing.

Precision of what is written: means to 2^-17 scene units where all lie within 128, to 2^-24 of the least power of two
that holds them beyond that; log scales to 1/32 within -10..5.9; rotations to 0.3 degrees; opacities to 1/510; DC
coefficients to 1/76 within +-3.3 and higher ones to 1/256 within +-1. What lies outside is clipped. A file that was
read and is written again keeps its values. The frame of the file has y up and is turned on reading and writing.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from editor3d.errors import DataError
from gaussian.files.arrays import (
    opacity_bytes,
    opacity_logits_of,
    quats_of_smallest_three,
    splats_of,
    turned_about_x,
)
from gaussian.files.contents import SplatFile
from gaussian.splats import MAX_SH_DEGREE

_MAGIC = 0x5053474E
_HEADER = struct.Struct("<IIIBBBB")
_DC_STEP = 0.15 * 255
_MAX_FRACTIONAL_BITS = 16
_DEGREE_READ = 4
_ANTIALIASED = 1
_TABLE = 32
"""Where the table of a version 4 begins: behind its header."""
_MAX_RATIO, _FREE_BYTES = 200, 1 << 26
"""A stream may unpack to so many times its size, or to so many bytes: real scenes come to 1 to 5 times."""


@dataclass(frozen=True)
class _Layout:
    """What the header says about the arrays."""

    version: int
    count: int
    sh_degree: int
    fractional_bits: int
    antialiased: bool

    @property
    def sizes(self) -> tuple[int, ...]:
        """Bytes of positions, opacities, colours, log scales, rotations and spherical harmonics."""
        position = 6 if self.version == 1 else 9
        rotation = 3 if self.version <= 2 else 4
        harmonics = 3 * ((self.sh_degree + 1) ** 2 - 1)
        return tuple(self.count * each for each in (position, 1, 3, 3, rotation, harmonics))


def read(path: Path) -> SplatFile:
    """
    Raises:
        DataError: as `read_splats`.
    """
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        layout, parts = _gzip_parts(path, data)
    else:
        layout, parts = _zstd_parts(path, data)
    positions, opacities, colors, scales, rotations, harmonics = parts
    n = layout.count
    higher = harmonics.reshape(n, -1, 3)[:, : (MAX_SH_DEGREE + 1) ** 2 - 1]
    higher = (higher.astype(np.float32) - 128) / 128
    dc = (colors.reshape(n, 1, 3).astype(np.float32) - 127.5) / _DC_STEP
    splats = turned_about_x(
        splats_of(
            _halves(positions) if layout.version == 1 else _fixed(positions, layout.fractional_bits),
            scales.reshape(n, 3) / 16 - 10,
            _first_three(rotations) if layout.version <= 2 else _smallest_three(rotations),
            opacity_logits_of(opacities),
            np.concatenate([dc, higher], 1),
        )
    )
    cut = f"Its harmonics of degree {layout.sh_degree} are left out: {MAX_SH_DEGREE} is the highest here."
    notes = (cut,) if layout.sh_degree > MAX_SH_DEGREE else ()
    return SplatFile(splats, antialiased=layout.antialiased, notes=notes)


def write(path: Path, contents: SplatFile, version: int = 3) -> None:
    """Write version 3 or 4; the module says to which precision.

    Args:
        path: the file, which is overwritten.
        contents: N Gaussians on the CPU, all values finite.
        version: 3 or 4.

    Raises:
        DataError: a coordinate beyond four million scene units.
    """
    import zstandard

    splats = turned_about_x(contents.splats)
    means = splats.means.numpy().astype(np.float64)
    reach = float(np.abs(means).max())
    bits = next((b for b in range(_MAX_FRACTIONAL_BITS, 0, -1) if round(reach * 2**b) < 2**23), None)
    if bits is None:
        raise DataError(
            f"A .spz file holds coordinates up to 4 million, the scene has one of {reach:.3g}: "
            "scale the scene down, or write a .ply."
        )
    fixed = np.rint(means * 2**bits).astype("<i4")
    dc = splats.sh[:, 0].numpy() * _DC_STEP + 127.5
    arrays = [
        fixed.reshape(-1, 1).view(np.uint8)[:, :3],
        opacity_bytes(splats),
        _octets(dc),
        _octets((splats.log_scales.numpy() + 10) * 16),
        _packed_smallest_three(splats.quats.numpy().astype(np.float64)),
        _octets(splats.sh[:, 1:].numpy() * 128 + 128),
    ]
    streams = [array.tobytes() for array in arrays if array.size]
    said = (_MAGIC, version, len(splats), splats.sh_degree, bits, int(contents.antialiased))
    if version == 3:
        path.write_bytes(gzip.compress(_HEADER.pack(*said, 0) + b"".join(streams), compresslevel=6, mtime=0))
        return
    packed = [zstandard.ZstdCompressor(level=12).compress(stream) for stream in streams]
    head = _HEADER.pack(*said, len(streams))
    table = b"".join(struct.pack("<QQ", len(small), len(whole)) for small, whole in zip(packed, streams, strict=True))
    path.write_bytes(head + struct.pack("<I12x", _TABLE) + table + b"".join(packed))


def _gzip_parts(path: Path, data: bytes) -> tuple[_Layout, list[np.ndarray]]:
    stream = zlib.decompressobj(wbits=31)
    try:
        layout = _layout(path, stream.decompress(data, _HEADER.size), (1, 2, 3))
        needed = _plausible(path, layout, len(data))
        body = stream.decompress(stream.unconsumed_tail, needed)
        # Extensions may follow, which are passed over; without any, this compares the checksum.
        more = stream.decompress(stream.unconsumed_tail, 1)
    except zlib.error as error:
        raise DataError(f"{path} is no .spz file or is damaged ({error}).") from error
    if len(body) < needed or not (more or stream.eof):
        raise DataError(f"{path} is cut short: {layout.count} Gaussians need {needed} bytes, {len(body)} came.")
    arrays = np.frombuffer(body, np.uint8)
    return layout, np.split(arrays, np.cumsum(layout.sizes)[:-1])


def _zstd_parts(path: Path, data: bytes) -> tuple[_Layout, list[np.ndarray]]:
    import zstandard

    layout = _layout(path, data, (4,))
    _plausible(path, layout, len(data))
    streams, table = struct.unpack_from("<BI", data, 15) if len(data) >= 32 else (0, 0)
    filled = [size for size in layout.sizes if size]
    start = table + 16 * streams
    if streams != len(filled) or table < 32 or start > len(data):
        raise DataError(f"{path} is damaged: its table of contents does not fit the rest.")
    parts = []
    for index, size in enumerate(filled):
        packed, unpacked = struct.unpack_from("<QQ", data, table + 16 * index)
        chunk = data[start : start + packed]
        start += packed
        try:
            part = _unzstd(chunk, size)
        except zstandard.ZstdError as error:
            raise DataError(f"{path} is damaged ({error}).") from error
        if unpacked != size or len(part) != size:
            raise DataError(f"{path} is cut short: an array of {size} bytes came as {len(part)}.")
        parts.append(np.frombuffer(part, np.uint8))
    if layout.sh_degree == 0:
        parts.append(np.empty(0, np.uint8))
    return layout, parts


def _unzstd(chunk: bytes, size: int) -> bytes:
    """At most `size` + 1 bytes of a stream, whatever its own header claims; takes memory as they come."""
    import zstandard

    data = bytearray()
    with zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(chunk) as stream:
        while piece := stream.read(min(size + 1 - len(data), 1 << 20)):
            data += piece
    return bytes(data)


def _layout(path: Path, header: bytes, versions: tuple[int, ...]) -> _Layout:
    if len(header) < _HEADER.size:
        raise DataError(f"{path} is no .spz file or is cut short: its header of {_HEADER.size} bytes is incomplete.")
    magic, version, count, degree, bits, flags, _reserved = _HEADER.unpack_from(header)
    if magic != _MAGIC:
        raise DataError(f"{path} is no .spz file: it does not begin with 'NGSP'.")
    if version not in versions:
        raise DataError(
            f"{path}: versions 1 to 4 of .spz can be read, this says it is version {version}: write it anew as one of "
            f"those, or as .ply."
        )
    if count == 0 or degree > _DEGREE_READ or bits > 24:
        raise DataError(
            f"{path}: expected at least one Gaussian, an SH degree up to {_DEGREE_READ} and at most 24 fractional "
            f"bits; the header says {count}, {degree} and {bits}."
        )
    return _Layout(version, count, degree, bits, bool(flags & _ANTIALIASED))


def _plausible(path: Path, layout: _Layout, stored: int) -> int:
    """The bytes that the arrays unpack to; refused before any memory is taken if no honest file has so many."""
    needed = sum(layout.sizes)
    if needed > max(_MAX_RATIO * stored, _FREE_BYTES):
        raise DataError(
            f"{path}: the header announces {layout.count} Gaussians, {needed} bytes, which {stored} packed bytes "
            "cannot hold."
        )
    return needed


def _octets(values: np.ndarray) -> np.ndarray:
    """Rounded and clipped to 0..255."""
    return np.rint(values).clip(0, 255).astype(np.uint8)


def _fixed(packed: np.ndarray, bits: int) -> np.ndarray:
    """Positions [N, 3] in 24 bits each, of which so many are behind the point."""
    octets = packed.reshape(-1, 3, 3).astype(np.int32)
    fixed = octets[..., 0] | octets[..., 1] << 8 | octets[..., 2] << 16
    fixed -= (fixed >> 23) << 24  # the sign bit
    return fixed * 2.0**-bits


def _halves(packed: np.ndarray) -> np.ndarray:
    """Positions [N, 3] as 16-bit floats."""
    return packed.view("<f2").reshape(-1, 3)


def _first_three(packed: np.ndarray) -> np.ndarray:
    """Unit quaternions wxyz [N, 4] of x, y and z in a byte each, w >= 0."""
    xyz = packed.reshape(-1, 3) / 127.5 - 1
    w = np.sqrt(np.maximum(1 - (xyz**2).sum(1, keepdims=True), 0))
    return np.concatenate([w, xyz], 1)


def _smallest_three(packed: np.ndarray) -> np.ndarray:
    """Unit quaternions wxyz [N, 4] of 32 bits: which of xyzw is largest, then sign and 9 bits for each other one."""
    words = packed.view("<u4")
    fields = np.stack([words >> 20, words >> 10, words], 1) & 1023
    values = (fields & 511) / 511 * 0.5**0.5
    values[fields > 511] *= -1
    return np.roll(quats_of_smallest_three(words >> 30, values), 1, axis=1)


def _packed_smallest_three(quats: np.ndarray) -> np.ndarray:
    """[N] little endian words; `quats` wxyz [N, 4] of any length but zero."""
    xyzw = np.roll(quats, -1, axis=1)
    xyzw /= np.linalg.norm(xyzw, axis=1, keepdims=True)
    largest = np.abs(xyzw).argmax(1)
    others = np.arange(4) != largest[:, None]
    xyzw *= np.where(np.take_along_axis(xyzw, largest[:, None], 1) < 0, -1, 1)
    values = xyzw[others].reshape(-1, 3)
    fields = np.rint(np.abs(values) * 2**0.5 * 511).clip(0, 511).astype(np.uint32) | (values < 0).astype(np.uint32) << 9
    words = largest.astype(np.uint32) << 30 | fields[:, 0] << 20 | fields[:, 1] << 10 | fields[:, 2]
    return words.astype("<u4")
