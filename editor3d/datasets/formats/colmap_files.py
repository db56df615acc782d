"""The files of a COLMAP sparse model, binary or text.

What a file says of its length is held against its size before anything is allocated. Formats as in COLMAP's
documentation (output format), numbers little-endian.
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from editor3d.errors import DataError
from editor3d.files.safe_open import require_regular

PARTS = ("cameras", "images", "points3D")

CAMERA_MODELS: tuple[tuple[str, int], ...] = (
    ("SIMPLE_PINHOLE", 3),
    ("PINHOLE", 4),
    ("SIMPLE_RADIAL", 4),
    ("RADIAL", 5),
    ("OPENCV", 8),
    ("OPENCV_FISHEYE", 8),
    ("FULL_OPENCV", 12),
    ("FOV", 5),
    ("SIMPLE_RADIAL_FISHEYE", 4),
    ("RADIAL_FISHEYE", 5),
    ("THIN_PRISM_FISHEYE", 12),
    ("RAD_TAN_THIN_PRISM_FISHEYE", 16),
    ("SIMPLE_DIVISION", 4),
    ("DIVISION", 5),
    ("SIMPLE_FISHEYE", 3),
    ("FISHEYE", 4),
)
"""COLMAP's camera models by their number in binary files: names, and how many parameters they have."""

_CAMERA = struct.Struct("<IiQQ")  # id, model, width, height; then its parameters
_IMAGE = struct.Struct("<I7dI")  # id, quaternion, translation, camera; then its name
_POINT = struct.Struct("<Q3d3BdQ")  # id, place, colour, error, length of its track
_COUNT = struct.Struct("<Q")
_OBSERVATION, _TRACK_ENTRY = 24, 8
"""Bytes of a 2D point of an image (x, y, number of its 3D point), and of an entry of a track."""
_LONGEST_NAME = 4096


@dataclass(frozen=True)
class ColmapCamera:
    """A camera as COLMAP describes it."""

    model: str
    """COLMAP's name, or the number of a model that is not known here."""
    width: float
    height: float
    parameters: tuple[float, ...]


@dataclass(frozen=True)
class ColmapImage:
    """A registered picture: x_camera = R(quaternion) x_world + translation, axes x right, y down, z forward."""

    id: int
    name: str
    """Path below the folder of pictures."""
    camera_id: int
    quaternion: tuple[float, float, float, float]
    """w, x, y, z; as it is in the file."""
    translation: tuple[float, float, float]


def find_part(model: Path, part: str, like: Path | None = None) -> Path | None:
    """The file of one of `PARTS`, or None: the binary one where both are there.

    Args:
        like: another part's file, whose kind goes first: what lies beside it in the other kind may be of another time.
    """
    suffixes = (".txt", ".bin") if like is not None and like.suffix == ".txt" else (".bin", ".txt")
    return next((path for suffix in suffixes if (path := model / f"{part}{suffix}").exists()), None)


def find_parts(model: Path) -> tuple[Path, Path, Path | None]:
    """The files of a model's cameras, images and, if there are any, points; all of one kind where they are whole.

    Raises:
        DataError: cameras or images are missing.
    """
    cameras, images = find_part(model, "cameras"), find_part(model, "images")
    if cameras is None or images is None:
        part = "cameras" if cameras is None else "images"
        raise DataError(f"The COLMAP model {model} has no {part}.bin or {part}.txt.")
    if cameras.suffix != images.suffix and all((model / f"{part}.txt").exists() for part in PARTS[:2]):
        cameras, images = model / "cameras.txt", model / "images.txt"
    return cameras, images, find_part(model, "points3D", images)


def read_cameras(path: Path) -> dict[int, ColmapCamera]:
    """The cameras of `cameras.bin` or `cameras.txt` by their numbers.

    A model of an unknown number is kept as the last: how long it is nobody knows.

    Raises:
        DataError: the file is no ordinary one, damaged, or gives one number to two cameras.
    """
    cameras: dict[int, ColmapCamera] = {}
    for number, camera in _entries(path, _binary_cameras, _text_cameras):
        if number in cameras:
            raise DataError(f"{path} gives the number {number} to two cameras: write the model anew.")
        cameras[number] = camera
    return cameras


def read_images(path: Path) -> list[ColmapImage]:
    """The registered pictures of `images.bin` or `images.txt`, in the order of the file.

    Raises:
        DataError: the file is no ordinary one, or damaged.
    """
    return list(_entries(path, _binary_images, _text_images))


