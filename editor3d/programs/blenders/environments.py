"""Environments with a Blender of a version of their own, in this user's data folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from editor3d.errors import ConfigError, Editor3DError
from editor3d.programs.blenders.header import Version
from editor3d.programs.blenders.interpreter import Interpreter, interpreter_at

FOLDER_VARIABLE = "EDITOR3D_BLENDERS"
"""Names another folder for the environments."""
FIRST, PYTHON_313 = (4, 2), (5, 1)
"""The first version that can be installed, and the first that runs under Python 3.13; those before it take 3.11."""
INSTALL_SECONDS = 1800.0


def folder() -> Path:
    """Where the environments lie, one a version; each takes about 1 GB."""
    given = os.environ.get(FOLDER_VARIABLE, "").strip()
    return Path(given).expanduser() if given else platformdirs.user_data_path("editor3d") / "blender"


def version_of(text: str) -> Version:
    """Read a version such as 5.2 or 5.2.3.

    Raises:
        ConfigError: it is none, or one that cannot be installed.
    """
    found = re.fullmatch(r"(\d)\.(\d{1,2})(\.\d{1,3})?", text.strip())
    if found is None:
        raise ConfigError(f"Expected a version of Blender such as 5.2, got {text!r}: give two numbers with a dot.")
    version = int(found[1]), int(found[2])
    if version < FIRST:
        raise ConfigError(
            f"Expected Blender {called(FIRST)} or newer, which exist as a Python module, got {text}: Blender "
            f"{called(FIRST)} opens the scenes of older ones."
        )
    return version


def called(version: Version) -> str:
    return f"{version[0]}.{version[1]}"


def installed() -> list[Interpreter]:
    """Those that are there and work, oldest first."""
    found = []
    for path in sorted(folder().glob("*.*")):
        try:
            found.append(interpreter_at(_python_in(path)))
        except ConfigError:
            continue  # half installed, or its Python is gone
    return sorted(found, key=lambda one: one.blender)


def find(version: Version) -> Interpreter | None:
    """The newest one of a version; None where none is installed."""
    return next((one for one in reversed(installed()) if one.version == version), None)


def install(text: str) -> Interpreter:
    """Make an environment with a version's newest Blender from the package registry; about 400 MB are fetched.

    Args:
        text: 5.2 for the newest of it, or 5.2.3.

    Raises:
        ConfigError: no version, no Python that it runs under, or the registry does not have it.
    """
    version = version_of(text)
    there = find(version)
    if there is not None and text.strip() in (called(version), there.name):
        return there
    exact = text.strip() if text.count(".") == 2 else f"{called(version)}.*"
    python, path = _python_for(version), folder() / called(version)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    try:
        _ran([python, "-m", "venv", str(unfinished)])
        pip = [str(_python_in(unfinished)), "-m", "pip", "install", "--quiet", "--no-cache-dir"]
        _ran([*pip, "--disable-pip-version-check", "--only-binary", ":all:", f"bpy=={exact}"])
        shutil.rmtree(path, ignore_errors=True)
        unfinished.rename(path)
    except (OSError, subprocess.SubprocessError) as error:
        raise ConfigError(
            f"Blender {text} could not be installed ({_last_line(error)}): check the network and the version, or give "
            f"--blender a Python that has Blender's module."
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    interpreter_at.cache_clear()
    return interpreter_at(_python_in(path))


def remove(text: str) -> None:
    """Remove a version's environment.

    Raises:
        ConfigError: there is none.
    """
    path = folder() / called(version_of(text))
    if not path.is_dir():
        raise ConfigError(f"Blender {text} is not installed here: see `editor3d blender list`.")
    try:
        shutil.rmtree(path)
    except OSError as error:
        raise Editor3DError(f"Could not remove {path} ({error.strerror}): remove it by hand.") from error
    interpreter_at.cache_clear()


def python_name(version: Version) -> str:
    """The Python that a version of Blender is made for."""
    return "3.13" if version >= PYTHON_313 else "3.11"


def _python_in(environment: Path) -> Path:
    return environment / "bin" / "python"


def _python_for(version: Version) -> str:
    wanted = python_name(version)
    for path in _pythons(wanted):
        try:
            ran = _ran([path, "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
        except (OSError, subprocess.SubprocessError):
            continue  # such as a shim of pyenv without a version behind it
        if ran.strip() == wanted:
            return path
    raise ConfigError(
        f"Blender {called(version)} needs Python {wanted}, and none was found: install it, such as by "
        f"`uv python install {wanted}` or `pyenv install {wanted}`."
    )


def _pythons(wanted: str) -> Iterator[str]:
    if sys.version_info[:2] == tuple(map(int, wanted.split("."))):
        yield sys.executable
    on_path = shutil.which(f"python{wanted}")
    if on_path is not None:
        yield on_path
    homes = [
        Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions",
        platformdirs.user_data_path("uv") / "python",
    ]
    for home in homes:
        yield from map(str, sorted(home.glob(f"*{wanted}.*/bin/python{wanted}"), reverse=True))


def _ran(words: list[str]) -> str:
    # without the variables by which this process's own environment would be found
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    ran = subprocess.run(words, env=kept, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=True)
    return ran.stdout


def _last_line(error: Exception) -> str:
    said = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
    lines = [line.strip() for line in (said or "").splitlines() if line.strip()]
    return lines[-1][:200].rstrip(".") if lines else type(error).__name__
