"""Kernels compiled by numba, and where their machine code is kept between runs.

Numba keeps it beside the source, else in the user's cache folder, and refuses to compile where it can write to neither:
a program that an administrator installed, run by a user without a home. Then it is kept in a temporary folder that
nobody else can write to, since what lies there is run; and if there is none either, nowhere.

Machine code that was compiled just now is linked otherwise than what is loaded from a file, and gives other last bits.
So that a run that is resumed equals one that was not interrupted, kernels are compiled by a process of their own first.

Importing this module imports no numba.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from editor3d.host.surroundings import private_folder

KERNEL_FOLDERS = (
    "editor3d/editors/procedural/solid",
    "editor3d/geometry",
    "gaussian/raster/kernels",
    "lab/training/data",
    "mesh/io/gltf",
    "mesh/render",
    "nerf_methods/vox_e",
    "nerf_methods/voxel/kernels",
)
"""Below the folder that the packages lie in: where modules with kernels are. `lab` is there in a checkout alone."""
CACHE_VARIABLE = "NUMBA_CACHE_DIR"


class KernelCache(NamedTuple):
    """Where machine code is kept."""

    folder: Path | None
    """None: nowhere, and kernels are compiled anew in every run."""
    kind: str
    """"chosen" (by `CACHE_VARIABLE`), "program", "user", "temporary" or "none"."""


_COMPILING = "EDITOR3D_COMPILING_KERNELS"
"""Set in the environment of the process that compiles for others."""


@cache
def require(warmup: str) -> None:
    """Have kernels compiled by another process, where the code that is kept is not of these sources and this machine.

    Args:
        warmup: the module that compiles a package's kernels when it is run: `gaussian.warmup`.
    """
    note = _note(warmup)
    if note is None or note.is_file() or _COMPILING in os.environ:
        return
    print("Compiling kernels, once on this machine: about a minute.", file=sys.stderr, flush=True)
    place = kernel_cache()
    # a temporary folder may be of this process alone: the other one would find one of its own
    shared = {CACHE_VARIABLE: str(place.folder)} if place.kind == "temporary" else {}
    done = subprocess.run(
        [sys.executable, "-m", warmup],
        env={**os.environ, **shared, _COMPILING: "1"},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode == 0:
        compiled(warmup)


def compiled(warmup: str) -> None:
    """Note that a package's kernels have been compiled; where they cannot be kept, nothing is noted."""
    note = _note(warmup)
    if note is not None:
        with suppress(OSError):
            note.parent.mkdir(exist_ok=True)  # python -B makes none
            note.touch()


def _note(warmup: str) -> Path | None:
    """The file that says that a package's kernels of these sources were compiled for this processor."""
    import llvmlite.binding
    import numba

    place = kernel_cache()
    if place.folder is None:
        return None
    package = (Path(__file__).parents[2] / warmup.replace(".", "/")).parent
    sources = [path for path in sorted(package.rglob("*.py")) if b"@njit(" in path.read_bytes()]
    # as numba does, which compiles anew what was written since
    known = [(path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in sources]
    machine = (llvmlite.binding.get_host_cpu_name(), llvmlite.binding.get_host_cpu_features().flatten())
    digest = hashlib.blake2b(repr((warmup, numba.__version__, machine, known)).encode(), digest_size=8).hexdigest()
    folder = package / "__pycache__" if place.kind == "program" else place.folder
    return folder / f"editor3d-compiled-{digest}"


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
        # numba sets its options by their names at import
        numba.config.CACHE_DIR = str(place.folder)  # pyright: ignore[reportAttributeAccessIssue]
    return place.folder is not None


def kernel_cache() -> KernelCache:
    """The first place in numba's own order that can be written, else a temporary one."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen and _writable(Path(chosen)):
        return KernelCache(Path(chosen), "chosen")
    root = Path(__file__).parents[2]
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
