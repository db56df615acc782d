"""Which formats there are, and the two functions that everything else uses."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from editor3d.errors import ConfigError, DataError
from editor3d.outputs.files import replacing

if TYPE_CHECKING:
    from gaussian.splats import Splats


@dataclass(frozen=True)
class SplatFormat:
    """A file format; its module has `read(path) -> Splats` where it reads and `write(path, splats)` where it writes."""

    summary: str
    module: str
    reads: bool
    writes: bool


FORMATS: dict[str, SplatFormat] = {
    ".ply": SplatFormat(
        "3D Gaussian Splatting's own, exact; SuperSplat's compressed .ply is read too", "gaussian.files.ply", True, True
    ),
    ".spz": SplatFormat("Niantic's, about a tenth of the size, lossy", "gaussian.files.spz", True, True),
    ".splat": SplatFormat("32 bytes a Gaussian, lossy, one colour from all sides", "gaussian.files.splat", True, True),
    ".glb": SplatFormat("glTF with KHR_gaussian_splatting, exact, export only", "gaussian.files.gltf", False, True),
}


def read_splats(path: Path | str) -> Splats:
    """Read a file of splats; its suffix names the format.

    Every format gives the scene in the frame of a .ply, in which 3D Gaussian Splatting trains: .spz, whose y points
    up where a .ply's points down, is turned by 180 degrees about x. What the headers claim is checked against the
    size of the file before memory is taken for it.

    Returns:
        N >= 1 Gaussians on the CPU, all values finite.

    Raises:
        DataError: no such file, an unknown suffix, a file that is not of its format, is cut short, contradicts
            itself, or holds values that cannot be drawn.
    """
    path = Path(path)
    entry = _entry(path, "read")
    if not path.is_file():
        raise DataError(f"{path}: expected a file of splats, but there is no such file.")
    try:
        splats = import_module(entry.module).read(path)
    except OSError as error:
        raise DataError(f"{path} could not be read ({error.strerror or error}).") from error

    from gaussian.splats import checked

    return checked(splats, str(path))


def write_splats(path: Path | str, splats: Splats) -> None:
    """Write a file of splats, whole or not at all; its suffix names the format.

    A .ply read back is bit-equal to what was written. How close the other formats come stands in their modules.

    Args:
        path: the file; its folder is made where it is missing.
        splats: N >= 1 Gaussians in the frame of a .ply (see `read_splats`), on any device.

    Raises:
        DataError: an unknown suffix, no Gaussians, values that cannot be drawn, or more than the format can hold.
        Editor3DError: the disk is full, or the folder cannot be written.
    """
    path = Path(path)
    entry = _entry(path, "write")
    from gaussian.splats import checked

    splats = checked(splats.detach().to("cpu"), "The scene")
    module = import_module(entry.module)
    with replacing(path) as temporary:
        module.write(temporary, splats)


def convert(source: Path, target: Path) -> int:
    """Write a file of splats in the format that the suffix of `target` names; returns how many Gaussians.

    Raises:
        DataError: as `read_splats` and `write_splats`.
        ConfigError: the target is the source.
        Editor3DError: the disk is full, or the folder cannot be written.
    """
    check_output(target, source)
    splats = read_splats(source)
    write_splats(target, splats)
    return len(splats)


def check_output(target: Path, source: Path) -> None:
    """Refuse an output before the work for it is done.

    Raises:
        DataError: an unknown suffix.
        ConfigError: it is the source, which is never written over.
    """
    _entry(target, "write")
    if target.resolve() == source.resolve():
        raise ConfigError(f"Expected another output than the scene itself, got {target}: choose another name.")


def _entry(path: Path, verb: str) -> SplatFormat:
    known = {suffix: entry for suffix, entry in FORMATS.items() if getattr(entry, f"{verb}s")}
    entry = known.get(path.suffix.lower())
    if entry is None:
        raise DataError(
            f"{path}: splats cannot be {'read from' if verb == 'read' else 'written to'} "
            f"'{path.suffix or 'a file without suffix'}'; choose one of {', '.join(known)}."
        )
    return entry
