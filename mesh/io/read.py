"""Reading meshes of many formats as one surface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from editor3d.errors import DataError
from editor3d.files.safe_open import require_regular
from mesh.io import gltf, obj, off, ply, stl, xml
from mesh.io.common.notes import Notes
from mesh.io.common.parts import joined
from mesh.repair import repaired
from mesh.surface import Surface

_READERS: dict[str, Callable[[Path, Notes], list[Surface]]] = {
    ".obj": obj.read,
    ".ply": ply.read,
    ".stl": stl.read,
    ".glb": gltf.read,
    ".gltf": gltf.read,
    ".off": off.read,
    ".3mf": xml.read,
    ".dae": xml.read,
}
SUFFIXES = tuple(_READERS)
_LONGEST = 300
"""Characters of what a refusal says of a file besides."""


def read_mesh(path: Path | str) -> Surface:
    """Read a mesh, all its parts in one; polygons come as triangles, and vertices at one place as one.

    What a file states and is not shown, such as a texture that is not there, is in the surface's `notes`.

    Raises:
        DataError: no such file, none of a known kind, damaged, too large, or without a surface; the text says which.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"Expected a mesh file at {path}, found none: check the path.")
    require_regular(path)
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise DataError(f"Expected a mesh of a known kind ({', '.join(SUFFIXES)}), got {path}: convert it to .glb.")
    notes = Notes()
    try:
        parts = [part for part in read(path, notes) if len(part.faces)]
    except OSError as error:
        raise DataError(f"Expected a mesh file at {path} that can be read ({error.strerror}): check it.") from error
    if not parts:
        message = "; ".join(notes.clauses)[:_LONGEST] or "points or lines at most"
        raise DataError(
            f"Expected a mesh with faces in {path}, found none ({message}): mesh it first, or export it anew."
        )
    surface = joined(parts)
    return repaired(replace(surface, notes=notes.clauses), str(path))
