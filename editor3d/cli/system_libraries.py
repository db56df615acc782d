"""System libraries that packages from PyPI load without bringing them.

The standard library alone is imported, so that a machine can be made ready before anything is installed:
`python3.11 -I editor3d/cli/system_libraries.py` prints the Debian packages that are missing.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass


@dataclass(frozen=True)
class Library:
    soname: str
    debian: str
    """The package that brings it, with what it needs itself, on Debian and Ubuntu."""
    needed_by: tuple[str, ...]
    """Packages that cannot be imported without it."""


LIBRARIES = (
    Library("libusb-1.0.so.0", "libusb-1.0-0", ("open3d",)),
    Library("libEGL.so.1", "libegl1", ("open3d",)),
    Library("libGL.so.1", "libgl1", ("open3d", "bpy")),
    Library("libX11.so.6", "libx11-6", ("open3d", "bpy")),
    Library("libXrender.so.1", "libxrender1", ("bpy",)),
    Library("libXfixes.so.3", "libxfixes3", ("bpy",)),
    Library("libXi.so.6", "libxi6", ("bpy",)),
    Library("libxkbcommon.so.0", "libxkbcommon0", ("bpy",)),
    Library("libSM.so.6", "libsm6", ("bpy",)),
    Library("libICE.so.6", "libice6", ("bpy",)),
)


def missing_libraries(libraries: tuple[Library, ...] = LIBRARIES) -> list[Library]:
    """Those that the dynamic loader does not find."""
    return [library for library in libraries if not _loads(library.soname)]


def _loads(soname: str) -> bool:
    try:
        ctypes.CDLL(soname)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    print(*(library.debian for library in missing_libraries()))
