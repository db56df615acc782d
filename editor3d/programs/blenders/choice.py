"""Choose the Blender that opens a scene: the one that saved it, where it is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from editor3d.errors import ConfigError
from editor3d.programs.blenders import environments
from editor3d.programs.blenders.environments import called
from editor3d.programs.blenders.header import Version, saved_by
from editor3d.programs.blenders.interpreter import Interpreter, interpreter_at, own_interpreter

AUTO = "auto"


def choose(scene: Path, blender: str = AUTO, *, allow_older: bool = False) -> Interpreter:
    """Choose what opens a scene.

    Args:
        scene: the .blend file.
        blender: `auto`, a version such as 5.2, the path of a Python that has Blender's module, or of a Blender, in
            whose place the module of the same version is used.
        allow_older: accept a Blender older than the one that saved the scene.

    Raises:
        ConfigError: the version is not installed, or is older than the scene's.
    """
    saved = saved_by(scene)
    chosen = _automatic(saved) if blender == AUTO else _named(blender)
    if saved is not None and saved > chosen.version and not allow_older:
        raise ConfigError(
            f"{scene.name} was saved by Blender {called(saved)}, and Blender {chosen.name} would open it without what "
            f"the newer one has besides: run `editor3d blender install {called(saved)}`, or accept the loss with "
            f"--allow-older-blender."
        )
    return chosen


def _automatic(saved: Version | None) -> Interpreter:
    """The scene's own version; else this process's Blender if it is new enough; else the newest there is."""
    exact = None if saved is None else environments.find(saved)
    try:
        own = own_interpreter()
    except ConfigError:
        if exact is not None:
            return exact
        raise
    if saved is None or own.version == saved or (exact is None and own.version > saved):
        return own
    return exact or max([own, *environments.installed()], key=lambda one: one.blender)


def _named(blender: str) -> Interpreter:
    if re.fullmatch(r"\d+\.[\d.]+", blender):
        return _of_version(environments.version_of(blender), blender)
    path = Path(blender).expanduser()
    program = shutil.which(str(path))
    if program is None:
        raise ConfigError(
            f"Expected auto, a version such as 5.2, or the path of a Blender or of a Python that has its module, got "
            f"{blender!r}: check the path."
        )
    version = _version_of_program(program)
    return interpreter_at(Path(program).absolute()) if version is None else _of_version(version, blender)


def _of_version(version: Version, given: str) -> Interpreter:
    found = environments.find(version)
    if found is not None:
        return found
    own = own_interpreter()
    if own.version == version:
        return own
    raise ConfigError(
        f"Blender {called(version)} is not installed as a Python module ({given}): run `editor3d blender install "
        f"{called(version)}`."
    )


def _version_of_program(program: str) -> Version | None:
    """The version of a Blender; None where the program is none."""
    try:
        ran = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60.0)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.match(r"Blender (\d+)\.(\d+)", ran.stdout)
    return None if found is None else (int(found[1]), int(found[2]))
