"""The checks of `editor3d doctor`. Each function returns checks as data.

Nothing on the machine is changed, but that the empty folder for compiled kernels is made where it can be."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from editor3d.cli.system_libraries import LIBRARIES, missing_libraries
from editor3d.errors import sentence
from editor3d.host.compiled import CACHE_VARIABLE, kernel_cache
from editor3d.methods import available_methods
from editor3d.registry import METHODS

PACKAGE = "editor3d"
INSTALL_SELF = "pip install -e . (in the project's folder)"
LIBRARY_USERS = {"open3d": "ns-export, meshes and point clouds", "bpy": "Blender programs"}
"""Packages that load system libraries, and what they are for."""
GIGABYTE = 1e9
LEAST_FREE_BYTES = 2 * GIGABYTE
"""A base reconstruction, its edit and their pictures fit into this with room to spare."""


@dataclass(frozen=True)
class Check:
    group: str
    name: str
    ok: bool
    detail: str
    required: bool = True
    """Whether editing a scene fails without it; otherwise `detail` says what does."""
    remedy: str = ""
    """The command or step that puts it right; empty where nothing is wrong."""


def check_packages(dist: str = PACKAGE) -> list[Check]:
    """Python and the packages that this one declares, by their metadata alone: none is imported."""
    group = "packages"
    try:
        info = metadata.metadata(dist)
    except metadata.PackageNotFoundError:
        detail = "not installed: nerfstudio cannot see its methods"
        return [Check(group, dist, False, detail, remedy=INSTALL_SELF)]
    python = platform.python_version()
    wanted = next(iter(info.get_all("Requires-Python") or []), "")
    fits = SpecifierSet(wanted).contains(python)
    checks = [
        Check(group, dist, True, info["Version"]),
        Check(group, "python", fits, python, remedy="" if fits else f"a Python that is {wanted}"),
    ]
    declared = [Requirement(text) for text in metadata.requires(dist) or []]
    always = [one for one in declared if one.marker is None or one.marker.evaluate({"extra": ""})]
    checks += [_check_package(one, dist, extra=None) for one in always]
    for extra in info.get_all("Provides-Extra") or []:
        if extra != "dev":
            its = [
                one for one in declared if one.marker and one not in always and one.marker.evaluate({"extra": extra})
            ]
            checks += _check_extra(extra, its, {one.name for one in always}, dist)
    return checks


def _check_extra(extra: str, its: list[Requirement], shared: set[str], dist: str) -> list[Check]:
    """
    Args:
        its: what the extra asks for.
        shared: the names of what is needed without it too. Where the extra asks for another version of such a package,
            that counts once the extra is there.
    """
    own = [_check_package(one, dist, extra) for one in its if one.name not in shared]
    if not all(check.ok for check in own):
        return own
    narrowed = [_check_package(one, dist, extra) for one in its if one.name in shared]
    return own + [replace(check, name=f"{check.name} for {extra}") for check in narrowed if not check.ok]


def _check_package(requirement: Requirement, dist: str, extra: str | None) -> Check:
    what = {"group": "packages", "name": requirement.name, "required": extra is None}
    target = f'"{dist}[{extra}]"' if extra else f'"{requirement.name}{requirement.specifier}"'
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        detail = f"not installed; needed for the extra {extra}" if extra else "not installed"
        return Check(ok=False, detail=detail, remedy=f"pip install {target}", **what)
    if not requirement.specifier.contains(version, prereleases=True):
        detail = f"{version}, but {requirement.specifier} is needed"
        return Check(ok=False, detail=detail, remedy=f"pip install {target}", **what)
    return Check(ok=True, detail=version, **what)


def check_methods() -> list[Check]:
    """Whether nerfstudio finds the methods that this package runs (their entry points)."""
    known = {entry.name for entry in metadata.entry_points(group="nerfstudio.method_configs")}
    methods = available_methods()
    lost = [name for name in methods if name not in known]
    if lost:
        detail = f"nerfstudio does not see {', '.join(lost)}"
        others = [name for name in lost if name not in METHODS]
        remedy = f"name {', '.join(others)} in nerfstudio.method_configs, too (docs/extending.md)"
        return [Check("packages", "ns-train methods", False, detail, remedy=remedy if others == lost else INSTALL_SELF)]
    return [Check("packages", "ns-train methods", True, ", ".join(methods))]


def check_device() -> list[Check]:
    """Cores, memory and the CUDA device. Imports torch."""
    import psutil

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = psutil.virtual_memory()
    checks = [
        Check("device", "cpu", True, f"{cores} cores, {platform.machine()}"),
        Check("device", "memory", True, f"{_size(memory.total)}, {_size(memory.available)} of it free"),
    ]
    try:
        import torch
    except (ImportError, OSError) as error:
        return [*checks, Check("device", "torch", False, f"cannot be imported: {error}", remedy="install torch again")]
    if torch.cuda.is_available():
        for k in range(torch.cuda.device_count()):
            card = torch.cuda.get_device_properties(k)
            checks.append(
                Check("device", f"cuda:{k}", True, f"{card.name}, {_size(card.total_memory)}", required=False)
            )
        checks.append(check_gsplat(torch.version.cuda))
    elif shutil.which("nvidia-smi"):
        detail = f"an NVIDIA driver is here, but torch {torch.__version__} sees no device: scenes are edited on the CPU"
        remedy = "nvidia-smi (shows whether the driver works and which CUDA version it serves)"
        checks.append(Check("device", "cuda", False, detail, required=False, remedy=remedy))
    else:
        checks.append(Check("device", "cuda", True, "no NVIDIA driver: scenes are edited on the CPU", required=False))
    return checks


def check_gsplat(cuda: str | None) -> Check:
    """Whether splats can be drawn on CUDA. Nothing is compiled.

    Args:
        cuda: the version that torch was built with.
    """
    from editor3d.host.gsplat_kernels import compiled_kernels, compiler, remedy

    what = {"group": "device", "name": "gsplat kernels", "required": False}
    found = compiled_kernels(cuda)
    if found is not None:
        return Check(ok=True, detail=str(found), **what)
    if (nvcc := compiler()) is not None:
        detail = f"not compiled yet: the first splats on CUDA wait some minutes for {nvcc}"
        return Check(ok=True, detail=detail, **what)
    detail = "neither compiled nor a CUDA compiler (nvcc): no splats on CUDA"
    return Check(ok=False, detail=detail, remedy=remedy(cuda), **what)


def check_system_libraries() -> list[Check]:
    """Shared libraries and programs that no Python package brings, or that a package should have brought."""
    return [*(_check_libraries() if sys.platform == "linux" else []), _check_video_encoder()]


def _check_libraries() -> list[Check]:
    """A check for each package that loads some; the remedy is one command that brings all that are missing."""
    users = {name: use for name, use in LIBRARY_USERS.items() if importlib.util.find_spec(name) is not None}
    wanted = tuple(library for library in LIBRARIES if users.keys() & set(library.needed_by))
    missing = missing_libraries(wanted)
    remedy = f"apt-get install {' '.join(library.debian for library in missing)}"
    checks = []
    for name, use in users.items():
        what = partial(Check, group="system", name=f"for {name}", required=False)
        lost = [library.soname for library in missing if name in library.needed_by]
        if lost:
            detail = f"{', '.join(lost)} missing; without {'it' if len(lost) == 1 else 'them'} no {use}"
            checks.append(what(ok=False, detail=detail, remedy=remedy))
        else:
            found = ", ".join(library.soname for library in wanted if name in library.needed_by)
            checks.append(what(ok=True, detail=found))
    return checks


def _check_video_encoder() -> Check:
    what = partial(Check, group="system", name="ffmpeg")
    try:
        from imageio_ffmpeg import get_ffmpeg_exe, get_ffmpeg_version

        return what(ok=True, detail=f"{get_ffmpeg_version()} in {get_ffmpeg_exe()}")
    except (ImportError, RuntimeError) as error:
        return what(ok=False, detail=f"no video encoder: {error}", remedy="pip install imageio-ffmpeg")


def check_places(output: Path) -> list[Check]:
    """Whether results, temporary files and compiled kernels can be stored."""
    return [_check_output(output), check_temporary(), _check_kernel_cache()]


def check_temporary() -> Check:
    """Whether there is a folder for temporary files; without one not even torch can be imported."""
    what = partial(Check, group="places", name="temporary files")
    try:
        return what(ok=True, detail=tempfile.gettempdir())
    except OSError as error:
        return what(ok=False, detail=sentence(error), remedy="export TMPDIR=FOLDER, one that can be written")


def _check_output(output: Path) -> Check:
    what = partial(Check, group="places", name="output")
    existing = output.absolute()
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return what(ok=False, detail=f"{existing} cannot be written", remedy="choose another --output")
    free = shutil.disk_usage(existing).free
    detail = f"{output.absolute()}, {_size(free)} free"
    if free < LEAST_FREE_BYTES:
        remedy = f"free some space: an edit needs up to {_size(LEAST_FREE_BYTES)}"
        return what(ok=False, detail=detail, required=False, remedy=remedy)
    return what(ok=True, detail=detail)


def _check_kernel_cache() -> Check:
    """Where compiled kernels are kept, as it is found out when they are needed."""
    what = partial(Check, group="places", name="kernel cache", required=False)
    place = kernel_cache()
    remedy = f"export {CACHE_VARIABLE}=FOLDER, one that can be written"
    if place.folder is None:
        detail = "no folder for it can be written: kernels are compiled anew in every run"
        return what(ok=False, detail=detail, remedy=remedy)
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen and place.kind != "chosen":
        detail = f"{chosen} ({CACHE_VARIABLE}) cannot be written: {place.folder} is taken"
        return what(ok=False, detail=detail, remedy=remedy)
    if place.kind == "temporary":
        detail = f"{place.folder}, as neither the program's folder nor the user's cache can be written"
        return what(ok=True, detail=detail)
    return what(ok=True, detail=str(place.folder))


def _size(count: float) -> str:
    return f"{count / GIGABYTE:.1f} GB"