def read_points(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The points of `points3D.bin` or `points3D.txt`.

    Returns:
        Places [N, 3] float64, as they are in the file, and colours [N, 3] uint8.

    Raises:
        DataError: the file is no ordinary one, or damaged.
    """
    rows = np.fromiter(_entries(path, _binary_points, _text_points), dtype=np.dtype((np.float64, 6)))
    return rows[:, :3], rows[:, 3:].astype(np.uint8)


class _Damaged(Exception):
    """Says what is wrong with a file."""


def _entries(path: Path, read_binary: Callable[[_Bytes], Iterator], read_text: Callable[[list], Iterator]) -> Iterator:
    require_regular(path)
    try:
        if path.suffix == ".txt":
            yield from read_text(_lines(path.read_bytes()))
            return
        if path.stat().st_size == 0:
            raise _Damaged("it is empty")
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield from read_binary(_Bytes(content))
    except (_Damaged, OSError) as error:
        message = f"{path} cannot be read as a part of a COLMAP model ({error}): write the model anew."
        raise DataError(message) from error


# Binary files


class _Bytes:
    """What is left of a file; never reads beyond its end."""

    def __init__(self, content: mmap.mmap) -> None:
        self.content, self.at, self.size = content, 0, len(content)

    def take(self, layout: struct.Struct) -> tuple:
        start = self.skip(layout.size)
        return layout.unpack_from(self.content, start)

    def skip(self, count: int) -> int:
        """Step over `count` bytes; where they began."""
        if count > self.size - self.at:
            raise _Damaged(f"it ends after {self.size} bytes, before what it announces")
        self.at += count
        return self.at - count

    def name(self) -> str:
        """Text up to a zero byte."""
        end = self.content.find(b"\0", self.at, min(self.size, self.at + _LONGEST_NAME))
        if end < 0:
            raise _Damaged("a picture's name does not end")
        text = self.content[self.at : end]
        self.at = end + 1
        return _decoded(text)

    def count(self, least: int) -> int:
        """A number of entries of at least `least` bytes each."""
        (count,) = self.take(_COUNT)
        if count * least > self.size - self.at:
            raise _Damaged(f"it announces {count} entries, more than its {self.size} bytes can hold")
        return count


def _binary_cameras(data: _Bytes) -> Iterator[tuple[int, ColmapCamera]]:
    for _ in range(data.count(_CAMERA.size)):
        number, kind, width, height = data.take(_CAMERA)
        if not 0 <= kind < len(CAMERA_MODELS):
            yield number, ColmapCamera(str(kind), width, height, ())
            return
        model, parameters = CAMERA_MODELS[kind]
        yield number, ColmapCamera(model, width, height, data.take(struct.Struct(f"<{parameters}d")))


def _binary_images(data: _Bytes) -> Iterator[ColmapImage]:
    for _ in range(data.count(_IMAGE.size + 1 + _COUNT.size)):
        number, *pose, camera = data.take(_IMAGE)
        name = data.name()
        data.skip(data.count(_OBSERVATION) * _OBSERVATION)
        yield ColmapImage(number, name, camera, tuple(pose[:4]), tuple(pose[4:]))


def _binary_points(data: _Bytes) -> Iterator[tuple]:
    for _ in range(data.count(_POINT.size)):
        row = data.take(_POINT)
        data.skip(row[8] * _TRACK_ENTRY)
        yield row[1:7]


# Text files


def _decoded(text: bytes) -> str:
    for encoding in ("utf-8", "cp1252"):
        try:
            return text.decode(encoding)
        except UnicodeDecodeError:
            continue
    return text.decode("latin-1")


def _lines(content: bytes) -> list[str]:
    """Lines without their ends; blanks within them stay, as names may begin or end with one."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = content.decode("utf-16", errors="replace")
    else:
        text = _decoded(content.removeprefix(b"\xef\xbb\xbf"))
    return re.split(r"\r\n|\n|\r", text)


def _numbered(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """The lines that are neither blank nor a comment, with their numbers from 1."""
    return ((at, line) for at, line in enumerate(lines, 1) if line.strip() and not line.lstrip().startswith("#"))


def _numbers(words: Sequence[str], kinds: Sequence[type], at: int) -> list:
    try:
        return [kind(word) for kind, word in zip(kinds, words, strict=True)]
    except (ValueError, OverflowError) as error:
        raise _Damaged(f"line {at} has other columns than expected") from error


def _text_cameras(lines: list[str]) -> Iterator[tuple[int, ColmapCamera]]:
    expected = dict(CAMERA_MODELS)
    for at, line in _numbered(lines):
        words = line.split()
        if len(words) < 4:
            raise _Damaged(f"line {at} has {len(words)} columns, not number, model, width, height and parameters")
        wanted = expected.get(words[1], len(words) - 4)
        if len(words) - 4 != wanted:
            raise _Damaged(f"line {at} gives {words[1]} {len(words) - 4} parameters, not {wanted}")
        number, *columns = _numbers([words[0], *words[2:]], [int] + [float] * (2 + wanted), at)
        yield number, ColmapCamera(words[1], columns[0], columns[1], tuple(columns[2:]))


_IMAGE_LINE = re.compile(r"\s*" + r"(\S+)\s+" * 8 + r"(\S+)\s(.*)", re.DOTALL)
"""Nine columns, one blank, and the picture's name to the end of the line."""
_ENDS_IN_A_NUMBER = re.compile(r"(^|\s)-?\d+\s*$")


def _text_images(lines: list[str]) -> Iterator[ColmapImage]:
    """After the line of an image comes that of its 2D points, which may be empty; some programs leave it out."""
    points_come = False
    for at, line in enumerate(lines, 1):
        if points_come and (not line.strip() or _ENDS_IN_A_NUMBER.search(line)):
            points_come = False
            continue
        points_come = False
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _IMAGE_LINE.fullmatch(line)
        if found is None:
            raise _Damaged(f"line {at} has other columns than expected")
        columns = _numbers(found.groups()[:9], [int] + [float] * 7 + [int], at)
        points_come = True
        yield ColmapImage(columns[0], found.group(10), columns[8], tuple(columns[1:5]), tuple(columns[5:8]))


def _text_points(lines: list[str]) -> Iterator[tuple]:
    for at, line in _numbered(lines):
        columns = _numbers(line.split(None, 7)[:7], [int] + [float] * 3 + [int] * 3, at)
        if not all(0 <= value <= 255 for value in columns[4:]):
            raise _Damaged(f"line {at} has a colour outside 0 to 255")
        yield tuple(columns[1:])
