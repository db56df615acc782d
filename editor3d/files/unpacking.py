"""Unpack a .zip file that somebody sent: no larger than it says, and nothing outside the folder."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from editor3d.errors import DataError

MAX_FILES = 20_000
MAX_BYTES = 8 << 30
"""Of all files together, unpacked."""
_BLOCK = 1 << 20
_IGNORED = "__MACOSX"
"""A folder that macOS adds to what it packs."""


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack a .zip file into a folder that is not there yet; whole or not at all.

    Returns:
        The folder that holds the files: one folder that the archive consists of stands for itself.

    Raises:
        DataError: it is damaged or encrypted, is too large, or names something that is no file in the folder.
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [one for one in opened.infolist() if not one.is_dir() and _IGNORED not in one.filename.split("/")]
            _check(archive, entries)
            for entry in entries:
                target = folder.joinpath(*PurePosixPath(entry.filename).parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                _write(opened, entry, target)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise DataError(
            f"Expected a .zip file, but {archive.name} cannot be unpacked ({error}): pack it again."
        ) from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder


def _check(archive: Path, entries: list[zipfile.ZipInfo]) -> None:
    total = sum(entry.file_size for entry in entries)
    if not 0 < len(entries) <= MAX_FILES or total > MAX_BYTES:
        raise DataError(
            f"Expected 1 to {MAX_FILES} files of at most {MAX_BYTES >> 30} GiB together in {archive.name}, got "
            f"{len(entries)} of {total / (1 << 30):.1f} GiB: unpack it yourself, and name the folder."
        )
    for entry in entries:
        path, mode = PurePosixPath(entry.filename), entry.external_attr >> 16
        odd = (
            path.is_absolute()
            or not path.parts
            or ".." in path.parts
            or "\\" in entry.filename
            or "\0" in entry.filename
        )
        if odd or ":" in path.parts[0] or (mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG)):
            raise DataError(
                f"Expected files alone in {archive.name}, found {entry.filename[:80]!r}, which is a link or leads out "
                f"of its folder: pack it again."
            )


def _write(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    """Write one file; what says to be smaller than it is ends at its size."""
    with opened.open(entry) as source, target.open("xb") as file:
        left = entry.file_size
        while left > 0 and (block := source.read(min(_BLOCK, left))):
            file.write(block)
            left -= len(block)
