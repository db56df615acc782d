"""Where a scene far from the origin lies: the offset that a format cannot state is in a file beside it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import torch

from editor3d.errors import DataError, shown
from editor3d.outputs.files import write_json
from editor3d.safe_open import read_json
from gaussian.files.contents import SplatFile, centred


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
    note = f"The offset in {sidecar(path).name} is added to its coordinates."
    return replace(contents, offset=_read(sidecar(path)), notes=(*contents.notes, note))


def collapsed(path: Path, contents: SplatFile) -> SplatFile:
    """What is to be written to a format that states no offset: with far coordinates in it, if they came so."""
    if not contents.absolute or path.suffix.lower() != ".splat":
        return contents
    means = contents.centres.float()
    if not torch.equal(means.double(), contents.centres):
        return contents
    return replace(contents, splats=replace(contents.splats, means=means), offset=(0.0, 0.0, 0.0))


def write_beside(path: Path, contents: SplatFile) -> None:
    """Write the offset of what is about to be written at `path`, and remove one that is there from before.

    A .glb states it as a node's translation, a .ply that is absolute has it in every coordinate. Other .ply state it in
    a comment, which not every program reads, so that it is beside those, too.

    Raises:
        Editor3DError: the disk is full, or the folder cannot be written.
    """
    suffix = path.suffix.lower()
    if not any(contents.offset) or suffix == ".glb" or (suffix == ".ply" and contents.absolute):
        sidecar(path).unlink(missing_ok=True)
        return
    told = "add it to the coordinates in the file of splats, which are about its middle"
    if suffix == ".spz":
        told += "; change the signs of its y and z first, as a .spz has y up"
    write_json(sidecar(path), {"offset": list(contents.offset), "meaning": told})


def _read(path: Path) -> tuple[float, float, float]:
    value = read_json(path)
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
    return tuple(float(number) for number in offset)
