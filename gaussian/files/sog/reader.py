"""Read PlayCanvas's .sog: a ZIP archive of pictures whose bytes are indices into tables of numbers.

`meta.json` names the pictures and has the tables. One pixel is one Gaussian, row by row: the low and high bytes of
its place on a logarithmic lattice (`means`), log scales, constant harmonics and opacity (`scales`, `sh0`), the three
smallest components of its rotation (`quats`), and which of a list of higher harmonics it has (`shN`). Read is version
2, the one that is written today. The frame is that of a .ply.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from editor3d.errors import DataError, first_line, shown
from editor3d.files.safe_open import MAX_PIXELS, UNREADABLE, open_picture
from gaussian.files.arrays import opacity_logits_of, quats_of_smallest_three, splats_of
from gaussian.files.contents import SplatFile

_VERSION = 2
_MAX_META = 1 << 22
_FREE_PIXELS, _PIXELS_A_BYTE = 1 << 16, 8
"""A picture may have so many pixels, or so many a byte of the file: real files have 10 to 30 bytes a Gaussian."""
_ROW = 64  # entries of the list of harmonics in a row of its picture
_HARMONICS = {1: 3, 2: 8, 3: 15}
_TAGGED = 252  # of the alpha that says which component of a rotation is missing: 252 to 255


def read(path: Path) -> SplatFile:
    """
    Raises:
        DataError: as `read_splats`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(path, archive)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        # RuntimeError: encrypted; NotImplementedError: packed in an uncommon way
        raise DataError(
            f"{path} is no .sog file or is damaged ({shown(str(error))}): write it anew, or as .ply."
        ) from error


def _read(path: Path, archive: zipfile.ZipFile) -> SplatFile:
    meta = _meta(path, archive)
    count = meta.get("count")
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise DataError(f"{path}: expected a count of at least one Gaussian in meta.json, got {shown(count)}.")

    def bytes_of(part: str, index: int = 0) -> np.ndarray:
        found = _picture(path, archive, meta, part, index).reshape(-1, 4)
        if len(found) < count:
            raise DataError(f"{path} is cut short: {count} Gaussians need as many pixels, '{part}' has {len(found)}.")
        return found[:count]

    lattice = bytes_of("means")[:, :3] | bytes_of("means", 1)[:, :3].astype(np.uint16) << 8
    low, high = (_numbers(path, meta, "means", key, 3) for key in ("mins", "maxs"))
    logs = low + (high - low) * (lattice / 65535)
    with np.errstate(over="ignore"):
        means = np.sign(logs) * np.expm1(np.abs(logs))
    rotation = bytes_of("quats")
    tags = rotation[:, 3].astype(np.int64) - _TAGGED
    quats = quats_of_smallest_three(tags.clip(0), (rotation[:, :3] / 255 - 0.5) * 2**0.5)
    quats[tags < 0] = (1, 0, 0, 0)  # as its makers' reader has it
    color = bytes_of("sh0")
    sh = [_numbers(path, meta, "sh0", "codebook", 256)[color[:, :3]][:, None]]
    if meta.get("shN") is not None:
        sh.append(_higher(path, meta, bytes_of("shN", 1), _picture(path, archive, meta, "shN", 0)))
    splats = splats_of(
        means,
        _numbers(path, meta, "scales", "codebook", 256)[bytes_of("scales")[:, :3]],
        quats,
        opacity_logits_of(color[:, 3]),
        np.concatenate(sh, 1),
    )
    return SplatFile(splats, antialiased=meta.get("antialias") is True or meta.get("model") == "antialiased")


def _meta(path: Path, archive: zipfile.ZipFile) -> Mapping[str, object]:
    """What meta.json says.

    Raises:
        DataError: there is none, or one of another version.
    """
    try:
        info = archive.getinfo("meta.json")
    except KeyError as error:
        raise DataError(f"{path} is a ZIP archive, but no .sog file: it has no meta.json.") from error
    if info.file_size > _MAX_META:
        raise DataError(f"{path}: expected a meta.json of at most {_MAX_META >> 20} MiB, got {info.file_size} bytes.")
    try:
        meta = json.loads(_member(archive, info))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: its meta.json is not valid JSON.") from error
    if not isinstance(meta, dict) or meta.get("version") != _VERSION:
        version = meta.get("version") if isinstance(meta, dict) else None
        raise DataError(
            f"{path}: version {_VERSION} of .sog can be read, this says it is {shown(version)}: write it anew with a "
            f"newer splat-transform, or as .ply."
        )
    return meta


