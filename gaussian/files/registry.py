"""The list of formats, and the two functions that everything else uses."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from editor3d.errors import ConfigError, DataError
from editor3d.files.writing import replacing
from editor3d.run.events import Warning, emit
from gaussian.files.suffix import COMPRESSED_PLY, USD, suffix_of

if TYPE_CHECKING:
    from gaussian.files.contents import SplatFile
    from gaussian.splats import Splats


@dataclass(frozen=True)
class SplatFormat:
    """A file format; its module has `read(path) -> SplatFile`, `write(path, contents)`, or both."""

    summary: str
    module: str
    reads: bool
    writes: bool


FORMATS: dict[str, SplatFormat] = {
    ".ply": SplatFormat("3D Gaussian Splatting's own, exact", "gaussian.files.ply.standard", True, True),
    COMPRESSED_PLY: SplatFormat(
        "SuperSplat's, 16 bytes a Gaussian and its harmonics, lossy", "gaussian.files.ply.compressed", True, True
    ),
    ".spz": SplatFormat("Niantic's, about a tenth of the size, lossy", "gaussian.files.spz", True, True),
    ".splat": SplatFormat("32 bytes a Gaussian, lossy, one colour from all sides", "gaussian.files.splat", True, True),
    ".sog": SplatFormat("PlayCanvas's, smaller still, lossy", "gaussian.files.sog", True, True),
    ".glb": SplatFormat("glTF with KHR_gaussian_splatting, exact", "gaussian.files.gltf", True, True),
    **{
        suffix: SplatFormat("OpenUSD's ParticleField3DGaussianSplat, exact", "gaussian.files.usd", True, True)
        for suffix in USD
    },
}


def read_file(path: Path | str) -> SplatFile:
    """Read a file of splats with all that it says; its suffix names the format.

    Every format gives the scene in the frame of a .ply, in which 3D Gaussian Splatting trains: .spz, whose y points
    up where a .ply's points down, is turned by 180 degrees about x. What the headers claim is checked against the
    size of the file before memory is allocated.

    Returns:
        N >= 1 Gaussians on the CPU, all of which can be drawn, and what to tell of them in `notes`.

    Raises:
        DataError: no such file, an unknown suffix, a file that is not of its format, is cut short, contradicts
            itself, or holds no values that can be drawn.
    """
    path = Path(path)
    entry = _entry(path, "read")
    from editor3d.files.safe_open import require_regular
    from gaussian.files.contents import sound
    from gaussian.files.placement import placed

    if not path.exists():
        raise DataError(f"{path}: expected a file of splats, but there is no such file.")
    require_regular(path)
    try:
        contents = import_module(entry.module).read(path)
    except OSError as error:
        raise DataError(f"{path} could not be read ({error.strerror or error}).") from error
    return placed(path, sound(contents, str(path)))


def read_splats(path: Path | str) -> Splats:
    """The Gaussians of a file as they are drawn; what `read_file` notes is printed on stderr.

    Far from the origin centres are as good as float32 has them there: `read_file` keeps them exact.

    Raises:
        DataError: as `read_file`.
    """
    contents = read_file(path)
    tell(path, contents.notes)
    splats = contents.drawn
    return replace(splats, means=contents.centres.float()) if any(contents.offset) else splats


def tell(path: Path | str, notes: Iterable[str]) -> None:
    """Say on stderr what a user should know of a file."""
    for note in notes:
        print(f"{path}: {note}", file=sys.stderr)
        emit(Warning(sentence=f"{path}: {note}"))


def write_splats(path: Path | str, splats: Splats | SplatFile, *, spz_version: Literal[3, 4] = 3) -> None:
    """Write a file of splats, whole or not at all; its suffix names the format.

    A .ply read back is bit-equal to what was written. How close the other formats come stands in their modules. What
    else is known of the Gaussians is kept where the format can hold it, and what it cannot is printed on stderr.

    Args:
        path: the file; its folder is made where it is missing.
        splats: N >= 1 Gaussians in the frame of a .ply (see `read_file`), on any device.
        spz_version: of a .spz, 3 or 4; not every reader knows 4.

    Raises:
        DataError: an unknown suffix, no Gaussians, values that cannot be drawn, or more than the format can hold.
        Editor3DError: the disk is full, or the folder cannot be written.
    """
    path = Path(path)
    entry = _entry(path, "write")
    from gaussian.files.contents import SplatFile
    from gaussian.files.placement import announce_offset, collapsed, settle_offset
    from gaussian.splats import checked

    contents = splats if isinstance(splats, SplatFile) else SplatFile(splats)
    contents = replace(contents, splats=checked(contents.splats.detach().to("cpu"), "The scene"))
    if suffix_of(path) != ".ply":
        tell(path, _not_held(path, contents))
        contents = collapsed(path, replace(contents, splats=contents.drawn))
    module = import_module(entry.module)
    with replacing(path) as temporary:
        if suffix_of(path) == ".spz":
            module.write(temporary, contents, spz_version)
        else:
            module.write(temporary, contents)
        announce_offset(path, temporary, contents)
    settle_offset(path, contents)


def _not_held(path: Path, contents: SplatFile) -> Iterator[str]:
    """What a format other than .ply cannot keep of a file."""
    suffix = suffix_of(path)
    names = [] if contents.extra is None else [name for name in contents.extra.dtype.names if name != "filter_3D"]
    names += [f"element {name}" for name in contents.elements]
    if names:
        yield f"{suffix} does not hold {', '.join(names[:8])}{' and more' if len(names) > 8 else ''}: .ply does."
    if contents.antialiased and suffix not in (".spz", ".sog", COMPRESSED_PLY):
        yield f"{suffix} cannot say that the scene is drawn with anti-aliasing (mip): choose that where it is shown."


def convert(source: Path, target: Path, *, spz_version: Literal[3, 4] = 3) -> int:
    """Write a file of splats in the format that the suffix of `target` names; returns how many Gaussians.

    Raises:
        DataError: as `read_splats` and `write_splats`.
        ConfigError: the target is the source.
        Editor3DError: the disk is full, or the folder cannot be written.
    """
    check_output(target, source)
    contents = read_file(source)
    tell(source, contents.notes)
    write_splats(target, contents, spz_version=spz_version)
    return len(contents)


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
    known = {suffix: entry for suffix, entry in FORMATS.items() if (entry.reads if verb == "read" else entry.writes)}
    entry = known.get(suffix_of(path))
    if entry is None:
        from editor3d.datasets.other_files import what_to_do

        message = what_to_do(path) if verb == "read" and path.suffix.lower() not in FORMATS else None
        remedy = ", or give the file that it was made from" if verb == "read" and path.suffix else ""
        raise DataError(
            message
            or f"{path}: splats cannot be {'read from' if verb == 'read' else 'written to'} "
            f"'{path.suffix or 'a file without suffix'}'; choose one of {', '.join(known)}{remedy}."
        )
    return entry
