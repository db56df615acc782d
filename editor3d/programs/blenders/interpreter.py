"""A Python that has Blender as a module: this process's own, or another."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from editor3d.errors import ConfigError
from editor3d.programs.blenders.header import Version

_SYSTEM = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/ld.so.conf")
_ENGINE = Path(__file__).parents[2]
"""The package `editor3d`, of which workers use what needs no library but Blender and numpy."""
_PROBE = """
import importlib.metadata, importlib.util, json, sys
found = [importlib.util.find_spec(name) for name in ("bpy", "numpy")]
print(json.dumps({
    "bpy": importlib.metadata.version("bpy") if found[0] else None,
    "prefixes": [sys.prefix, sys.base_prefix, sys.exec_prefix],
    "packages": [spec.origin for spec in found if spec and spec.origin],
}))
"""
_READS_MAPS = (5, 3)
_PROBE_SECONDS = 60.0


@dataclass(frozen=True)
class Interpreter:
    """What starts a worker."""

    python: str
    """The program."""
    blender: tuple[int, ...]
    """Its Blender's version, such as (4, 5, 15)."""
    reads: tuple[str, ...]
    """Folders and files that it is made of: a worker must be able to read them."""
    own: bool
    """Whether it is the one that runs this process, with all packages of the project."""

    @property
    def version(self) -> Version:
        return self.blender[0], self.blender[1]

    @property
    def name(self) -> str:
        """The version as people write it: 4.5.15."""
        return ".".join(map(str, self.blender))


def own_interpreter() -> Interpreter:
    """The one that runs this process.

    Raises:
        ConfigError: it has no Blender, or this system cannot confine a process at all.
    """
    if "fork" not in vars(os):
        raise ConfigError(f"Programs run in confined processes, which {sys.platform} has not: use Linux or macOS.")
    found = [importlib.util.find_spec(name) for name in ("bpy", "numpy")]
    if found[0] is None:
        raise ConfigError(
            "Programs need Blender as a Python module, which is not installed: run `pip install 'editor3d[blender]'`, "
            "or `editor3d blender install 4.5`."
        )
    packages = [spec.origin for spec in found if spec is not None and spec.origin]
    prefixes = [sys.prefix, sys.base_prefix, sys.exec_prefix]
    return Interpreter(sys.executable, _numbers(importlib.metadata.version("bpy")), _reads(prefixes, packages), True)


@functools.cache
def interpreter_at(python: Path) -> Interpreter:
    """Another Python, which is asked what it has.

    Raises:
        ConfigError: it is no Python, or has no Blender.
    """
    words = [str(python), "-I", "-B", "-c", _PROBE]
    try:
        ran = subprocess.run(words, capture_output=True, text=True, timeout=_PROBE_SECONDS, check=True)
        answer = json.loads(ran.stdout)
        version = answer["bpy"]
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"Expected a Python with Blender's module at {python}, found none: check the path."
        ) from error
    if version is None:
        raise ConfigError(f"The Python at {python} has no Blender: install it there by `{python} -m pip install bpy`.")
    return Interpreter(str(python), _numbers(version), _reads(answer["prefixes"], answer["packages"]), False)


def _reads(prefixes: list[str], packages: list[str]) -> tuple[str, ...]:
    places = [*prefixes, *(str(Path(origin).parent) for origin in packages), str(_ENGINE), *_SYSTEM]
    return tuple(dict.fromkeys(place for place in places if os.path.exists(place)))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:3] if part.isdecimal())


def memory_map(interpreter: Interpreter, folder: Path) -> dict[str, str]:
    """Files that a worker's tree needs besides, name inside to name outside: a stand-in for `/proc/self/maps`.

    From 5.3 on, Blender's library SYCL finds its own folder there as it is loaded, and ends the process where it does
    not. One line says that all addresses belong to that library; nothing of a process is shown.
    """
    if interpreter.version < _READS_MAPS:
        return {}
    library = next((Path(place) / "lib" / "libsycl.so" for place in interpreter.reads if place.endswith("bpy")), "")
    path = folder / "maps"
    path.write_text(f"000000000000-ffffffffffff r-xp 00000000 00:00 0 {library}\n")
    path.chmod(0o644)
    return {"/proc/self/maps": str(path)}


def engine_alone(folder: Path) -> Path:
    """Make a folder from which another Python imports `editor3d`, and none of the packages that lie beside it.

    Args:
        folder: where to make it; readable by everyone, as workers become another user.
    """
    path = folder / "engine"
    path.mkdir(mode=0o755)
    path.chmod(0o755)
    (path / _ENGINE.name).symlink_to(_ENGINE)
    return path