def _section(path: Path, meta: Mapping[str, object], part: str) -> Mapping[str, object]:
    section = meta.get(part)
    if not isinstance(section, dict):
        raise DataError(f"{path}: its meta.json lacks '{part}'.")
    return section


def _numbers(path: Path, meta: Mapping[str, object], part: str, key: str, count: int) -> np.ndarray:
    """[count] float64; a first entry of null, as early writers left it, is guessed from the others.

    Raises:
        DataError: they are no numbers, or another count of them.
    """
    values = _section(path, meta, part).get(key)
    if isinstance(values, list) and len(values) == count > 3 and values[0] is None:
        ends = values[1], values[-1]
        guess = ends[0] + (ends[0] - ends[1]) / 255 if all(isinstance(end, int | float) for end in ends) else None
        values = [guess, *values[1:]]
    if (
        not isinstance(values, list)
        or len(values) != count
        or not all(isinstance(value, int | float) and abs(value) < 1e38 for value in values)
    ):
        raise DataError(f"{path}: expected {count} numbers in '{key}' of '{part}' in its meta.json.")
    return np.array(values, dtype=np.float64)


def _picture(path: Path, archive: zipfile.ZipFile, meta: Mapping[str, object], part: str, index: int) -> np.ndarray:
    """The bytes [H, W, 4] of one of the pictures.

    Raises:
        DataError: it is not there, damaged, or has more pixels than its size lets one expect.
    """
    files = _section(path, meta, part).get("files")
    name = files[index] if isinstance(files, list) and len(files) > index else None
    try:
        info = archive.getinfo(name) if isinstance(name, str) else None
    except KeyError:
        info = None
    if info is None:
        raise DataError(f"{path} lacks the picture {shown(name)} of '{part}' that its meta.json names.")
    data = _member(archive, info)
    bound = min(MAX_PIXELS, max(_FREE_PIXELS, _PIXELS_A_BYTE * path.stat().st_size))
    try:
        with open_picture(data, ("WEBP", "PNG"), bound) as picture:
            return np.asarray(picture.convert("RGBA"))
    except UNREADABLE as error:
        raise DataError(f"{path}: its picture {shown(name)} cannot be read ({first_line(error)}).") from error


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """What is stored under a name, no more of it than the archive could honestly hold."""
    most = max(_MAX_META, 4 * info.compress_size)
    with archive.open(info) as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise zipfile.BadZipFile(f"{info.filename[:80]!r} unpacks to far more than is stored")
    return data


def _higher(path: Path, meta: Mapping[str, object], labels: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """The higher harmonics [N, K - 1, 3] that labels [N, 4] choose out of a picture [H, W, 4], 64 entries a row."""
    section = _section(path, meta, "shN")
    bands, entries = section.get("bands"), section.get("count")
    harmonics = _HARMONICS.get(bands) if isinstance(bands, int) else None
    if harmonics is None or not isinstance(entries, int) or not 1 <= entries <= 1 << 16:
        raise DataError(f"{path}: expected 1 to 3 bands and up to 65536 entries in 'shN' of its meta.json.")
    book = _numbers(path, meta, "shN", "codebook", 256)
    rows, width = palette.shape[:2]
    if width != _ROW * harmonics or rows * _ROW < entries:
        raise DataError(
            f"{path} is damaged: {entries} entries of {bands} bands in 'shN' need {_ROW * harmonics} x "
            f"{-(-entries // _ROW)} pixels, their picture has {width} x {rows}."
        )
    table = book.astype(np.float32)[palette[..., :3]].reshape(-1, harmonics, 3)
    which = labels[:, 0] | labels[:, 1].astype(np.uint16) << 8
    if int(which.max()) >= entries:
        raise DataError(f"{path} is damaged: a Gaussian has the harmonics {int(which.max())} of {entries}.")
    return table[which]
