"""Copy the files that a region names into the run, so that later changes of the originals have no effect."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from editor3d.errors import Editor3DError
from editor3d.files.writing import replacing, visible_below
from editor3d.regions.combinations import Dilate, Intersection, Invert, Union
from editor3d.regions.mesh import MeshRegion
from editor3d.regions.notation import parse_region
from editor3d.regions.seen import MASK_SUFFIX, MasksRegion

if TYPE_CHECKING:
    from editor3d.types import Region

REGION_FILES = "region_files"
"""Folder of a run for them."""
_DIGITS = 24
"""After the point: a mesh is read again as it was, in double precision."""


def keep_files(text: str, folder: Path) -> str:
    """A region in words that name copies of its files: of a mesh as it was read, closed, and of a folder's masks.

    Args:
        text: as `parse_region` takes it.
        folder: where copies go, each under a name made of its content; what lies there already is not written again.

    Returns:
        `text` itself where it names no files, or those in `folder`.

    Raises:
        RegionError: as `parse_region`.
        Editor3DError: the disk is full, or a folder cannot be written or read.
    """
    region = parse_region(text)
    own = _with_copies(region, folder.absolute())
    return text if own == region else json.dumps(own.to_json())


def files_in(text: str, folder: Path) -> str:
    """A region in words that names its kept files where they are now: a run's folder may have been moved.

    Args:
        text: as `keep_files` gives it. No file is read.
        folder: where they are.
    """
    return json.dumps(_moved(json.loads(text), folder.absolute())) if text.startswith("{") else text


def _moved(value: Any, folder: Path) -> Any:
    if isinstance(value, dict):
        return {key: _moved(item, folder) for key, item in value.items()}
    if isinstance(value, list):
        return [_moved(item, folder) for item in value]
    if isinstance(value, str) and Path(value).parent.name == folder.name:
        here = folder / Path(value).name
        return str(here) if here.exists() else value
    return value


def _with_copies(region: Region, folder: Path) -> Region:
    match region:
        case MeshRegion():
            return MeshRegion(_copied_mesh(region, folder))
        case MasksRegion():
            return type(region)(_copied_masks(region, folder))
        case Union():
            return Union(*(_with_copies(part, folder) for part in region.regions))
        case Intersection():
            return Intersection(*(_with_copies(part, folder) for part in region.regions))
        case Invert():
            return Invert(_with_copies(region.region, folder))
        case Dilate():
            return Dilate(_with_copies(region.region, folder), region.amount)
    return region


def _copied_mesh(region: MeshRegion, folder: Path) -> Path:
    """Written anew: files of some formats name others, without which they hold nothing."""
    if region.file.parent == folder:
        return region.file
    plain: dict[str, Any] = {"include_normals": False, "include_color": False, "include_texture": False}
    text = region.mesh.export(file_type="obj", digits=_DIGITS, **plain)
    assert isinstance(text, str)
    path = folder / f"mesh-{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}.obj"
    if not path.is_file():
        with replacing(path) as partial:
            partial.write_text(text, encoding="utf-8")
    return path


def _copied_masks(region: MasksRegion, folder: Path) -> Path:
    if region.folder.parent == folder or not region.folder.is_dir():  # gone: a run that has read them continues
        return region.folder
    try:
        digest, contents = hashlib.blake2b(digest_size=8), {}
        for path in visible_below(region.folder, f"*{MASK_SUFFIX}"):
            name, data = path.relative_to(region.folder), path.read_bytes()
            contents[name] = data
            digest.update(repr((name.as_posix(), len(data))).encode() + data)
        copy = folder / f"masks-{digest.hexdigest()}"
        if not copy.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(prefix=".masks-", dir=folder))
            try:
                for name, data in contents.items():
                    (partial / name).parent.mkdir(parents=True, exist_ok=True)
                    (partial / name).write_bytes(data)
                partial.chmod(folder.stat().st_mode & 0o777)  # not for its maker alone, as mkdtemp has it
                os.rename(partial, copy)  # all of them, or none
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise Editor3DError(
            f"Could not copy the masks in {region.folder} to {folder} ({error.strerror or error}): free some space, or "
            f"check that both can be used."
        ) from error
    return copy
