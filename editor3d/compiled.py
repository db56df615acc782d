"""Kernels compiled by numba, and where their machine code is kept between runs.

Numba keeps it beside the source, else in the user's cache folder, and refuses to compile where it can write to neither:
a program that an administrator installed, run by a user without a home. Then it is kept in a temporary folder that
nobody else can write to, since what lies there is run; and if there is none either, nowhere.

Importing this module imports no numba.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from editor3d.surroundings import private_folder

KERNEL_FOLDERS = (
    "editor3d/training",
    "gaussian/kernels",
    "mesh",
    "mesh/io/gltf",
    "nerf_methods/vox_e",
    "nerf_methods/voxel",
)
"""Below the folder that the packages lie in: where modules with kernels are."""
CACHE_VARIABLE = "NUMBA_CACHE_DIR"


class KernelCache(NamedTuple):
    """Where machine code is kept."""

    folder: Path | None
    """None: nowhere, and kernels are compiled anew in every run."""
    kind: str
    """"chosen" (by `CACHE_VARIABLE`), "program", "user", "temporary" or "none"."""


def njit(**options: Any) -> Callable[[Callable], Callable]:
    """`numba.njit` with these options, its machine code kept where it can be."""
    import numba

    return numba.njit(cache=_prepared(), **options)


@cache
def _prepared() -> bool:
    """Tell numba where to keep machine code, where it would not find a place itself; whether there is one."""
    import numba

    place = kernel_cache()
    if place.kind == "temporary":
        numba.config.CACHE_DIR = str(place.folder)
    return place.folder is not None


def kernel_cache() -> KernelCache:
    """The first place in numba's own order that can be written, else a temporary one."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen and _writable(Path(chosen)):
        return KernelCache(Path(chosen), "chosen")
    root = Path(__file__).parents[1]
    sources = [root / name for name in KERNEL_FOLDERS]
    if all(_writable(folder / "__pycache__") for folder in sources if folder.is_dir()):
        return KernelCache(root, "program")
    home = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))  # left as "~" without a home
    if home.is_absolute() and _writable(home / "numba"):
        return KernelCache(home / "numba", "user")
    try:
        return KernelCache(private_folder("kernels"), "temporary")
    except OSError:
        return KernelCache(None, "none")


def _writable(folder: Path) -> bool:
    """Whether files can be made in a folder, which is made if it is missing: as numba finds out."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True
