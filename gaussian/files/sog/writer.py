"""Write PlayCanvas's .sog, version 2; see the reader for the layout.

Precision: means to 1/131070 of the range of sign(x) log(1 + |x|) along each axis; rotations to 1 degree; opacities
to 1/510; log scales, constant and higher harmonics to the nearest of 256 numbers each, chosen from the scene's own by
k-means in one dimension. Higher harmonics come from a list of at most 65 536 sets: exact to those numbers in scenes of
no more Gaussians, the mean of a neighbourhood beyond. The order follows a space-filling curve, which packs better.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from gaussian.files.arrays import along_curve, opacity_bytes, packed_smallest_three
from gaussian.files.contents import SplatFile
from gaussian.files.sog.palette import codebook, nearest, sets_of
from gaussian.splats import select

_ROW = 64
_MOST_SETS = 1 << 16
_TIME = (1980, 1, 1, 0, 0, 0)


def write(path: Path, contents: SplatFile) -> None:
    """Write N Gaussians on the CPU; the module says to which precision.

    Args:
        path: the file, which is overwritten.
        contents: all values finite.
    """
    splats = select(contents.splats, along_curve(contents.splats.means))
    count, side = len(splats), _side(len(splats))
    means = splats.means.numpy().astype(np.float64)
    logs = np.sign(means) * np.log1p(np.abs(means))
    low, high = logs.min(0), logs.max(0)
    lattice = np.rint((logs - low) / np.where(high > low, high - low, 1) * 65535).astype(np.uint16)
    largest, smallest = packed_smallest_three(splats.quats.numpy(), 255)
    book, scales = _coded(splats.log_scales.numpy())
    sh_book, dc = _coded(splats.sh[:, 0].numpy())
    pictures = {
        "means_l.webp": _plane(side, lattice & 255),
        "means_u.webp": _plane(side, lattice >> 8),
        "scales.webp": _plane(side, scales),
        "quats.webp": _plane(side, smallest, 252 + largest),
        "sh0.webp": _plane(side, dc, opacity_bytes(splats)),
    }
    meta = {
        "version": 2,
        "asset": {"generator": "editor3d"},
        "count": count,
        # as older readers and as newer ones have it
        **({"antialias": True, "model": "antialiased"} if contents.antialiased else {"antialias": False}),
        "means": {"mins": low.tolist(), "maxs": high.tolist(), "files": ["means_l.webp", "means_u.webp"]},
        "scales": {"codebook": book, "files": ["scales.webp"]},
        "quats": {"files": ["quats.webp"]},
        "sh0": {"codebook": sh_book, "files": ["sh0.webp"]},
    }
    if splats.sh_degree > 0:
        higher = splats.sh[:, 1:].numpy()
        sets, labels = sets_of(higher.reshape(count, -1), _MOST_SETS)
        numbers, coded = _coded(sets)
        harmonics, rows = higher.shape[1], -(-len(sets) // _ROW)
        palette = np.zeros((rows * _ROW, harmonics, 3), np.uint8)
        palette[: len(sets)] = coded.reshape(len(sets), harmonics, 3)
        pictures["shN_centroids.webp"] = palette.reshape(rows, _ROW * harmonics, 3)
        halves = np.stack([labels & 255, labels >> 8, np.zeros_like(labels)], 1)
        pictures["shN_labels.webp"] = _plane(side, halves)
        meta["shN"] = {
            "count": len(sets),
            "bands": splats.sh_degree,
            "codebook": numbers,
            "files": ["shN_centroids.webp", "shN_labels.webp"],
        }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("meta.json", _TIME), json.dumps(meta))
        for name, plane in pictures.items():
            packed = io.BytesIO()
            Image.fromarray(plane).save(packed, "WEBP", lossless=True, exact=True, method=4)
            archive.writestr(zipfile.ZipInfo(name, _TIME), packed.getvalue())


def _side(count: int) -> tuple[int, int]:
    """(height, width) of a picture with a pixel for each Gaussian; a width of whole blocks of four."""
    width = max(4, -(-int(np.ceil(count**0.5)) // 4) * 4)
    return -(-count // width), width


def _coded(values: np.ndarray) -> tuple[list[float], np.ndarray]:
    """256 numbers, and which of them is nearest to each value."""
    numbers = codebook(values.ravel())
    return numbers.tolist(), nearest(numbers, values)


def _plane(side: tuple[int, int], colors: np.ndarray, alpha: np.ndarray | None = None) -> np.ndarray:
    """Values [N, 3] and [N] as a picture [H, W, 3 or 4] uint8; pixels beyond N are zero."""
    parts = [colors] if alpha is None else [colors, alpha[:, None]]
    values = np.concatenate([part.astype(np.uint8) for part in parts], 1)
    plane = np.zeros((side[0] * side[1], values.shape[1]), np.uint8)
    plane[: len(values)] = values
    return plane.reshape(*side, -1)
