"""Folders that the service made. It removes only those, whatever else lies beside them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from editor3d.errors import ConfigError

MARKER = ".editor3d-service"
"""The file by which such a folder is known."""
ROOT = "editor3d-service"
"""The service's own folder, within the one that it is given."""
_SAID = "Made by `editor3d serve`, which removes this folder when it is old.\n"


def make(folder: Path) -> Path:
    """Make a folder that only this user can read, and mark it.

    Raises:
        OSError: it is there already, or cannot be made.
    """
    folder.mkdir(mode=0o700)
    mark(folder)
    return folder


def mark(folder: Path) -> None:
    """Mark a folder that the service has just made."""
    descriptor = os.open(folder / MARKER, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(_SAID)


def is_owned(folder: Path) -> bool:
    """Whether the service made a folder; a link is never its own."""
    return not folder.is_symlink() and folder.is_dir() and (folder / MARKER).is_file()


def remove(folder: Path) -> bool:
    """Remove a folder with all that it holds, where the service made it; links are removed and not followed.

    Returns:
        Whether it was the service's.
    """
    owned = is_owned(folder)
    if owned:
        shutil.rmtree(folder, ignore_errors=True)
    return owned


def root(folder: Path) -> Path:
    """The service's own folder within one of the user's, made where it is missing.

    Raises:
        ConfigError: something else has its name, or it cannot be made.
    """
    place = folder / ROOT
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not os.path.lexists(place):
            return make(place)
    except OSError as error:
        raise ConfigError(
            f"Expected a folder for the service's files, but {place} cannot be made ({error.strerror}): give another "
            "with --folder."
        ) from error
    if not is_owned(place):
        raise ConfigError(
            f"Expected {place} to be the service's own folder, found one that it did not make: give another --folder."
        )
    return place
