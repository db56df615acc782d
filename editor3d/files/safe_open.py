"""Open untrusted files: nothing in them runs, hangs the process or fills its memory.

A name says nothing about what a file is: a picture may be a script for a printer, a JSON file a named pipe. Every
reader of captures, meshes, scenes and runs opens its files through this module, or makes the same checks.
"""

from __future__ import annotations

import io
import json
import stat
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
from PIL import Image, ImageFile

from editor3d.errors import DataError, first_line

PICTURE_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "PPM", "GIF", "TGA")
"""Pillow's names of the kinds that are read (JPEG's include the MPO of phones).

Libraries decode them all. EPS, for one, is a program, which Pillow would give to an interpreter.
"""

MAX_PIXELS = 1 << 27
"""Largest picture, 134 megapixels (16384 x 8192): about 0.5 GiB while it is decoded."""

MAX_JSON_BYTES = 1 << 28
"""Largest JSON file: the poses of some 200 000 views."""

_BYTES_A_PIXEL = 8
"""Of a picture's file, at most: four channels of 16 bits that are not compressed."""
_BYTES_BESIDE = 1 << 26
"""Of a picture's file besides: colour profiles, previews and notes."""

_DEFLATE_RATIO = 1032
"""Bytes that one byte of a deflate stream can stand for, at most."""

UNREADABLE = (
    *(OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, AttributeError, ArithmeticError),
    *(AssertionError, RuntimeError, MemoryError, struct.error, zlib.error, Image.DecompressionBombError),
)
"""What Pillow raises for a damaged picture: SyntaxError is its word for a broken PNG, its readers of TIFF, GIF and
WebP trip over their own values. MemoryError stands for a size that no picture has."""


_SILENT = 0
"""OpenCV's level of logging that prints nothing."""


class TooManyPixels(ValueError):
    """A picture's header promises more pixels than are decoded."""


