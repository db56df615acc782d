"""Check the files that a scene refers to: which ones renders may read, which are missing, which are refused.

Runs inside the process that copies the scene: imports bpy, and runs nothing of the file. What the scene refers to is
packed into the copy. What Blender cannot pack (movies, sequences, caches, volumes) is named, to be shown to workers
read-only. A file counts only if it is an ordinary one, and a relative path may not lead out of the scene's folder by a
link: a scene says openly what it reads.
"""

from __future__ import annotations

import glob
import os
import re
import stat
from dataclasses import dataclass, field

import bpy

from editor3d.programs.worker import versions

MAX_FILES = 2000
"""Files that are shown to workers, at most; frames of sequences are many."""
_OPERATORS = ("make_paths_absolute", "pack_libraries", "pack_all")
_KINDS = (
    *("libraries", "images", "fonts", "movieclips", "volumes", "cache_files", "objects", "materials", "lights"),
    *("worlds", "node_groups", "textures", "linestyles", "particles"),
)
"""Datablocks whose files a render reads; brushes, sounds and strips have files of their own that it does not."""


@dataclass
class Files:
    """What became of a scene's files."""

    shown: list[str] = field(default_factory=list)
    """Absolute paths of what the copy lacks and workers must see."""
    missing: list[str] = field(default_factory=list)
    """Paths at which there is nothing."""
    refused: list[str] = field(default_factory=list)
    """Paths of what is no ordinary file, or is reached by a link out of the scene's folder."""


def gather(scene: str) -> Files:
    """Pack the open scene's files into it, as far as that is possible and allowed.

    Args:
        scene: where the scene lies, an absolute path; relative paths begin in its folder.
    """
    found, root = Files(), os.path.dirname(scene)
    refused = []
    for block, path in _references():
        for file in _expanded(block, path):
            if not os.path.lexists(file):
                # modifiers name folders of caches long before there are any
                if not isinstance(block, bpy.types.Object) or os.path.splitext(file)[1]:
                    found.missing.append(file)
            elif not _allowed(file, path, root):
                found.refused.append(file)
                refused.append(block)
                break
    for block in sorted(refused, key=lambda block: isinstance(block, bpy.types.Library)):
        _forget(block)
    for name in _OPERATORS:
        try:
            getattr(bpy.ops.file, name)()
        except RuntimeError:  # some file is missing, as noted above; the others are packed all the same
            continue
    for block, path in _references():
        if _packed(block):
            continue
        found.shown += [file for file in _expanded(block, path) if os.path.exists(file) and file not in found.refused]
    found.shown = list(dict.fromkeys(found.shown))[:MAX_FILES]
    found.missing, found.refused = list(dict.fromkeys(found.missing)), list(dict.fromkeys(found.refused))
    return found


def _references() -> list[tuple[bpy.types.ID, str]]:
    """Datablocks and the paths in them, as they are written there."""
    found = []
    kinds = tuple(getattr(bpy.data, kind) for kind in _KINDS if hasattr(bpy.data, kind))
    known = [block for kind in kinds for block in kind]
    paths_of = versions.paths_by_block(known)
    for block in known:
        paths = {block.filepath} if isinstance(block, bpy.types.Library) else paths_of.get(block, ())
        if not _packed(block):
            for path in sorted(paths):
                if path and not path.startswith("<"):  # such as <builtin>, Blender's own font
                    found.append((block, path.replace("\\", "/") if path.startswith("//") else path))
    return found


def _packed(block: bpy.types.ID) -> bool:
    return getattr(block, "packed_file", None) is not None


def _expanded(block: bpy.types.ID, path: str) -> list[str]:
    """The absolute paths that one path stands for: those of a picture's frames or tiles are many."""
    library = block if isinstance(block, bpy.types.Library) else block.library
    absolute = os.path.normpath(bpy.path.abspath(path, library=library.parent if block is library else library))
    if isinstance(block, bpy.types.Image) and block.source == "TILED":
        pattern = re.sub(r"<UDIM>|<UVTILE>", "*", glob.escape(absolute))
        return sorted(glob.glob(pattern))[:MAX_FILES] or [absolute]
    frames = (isinstance(block, bpy.types.Image) and block.source == "SEQUENCE") or (
        isinstance(block, (bpy.types.Volume, bpy.types.CacheFile)) and block.is_sequence
    )
    if frames and (number := re.search(r"(\d+)(\D*)$", os.path.basename(absolute))):
        folder, name = os.path.split(absolute)
        start, end = name[: number.start()], number[2]
        numbered = re.compile(re.escape(start) + r"\d+" + re.escape(end))
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        return [os.path.join(folder, one) for one in names if numbered.fullmatch(one)][:MAX_FILES] or [absolute]
    return [absolute]


def _allowed(file: str, written: str, root: str) -> bool:
    """Whether renders may read what lies at `file`, which a path `written` in the scene stands for."""
    try:
        kind = os.stat(file).st_mode
    except OSError:
        return False  # a link to nothing
    real, home = os.path.realpath(file), os.path.realpath(root)
    inside = real.startswith(home.rstrip("/") + "/")
    if stat.S_ISDIR(kind):
        return inside  # a cache; never a folder that holds other things than the scene's
    openly = not written.startswith("//") or ".." in written.split("/")
    return stat.S_ISREG(kind) and (inside or openly)


def _forget(block: bpy.types.ID) -> None:
    """Take a file out of the copy, so that nothing opens it."""
    if isinstance(block, bpy.types.Library):
        bpy.data.libraries.remove(block)
    elif hasattr(block, "filepath") and block.library is None:
        block.filepath = ""
