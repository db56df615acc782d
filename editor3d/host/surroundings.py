"""Set the environment that libraries read when they are imported: threads, name, folders."""

from __future__ import annotations

import atexit
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

EVENTS_VARIABLE = "EDITOR3D_EVENTS"
"""The environment variable that names the file of events for commands without a flag for it, such as `ns-train`."""


def settle() -> None:
    """Set the variables that are not set, for this process and its children: the first thing a command does.

    Importing the project sets nothing: the process may be that of somebody else.
    """
    os.environ.update(_lacking())


@contextmanager
def settled() -> Iterator[None]:
    """The same within a block, for a call from another program's Python. Decorates functions too."""
    with lent(**_lacking()):
        yield


@contextmanager
def lent(**variables: str) -> Iterator[None]:
    """Set those variables of the environment that are not set, and unset them at the end."""
    own = {name: value for name, value in variables.items() if name not in os.environ}
    os.environ.update(own)
    try:
        yield
    finally:
        for name in own:
            os.environ.pop(name, None)


def _lacking() -> dict[str, str]:
    # torch and numba each have threads of their own; those of one that wait must not take the cores from the other.
    wanted = {"OMP_WAIT_POLICY": "PASSIVE", **_user()}
    wanted |= _matplotlib_folder(Path(os.environ.get("HOME") or wanted.get("HOME") or os.path.expanduser("~")))
    return {name: value for name, value in wanted.items() if name not in os.environ}


def _user() -> dict[str, str]:
    """A user whom the system has no name for, as in a container: torch asks for a name, others for a home."""
    if not hasattr(os, "getuid"):
        return {}
    import pwd

    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        return {"USER": f"user{os.getuid()}", "HOME": os.sep}
    return {}


def _matplotlib_folder(home: Path) -> dict[str, str]:
    """Without a folder for its list of fonts, matplotlib makes the list anew in every run, and complains."""
    if "MPLCONFIGDIR" in os.environ:
        return {}
    for variable, usual in (("XDG_CONFIG_HOME", ".config"), ("XDG_CACHE_HOME", ".cache")):
        place = Path(os.environ.get(variable) or home / usual, "matplotlib")
        while not place.exists() and place != place.parent:
            place = place.parent
        if not os.access(place, os.W_OK | os.X_OK):
            with suppress(OSError):  # a missing folder for temporary files is reported once one is needed
                return {"MPLCONFIGDIR": str(private_folder("matplotlib"))}
    return {}


def cache_folder() -> Path:
    """The user's place for what can be made again, on a disk and not in memory; it may not be there yet."""
    import platformdirs

    return platformdirs.user_cache_path("editor3d", appauthor=False)


def private_folder(name: str) -> Path:
    """A temporary folder of this user alone, the same one in every run unless somebody else has taken its name.

    Code and fonts are read from such folders: nobody else may write to them.

    Raises:
        OSError: there is no folder for temporary files.
    """
    import tempfile

    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"editor3d-{name}-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        own = stat.S_ISDIR(found.st_mode) and found.st_uid == user and not found.st_mode & 0o077
    except OSError:
        own = False
    if own and os.access(folder, os.W_OK | os.X_OK):
        return folder
    return _stand_in(name, tempfile.gettempdir())


@cache
def _stand_in(name: str, place: str) -> Path:
    """A folder of another name, for this process, which takes it away when it ends."""
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix=f"editor3d-{name}-", dir=place))
    atexit.register(_remove, folder, os.getpid())
    return folder


def _remove(folder: Path, owner: int) -> None:
    import shutil

    if os.getpid() == owner:  # not in a process that was forked meanwhile
        shutil.rmtree(folder, ignore_errors=True)