def require_regular(path: Path, error: Callable[[str], Exception] = DataError) -> Path:
    """Refuse what is no ordinary file: a named pipe or a device would be waited for without end.

    Args:
        path: the file; a link to an ordinary file is one.
        error: makes the error that is raised from its sentence.

    Raises:
        DataError (or what `error` makes): there is no such file, or it is of another kind.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as reason:
        raise error(f"Expected a file at {str(path)!r}, found none that can be read: check the path.") from reason
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe, socket or device"
        raise error(f"Expected a file at {path}, found {kind}: give the path of an ordinary file.")
    return path


def require_inside(path: Path, root: Path) -> Path:
    """Refuse a link that leads out of a folder: what a capture shows must be part of it.

    Args:
        path: a file named as below `root`. A path that names another place openly (absolute, or by ..) may be there.

    Raises:
        DataError: a link on the way leads out of `root` or to itself, or the path can be none.
    """
    if ".." in path.parts or not path.is_relative_to(root):
        return path
    try:
        inside = path.resolve().is_relative_to(root.resolve())
    except (OSError, ValueError, RuntimeError) as reason:  # a name that is none, or links in a circle
        raise DataError(
            f"Expected a path in {root}, got {str(path)[:300]!r}, which leads nowhere: correct it."
        ) from reason
    if not inside:
        raise DataError(f"Expected {path} to lie in {root}, found a link out of it: copy the file there.")
    return path


def read_json(path: Path, error: Callable[[str], Exception] = DataError) -> Any:
    """The value in a JSON file in UTF-8, with or without a byte order mark, or UTF-16 or UTF-32.

    Args:
        error: makes the error that is raised from its sentence.

    Raises:
        DataError (or what `error` makes): the file is missing, no ordinary file, too large, or not JSON (the text gives
            the line); its values are nested too deeply or its numbers too long.
    """
    require_regular(path, error)
    size = path.stat().st_size
    if size > MAX_JSON_BYTES:
        raise error(f"Expected JSON of at most {MAX_JSON_BYTES >> 20} MiB in {path}, got {size >> 20} MiB: shorten it.")
    try:
        return json.loads(path.read_bytes())
    except json.JSONDecodeError as reason:
        place = f"line {reason.lineno}, column {reason.colno}"
        raise error(f"{path} is not valid JSON: {place}: {reason.msg}.") from reason
    except RecursionError as reason:
        raise error(f"Expected JSON nested a few levels deep in {path}, got hundreds: check what wrote it.") from reason
    except (OSError, ValueError) as reason:  # ValueError: bytes of no encoding, or a number of thousands of digits
        raise error(f"{path} cannot be read: {first_line(reason)}.") from reason


def open_picture(
    source: Path | bytes | BinaryIO,
    formats: tuple[str, ...] = PICTURE_FORMATS,
    max_pixels: int = MAX_PIXELS,
) -> ImageFile.ImageFile:
    """Open a picture of one of the kinds named; its pixels are decoded later, and are no more than stated.

    Args:
        source: a path, the file's content, or an open file.
        formats: Pillow's names of the kinds.
        max_pixels: the largest width x height.

    Returns:
        The picture, to be used as a context manager.

    Raises:
        OSError, ValueError and the others of `UNREADABLE`: no picture of these kinds, damaged, too large or empty.
    """
    if isinstance(source, bytes):
        source = io.BytesIO(source)
    elif isinstance(source, Path):
        size, most = require_regular(source, OSError).stat().st_size, max_pixels * _BYTES_A_PIXEL + _BYTES_BESIDE
        if size > most:  # Pillow reads pieces that it does not know whole
            raise OSError(f"expected a picture's file of at most {most >> 20} MiB, got {size >> 20} MiB")
    picture = Image.open(source, formats=formats)
    if not 0 < picture.width * picture.height <= max_pixels:
        size = f"{picture.width} x {picture.height}"
        picture.close()
        raise TooManyPixels(f"expected at most {max_pixels / 1e6:.0f} megapixels, got {size}")
    if picture.format == "PNG" and _promises_too_much(picture):
        picture.close()
        raise OSError("its header promises more pixels than the file can hold")
    return picture


def _promises_too_much(picture: ImageFile.ImageFile) -> bool:
    """Whether a PNG is shorter than its pixels can be when they are packed as tightly as deflate can."""
    bits = 8 * len(picture.getbands()) if picture.mode in ("LA", "RGB", "RGBA") else 1
    least = picture.height * (1 + picture.width * bits // 8) // _DEFLATE_RATIO
    file = _file_of(picture)
    at = file.tell()
    length = file.seek(0, io.SEEK_END)
    file.seek(at)
    return length < least


def _file_of(picture: ImageFile.ImageFile) -> IO[bytes]:
    assert picture.fp is not None  # Pillow closes it once the pixels are decoded
    return picture.fp


def opencv_pixels(picture: ImageFile.ImageFile, flags: int) -> np.ndarray:
    """The pixels of an opened picture as OpenCV decodes them, for what Pillow cannot (16 bits of colour).

    OpenCV is given the bytes of the file that was checked, and no name to open again.

    Args:
        picture: from `open_picture`, not decoded yet.
        flags: `cv2.IMREAD_…`.

    Returns:
        [H, W] or [H, W, C], blue before red.

    Raises:
        OSError: it cannot be decoded, or to another size than its header says.
    """
    import cv2

    file = _file_of(picture)
    file.seek(0)
    level = cv2.setLogLevel(_SILENT)  # what it would print about a damaged picture is raised below
    try:
        pixels = cv2.imdecode(np.frombuffer(file.read(), np.uint8), flags)
    except cv2.error as error:
        raise OSError(first_line(error)) from error
    finally:
        cv2.setLogLevel(level)
    if pixels is None or sorted(pixels.shape[:2]) != sorted(picture.size):
        raise OSError("OpenCV cannot decode it")
    return pixels
