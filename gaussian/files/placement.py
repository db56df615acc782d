"""Keep the offset of a scene far from the origin in a file beside it, if the format cannot state it."""

from __future__ import annotations

import hashlib
import math
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch

from editor3d.errors import DataError, shown
from editor3d.files.safe_open import read_json
from editor3d.files.writing import write_json
from gaussian.files.contents import SplatFile, centred
from gaussian.files.suffix import USD, suffix_of

_COMING = "coming"
"""Of what takes the file's place next: its offset, and the SHA-256 by which it is known."""


def sidecar(path: Path) -> Path:
    """The file beside a file of splats that has its offset: `scene.spz.offset.json`."""
    return path.with_name(f"{path.name}.offset.json")


def placed(path: Path, contents: SplatFile) -> SplatFile:
    """What was read of a file, with the offset that is in the file beside it, or else in the coordinates themselves.

    Raises:
        DataError: the file beside it cannot be understood.
    """
    if any(contents.offset):
        return contents
    means, offset = centred(contents.splats.means.numpy())
    if any(offset):
        splats = replace(contents.splats, means=torch.from_numpy(means))
        return replace(contents, splats=splats, offset=offset, absolute=True)
    if not sidecar(path).exists():
        return contents
    offset = _offset_beside(path)
    if not any(offset):
        return contents
    note = f"The offset in {sidecar(path).name} is added to its coordinates."
    return replace(contents, offset=offset, notes=(*contents.notes, note))


def collapsed(path: Path, contents: SplatFile) -> SplatFile:
    """What is to be written to a format that states no offset: with far coordinates in it, if they came so."""
    if not contents.absolute or path.suffix.lower() != ".splat":
        return contents
    means = contents.centres.float()
    if not torch.equal(means.double(), contents.centres):
        return contents
    return replace(contents, splats=replace(contents.splats, means=means), offset=(0.0, 0.0, 0.0))


def announce_offset(path: Path, written: Path, contents: SplatFile) -> None:
    """Say beside `path` which offset belongs to what was written, before that takes its place; until then the offset
    of what is there holds. Whenever the process is killed, each file has its own.

    A .glb and USD state it as a translation, a .ply that is absolute has it in every coordinate. Other .ply state it in
    a comment, which not every program reads, so that it is beside those, too.

    Args:
        path: the file to write or replace.
        written: what takes its place.

    Raises:
        Editor3DError: the disk is full, or the folder cannot be written.
    """
    present, coming = (0.0, 0.0, 0.0), _offset_to_state(path, contents)
    if path.exists() and sidecar(path).exists():
        with suppress(DataError):
            present = _offset_beside(path)
    if any(coming) or sidecar(path).exists():
        said = {"offset": list(coming), "sha256": _digest(written)}
        write_json(sidecar(path), {"offset": list(present), "meaning": _meaning(path), _COMING: said})


def settle_offset(path: Path, contents: SplatFile) -> None:
    """Say the offset alone of what is at `path` now.

    Raises:
        Editor3DError: the disk is full, or the folder cannot be written.
    """
    offset = _offset_to_state(path, contents)
    if any(offset):
        write_json(sidecar(path), {"offset": list(offset), "meaning": _meaning(path)})
    else:
        sidecar(path).unlink(missing_ok=True)


def _offset_to_state(path: Path, contents: SplatFile) -> tuple[float, float, float]:
    """What is to be stated beside a file; zeros where it says so itself, or there is none."""
    suffix = suffix_of(path)
    states_it = suffix in (".glb", *USD) or (suffix == ".ply" and contents.absolute)
    return (0.0, 0.0, 0.0) if states_it else contents.offset


def _meaning(path: Path) -> str:
    message = "add it to the coordinates in the file of splats, which are about its middle"
    if path.suffix.lower() == ".spz":
        message += "; change the signs of its y and z first, as a .spz has y up"
    return message


def _offset_beside(path: Path) -> tuple[float, float, float]:
    """The offset of what is at `path`, which may have been on its way when the file beside it was written.

    Raises:
        DataError: the file beside it cannot be understood.
    """
    beside = sidecar(path)
    value = read_json(beside)
    coming = value.get(_COMING) if isinstance(value, dict) else None
    if isinstance(coming, dict) and coming.get("sha256") == _digest(path):
        return _offset_in(coming, beside)
    return _offset_in(value, beside)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _offset_in(value: object, path: Path) -> tuple[float, float, float]:
    offset = value.get("offset") if isinstance(value, dict) else None
    if (
        not isinstance(offset, list)
        or len(offset) != 3
        or not all(isinstance(number, int | float) and abs(number) < 1e300 for number in offset)
        or not all(math.isfinite(number) for number in offset)
    ):
        raise DataError(
            f"Expected three numbers in 'offset' in {path}, got {shown(offset)}: correct it, or remove the file."
        )
    x, y, z = (float(number) for number in offset)
    return x, y, z
